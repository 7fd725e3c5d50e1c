using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// Values given beside a recipe: <c>--a.b value</c>, <c>--a.b=value</c>, a bare <c>--a.b</c> for true, and <c>a.b=value</c>. A word after a key is its value
/// unless it begins with two hyphens, so <c>-1</c> is a value.
/// </summary>
internal static class Overrides
{
    /// <summary>Splits words into keys and values.</summary>
    /// <exception cref="InvalidDataException">A word is neither.</exception>
    public static IReadOnlyList<(string Key, string Value, string Text)> Parse(IReadOnlyList<string> words)
    {
        List<(string, string, string)> result = [];
        for (int i = 0; i < words.Count; i++)
        {
            string word = words[i];
            bool dashed = word.StartsWith("--", StringComparison.Ordinal);
            string body = dashed ? word.TrimStart('-') : word;
            int equals = body.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0) result.Add((body[..equals], body[(equals + 1)..], word));
            else if (!dashed || body.Length == 0 || equals == 0)
                throw new InvalidDataException($"'{Visible.Short(word)}' is no override; write --section.key value or section.key=value");
            else if (i + 1 < words.Count && !words[i + 1].StartsWith("--", StringComparison.Ordinal)) result.Add((body, words[++i], $"{word} {words[i]}"));
            else result.Add((body, "True", word));
        }

        return result;
    }

    /// <summary>Puts a value at a dotted key. Sections on the way are made where they are missing, and take the place of plain values.</summary>
    public static void Apply(RecipeMapping root, string key, string value, string text)
    {
        string[] parts = key.Split('.');
        if (parts.Any(string.IsNullOrWhiteSpace))
            throw new InvalidDataException($"'{Visible.Short(text)}' has an empty part in its key; write --section.key value");
        ValueOrigin origin = ValueOrigin.OfOverride(Visible.Short(text));
        RecipeMapping section = root;
        foreach (string part in parts[..^1])
        {
            if (section[part] is not RecipeMapping inner)
            {
                if (section[part] is RecipeSequence)
                {
                    throw new InvalidDataException(
                        $"{origin}: '{part}' is a list ({section[part]!.Origin}), whose entries have no keys; give the whole list, such as \"['a', 'b']\"");
                }
                section.Set(part, inner = new RecipeMapping(origin));
            }

            section = inner;
        }

        section.Set(parts[^1], ValueTranslation.Node(ValueTranslation.Literal(value), origin));
    }
}
