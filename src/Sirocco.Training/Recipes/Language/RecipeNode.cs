namespace Sirocco.Training;

/// <summary>A value of a recipe and where it was written.</summary>
internal abstract class RecipeNode(ValueOrigin origin)
{
    public ValueOrigin Origin { get; } = origin;

    /// <summary>What a value of this kind is called in messages.</summary>
    public abstract string Kind { get; }
}

/// <summary>
/// A single value: null, <see cref="bool"/>, <see cref="long"/>, <see cref="System.Numerics.BigInteger"/>, <see cref="double"/> or <see cref="string"/>.
/// </summary>
internal sealed class RecipeScalar(object? value, ValueOrigin origin) : RecipeNode(origin)
{
    /// <summary>The value, with environment variables put in.</summary>
    public object? Value { get; init; } = value;

    /// <summary>The value as a configuration file keeps it: <c>${…}</c> stays as it was written.</summary>
    public object? Written { get; init; } = value;

    /// <summary>An environment variable that the value needs and nobody set; whoever reads the value must refuse it.</summary>
    public string? UnsetVariable { get; init; }

    public override string Kind => Value switch
    {
        null => "none",
        bool value => value ? "true" : "false",
        string text => $"'{Formats.Visible.Short(text)}'",
        _ => YamlWriter.Plain(Value),
    };
}

/// <summary>A list.</summary>
internal sealed class RecipeSequence(IReadOnlyList<RecipeNode> items, ValueOrigin origin) : RecipeNode(origin)
{
    public IReadOnlyList<RecipeNode> Items { get; } = items;

    public override string Kind => "a list";
}

/// <summary>Keys and values in the order of the file.</summary>
internal sealed class RecipeMapping(ValueOrigin origin) : RecipeNode(origin)
{
    private readonly List<string> keys = [];
    private readonly Dictionary<string, RecipeNode> values = new(StringComparer.Ordinal);

    public IReadOnlyList<string> Keys => keys;

    public override string Kind => "a section";

    public RecipeNode? this[string key] => values.GetValueOrDefault(key);

    /// <summary>Adds a key at the end, or gives an existing one another value in its place.</summary>
    public void Set(string key, RecipeNode value)
    {
        if (!values.ContainsKey(key)) keys.Add(key);
        values[key] = value;
    }
}
