using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>Typed access to a JSON object from outside: every failure is one line that names the file, the key and what was expected.</summary>
internal sealed class ConfigReader
{
    private const long LongestFile = 64L << 20;
    private readonly JsonElement element;
    private readonly string prefix;

    private ConfigReader(string file, JsonElement element, string prefix)
    {
        File = file;
        this.element = element;
        this.prefix = prefix;
    }

    /// <summary>Path of the file, for messages.</summary>
    public string File { get; }

    /// <summary>The object itself.</summary>
    public JsonElement Element => element;

    /// <summary>Reads a file that must hold one JSON object.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is not a JSON object, or too large to be a configuration.</exception>
    public static ConfigReader Load(string file)
    {
        JsonElement root = LoadElement(file);
        return root.ValueKind == JsonValueKind.Object ? new ConfigReader(file, root, "")
            : throw new InvalidDataException($"{file}: is a JSON {Kind(root)}, not an object");
    }

    /// <summary>Reads a file that must hold one JSON document.</summary>
    public static JsonElement LoadElement(string file)
    {
        FileInfo found = new(file);
        if (Directory.Exists(file)) throw new InvalidDataException($"{file}: is a folder, not a file");
        if (!found.Exists) throw new FileNotFoundException($"{file}: no such file", file);
        // opening a pipe would wait for its writer
        if (found.Length == 0) throw new InvalidDataException($"{file}: is empty or no regular file, expected a JSON document");
        if (found.Length > LongestFile) throw new InvalidDataException($"{file}: {found.Length} bytes are too many for a configuration");
        byte[] bytes = System.IO.File.ReadAllBytes(file);
        return Parse(file, bytes);
    }

    /// <summary>Parses a document in memory, as <see cref="Load"/> does with a file.</summary>
    public static ConfigReader FromBytes(string file, ReadOnlyMemory<byte> bytes)
    {
        JsonElement root = Parse(file, bytes);
        return root.ValueKind == JsonValueKind.Object ? new ConfigReader(file, root, "")
            : throw new InvalidDataException($"{file}: is a JSON {Kind(root)}, not an object");
    }

    /// <summary>An object that stands for what a file of another form says: its keys are those of config.json, its messages name the file.</summary>
    public static ConfigReader FromObject(string file, JsonObject json) => FromBytes(file, System.Text.Encoding.UTF8.GetBytes(json.ToJsonString()));

    /// <summary>An object inside an array of the file, named in messages by <paramref name="prefix"/>.</summary>
    public static ConfigReader FromElement(string file, JsonElement element, string prefix) =>
        element.ValueKind == JsonValueKind.Object ? new ConfigReader(file, element, prefix)
            : throw new InvalidDataException($"{file}: {prefix} is a JSON {Kind(element)}, not an object");

    /// <summary>Whether the key is there and not null.</summary>
    public bool Has(string key) => element.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>Whether the key is there, be it null.</summary>
    public bool Mentions(string key) => element.TryGetProperty(key, out _);

    /// <summary>A whole number that must be there.</summary>
    public int Int(string key, int least, int most) => Has(key) ? Int(key, least, most, 0) : throw Missing(key, "a whole number");

