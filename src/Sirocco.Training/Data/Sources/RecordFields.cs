using System.Text.Json;

namespace Sirocco.Training;

/// <summary>Members of one record, with errors that name the place and the key.</summary>
internal readonly struct RecordFields
{
    private readonly JsonElement record;
    private readonly RecordPlace place;

    public RecordFields(JsonElement record, RecordPlace place)
    {
        if (record.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"{place}: is {Kind(record)}, expected an object with a query and its documents");
        this.record = record;
        this.place = place;
    }

    public bool Has(string key) => record.TryGetProperty(key, out _);

    public bool Has(string key, out JsonElement value) => record.TryGetProperty(key, out value);

    public IEnumerable<string> Keys => record.EnumerateObject().Select(member => member.Name);

    public JsonElement Required(string key) => record.TryGetProperty(key, out JsonElement value) ? value : throw Missing(key);

    public InvalidDataException Missing(params string[] keys) =>
        new($"{place}: the record has no {string.Join(" or ", keys.Select(key => $"'{key}'"))}; its keys are {string.Join(", ", Keys.Take(12).Select(Shown))}");

    public InvalidDataException Wrong(string key, string problem) => new($"{place}: '{key}' {problem}");

    /// <summary>A text that must be a string with something in it.</summary>
    public string Text(string key, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String) throw Wrong(key, $"is {Kind(value)}, expected a text");
        string text = Decoded(key, value)!;
        return text.Length > 0 ? text : throw Wrong(key, "is empty; give a text or remove the record");
    }

    /// <summary>A string or another scalar as text.</summary>
    public string Scalar(string key, JsonElement value) => Decoded(key, value) ?? throw Wrong(key, $"is {Kind(value)}, expected a text or a number");

    /// <summary>The elements of a list, or the value itself; none where it is null.</summary>
    public static IEnumerable<JsonElement> Items(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.EnumerateArray(),
        JsonValueKind.Null => [],
        _ => [value],
    };

    public static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => "a list",
        JsonValueKind.Object => "an object",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "a truth value",
    };

    private string? Decoded(string key, JsonElement value)
    {
        try
        {
            return PythonText.Of(value);
        }
        catch (InvalidOperationException failure)
        {
            throw new InvalidDataException($"{place}: '{key}' is not valid Unicode (half a surrogate pair); repair the text", failure);
        }
    }

    private static string Shown(string key) => $"'{(key.Length <= 40 ? key : key[..40] + "…")}'";
}
