using System.Text.Json;

namespace Sirocco.Text.Files;

/// <summary>A value of a tokenizer file with the path that leads to it, so that whatever is wrong can be named.</summary>
internal readonly record struct JsonField(JsonElement Element, string Path)
{
    /// <summary>What is wrong with a string of which .NET's reader says no more than that the operation is invalid.</summary>
    public const string HalfPair = "a string holds half of a surrogate pair, which is no text; the file is damaged";

    public bool IsNull => Element.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    /// <summary>A key that must be there.</summary>
    public JsonField Get(string name)
    {
        JsonField field = Optional(name);
        return field.Element.ValueKind == JsonValueKind.Undefined ? throw Wrong($"the key '{name}' is missing") : field;
    }

    /// <summary>A key that may be missing: <see cref="IsNull"/> then.</summary>
    public JsonField Optional(string name)
    {
        if (Element.ValueKind != JsonValueKind.Object) throw Wrong("expected an object");
        return new JsonField(Element.TryGetProperty(name, out JsonElement value) ? value : default, Path.Length == 0 ? name : $"{Path}.{name}");
    }

    public string Text()
    {
        if (Element.ValueKind != JsonValueKind.String) throw Wrong("expected a string");
        try
        {
            return Element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Wrong(HalfPair);
        }
    }

    public string? TextOrNull() => IsNull ? null : Text();

    public bool Flag(bool absent = false) => Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null or JsonValueKind.Undefined => absent,
        _ => throw Wrong("expected true or false"),
    };

    /// <summary>A whole number of the range.</summary>
    public int Integer(int minimum = 0, int maximum = int.MaxValue) =>
        Element.ValueKind == JsonValueKind.Number && Element.TryGetInt32(out int value) && value >= minimum && value <= maximum
            ? value
            : throw Wrong($"expected a whole number from {minimum} to {maximum}");

    public IEnumerable<JsonField> Items()
    {
        if (Element.ValueKind != JsonValueKind.Array) throw Wrong("expected a list");
        int index = 0;
        foreach (JsonElement item in Element.EnumerateArray()) yield return new JsonField(item, $"{Path}[{index++}]");
    }

    public IEnumerable<(string Name, JsonField Value)> Properties()
    {
        if (Element.ValueKind != JsonValueKind.Object) throw Wrong("expected an object");
        foreach (JsonProperty property in Element.EnumerateObject()) yield return (property.Name, new JsonField(property.Value, $"{Path}.{property.Name}"));
    }

    public InvalidDataException Wrong(string reason) => new(Path.Length == 0 ? reason : $"{Path}: {reason}");
}