    /// <summary>A whole number, or the default of its configuration class.</summary>
    public int Int(string key, int least, int most, int fallback)
    {
        if (!Has(key)) return fallback;
        JsonElement value = element.GetProperty(key);
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double number) || number != Math.Floor(number))
            throw Wrong(key, "a whole number");
        if (number < least || number > most) throw Wrong(key, string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}"));
        return (int)number;
    }

    /// <summary>A number, or the default of its configuration class.</summary>
    public double Number(string key, double least, double most, double fallback)
    {
        if (!Has(key)) return fallback;
        JsonElement value = element.GetProperty(key);
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double number) || !double.IsFinite(number)) throw Wrong(key, "a number");
        if (number < least || number > most) throw Wrong(key, string.Create(CultureInfo.InvariantCulture, $"a number from {least} to {most}"));
        return number;
    }

    /// <summary>A truth value, or a default.</summary>
    public bool Bool(string key, bool fallback) => OptionalBool(key) ?? fallback;

    /// <summary>A truth value, or null.</summary>
    public bool? OptionalBool(string key)
    {
        if (!Has(key)) return null;
        return element.GetProperty(key).ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Wrong(key, "true or false"),
        };
    }

    /// <summary>A string, or null.</summary>
    public string? Text(string key)
    {
        if (!Has(key)) return null;
        JsonElement value = element.GetProperty(key);
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Wrong(key, "a string");
    }

    /// <summary>A string or a list of strings; empty where the key is not there.</summary>
    public IReadOnlyList<string> Texts(string key)
    {
        if (!Has(key)) return [];
        JsonElement value = element.GetProperty(key);
        if (value.ValueKind == JsonValueKind.String) return [value.GetString()!];
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.String))
            throw Wrong(key, "a list of strings");
        return [.. value.EnumerateArray().Select(item => item.GetString()!)];
    }

    /// <summary>A token id or a list of them; empty where the key is not there.</summary>
    public IReadOnlyList<int> Ids(string key)
    {
        if (!Has(key)) return [];
        JsonElement value = element.GetProperty(key);
        IEnumerable<JsonElement> items = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [value];
        List<int> ids = [];
        foreach (JsonElement item in items)
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out int id)) throw Wrong(key, "a token id or a list of them");
            ids.Add(id);
        }

        return ids;
    }

    /// <summary>An object, or null.</summary>
    public ConfigReader? Object(string key)
    {
        if (!Has(key)) return null;
        JsonElement value = element.GetProperty(key);
        return value.ValueKind == JsonValueKind.Object ? new ConfigReader(File, value, $"{prefix}{key}.") : throw Wrong(key, "an object");
    }

    /// <summary>An object of strings, in file order; empty where the key is not there.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="ofNull">What a null among the values stands for; null refuses it.</param>
    public IReadOnlyList<KeyValuePair<string, string>> Map(string key, string? ofNull = null)
    {
        if (Object(key) is not { } inner) return [];
        List<KeyValuePair<string, string>> entries = [];
        foreach (JsonProperty property in inner.element.EnumerateObject())
        {
            string? value = property.Value.ValueKind switch { JsonValueKind.String => property.Value.GetString(), JsonValueKind.Null => ofNull, _ => null };
            entries.Add(new(property.Name, value ?? throw inner.Wrong(property.Name, "a string")));
        }

        return entries;
    }

    /// <summary>The error for a key whose value is not what it should be.</summary>
    public InvalidDataException Wrong(string key, string expected)
    {
        string value = element.TryGetProperty(key, out JsonElement found) ? found.GetRawText() : "absent";
        return new InvalidDataException($"{File}: {prefix}{key} is {Visible.Short(value)}, expected {expected}");
    }

    /// <summary>The error for a key that must be there.</summary>
    public InvalidDataException Missing(string key, string expected) => new($"{File}: {prefix}{key} is missing, expected {expected}");

    private static JsonElement Parse(string file, ReadOnlyMemory<byte> bytes)
    {
        ReadOnlySpan<byte> byteOrderMark = [0xEF, 0xBB, 0xBF];
        if (bytes.Span.StartsWith(byteOrderMark)) bytes = bytes[3..];
        if (!System.Text.Unicode.Utf8.IsValid(bytes.Span)) throw new InvalidDataException($"{file}: is not UTF-8 text");
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false });
            CheckStrings(document.RootElement);
            return document.RootElement.Clone();
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"{file}: holds a string with an unpaired surrogate", e);
        }
        catch (JsonException e)
        {
            // A key that comes twice has no position, but the runtime's message names it.
            string what = e.LineNumber is { } line ? $"is not valid JSON at line {line + 1}, byte {e.BytePositionInLine + 1}"
                : $"is not usable JSON: {e.Message}";
            throw new InvalidDataException($"{file}: {what}", e);
        }
    }

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => "list",
        JsonValueKind.Object => "object",
        JsonValueKind.String => "string",
        JsonValueKind.Number => "number",
        JsonValueKind.Null => "null",
        _ => "truth value",
    };

    /// <summary>
    /// JSON may escape unpaired surrogates, which no string can be made of: better refused here than wherever one is first looked at. The parser bounds the
    /// depth.
    /// </summary>
    private static void CheckStrings(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray()) CheckStrings(item);
                break;
            case JsonValueKind.Object:
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    if (property.Name is not null) CheckStrings(property.Value);
                }

                break;
        }
    }
}
