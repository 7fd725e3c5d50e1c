using System.Numerics;

namespace Sirocco.Training;

/// <summary>
/// The second reading of every text in a recipe, quoted in YAML or not: <c>none</c> is null, <c>true</c> is true, Python's literals are what they say
/// (<c>1e-6</c>, <c>1_000</c>, <c>['a', 'b']</c>), and the rest stays text. Environment variables are put in before. Import paths (<c>_target_</c> and keys in
/// <c>_fn</c>) stay as they are.
/// </summary>
internal sealed class ValueTranslation(Func<string, string?> lookUp)
{
    private const int LengthLimit = 1000; // longer text stays text

    /// <summary>A tree with every text translated.</summary>
    public RecipeMapping Translate(RecipeMapping mapping)
    {
        RecipeMapping result = new(mapping.Origin);
        foreach (string key in mapping.Keys) result.Set(key, Translate(key, mapping[key]!));
        return result;
    }

    private RecipeNode Translate(string key, RecipeNode node) => node switch
    {
        RecipeMapping mapping => Translate(mapping),
        RecipeSequence sequence => new RecipeSequence([.. sequence.Items.Select(item => Translate("", item))], sequence.Origin),
        RecipeScalar { Value: string } when key == "_target_" || key.EndsWith("_fn", StringComparison.Ordinal) => node,
        RecipeScalar { Value: string text } => Translate(text, node.Origin),
        _ => node,
    };

    private RecipeNode Translate(string text, ValueOrigin origin)
    {
        List<string> used = [];
        string expanded = EnvironmentValues.Expand(text, lookUp, used, out string? unset);
        if (used.Count == 0) return Node(Literal(text), origin);
        origin = origin with { Variables = used };
        if (unset is not null) return new RecipeScalar(text, origin) { UnsetVariable = unset };
        RecipeNode node = Node(Literal(expanded), origin);
        return node is RecipeScalar scalar ? new RecipeScalar(scalar.Value, origin) { Written = text } : node;
    }

    /// <summary>What a text means.</summary>
    internal static object? Literal(string text) => text switch
    {
        "none" or "None" => null,
        "true" or "True" => true,
        "false" or "False" => false,
        { Length: > LengthLimit } => text,
        _ => PythonLiteral.TryParse(text, out object? value) ? value : text,
    };

    /// <summary>A literal as part of a recipe; every value in it came from the same place.</summary>
    internal static RecipeNode Node(object? value, ValueOrigin origin)
    {
        switch (value)
        {
            case List<object?> items:
                return new RecipeSequence([.. items.Select(item => Node(item, origin))], origin);
            case List<KeyValuePair<object?, object?>> pairs:
                RecipeMapping mapping = new(origin);
                foreach ((object? key, object? item) in pairs) mapping.Set(key as string ?? YamlWriter.Plain(key), Node(item, origin));
                return mapping;
            case null or bool or long or BigInteger or double or string:
                return new RecipeScalar(value, origin);
            default:
                throw new ArgumentException($"a recipe cannot hold a {value.GetType().Name}", nameof(value));
        }
    }
}
