using System.Text.Encodings.Web;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Sirocco.Cli.Records;

/// <summary>One JSON object of a JSON Lines file, with errors that name the line and the key.</summary>
internal sealed class JsonRecord : IDisposable
{
    /// <summary>Text is written as it is, not as \u escapes.</summary>
    public static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 64 };

    private readonly JsonDocument document;
    private readonly string place;

    private JsonRecord(JsonDocument document, string place)
    {
        this.document = document;
        this.place = place;
    }

    public IEnumerable<JsonProperty> Properties => document.RootElement.EnumerateObject();

    public static JsonRecord Parse(ReadOnlyMemory<byte> line, string place)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(line, Options);
        }
        catch (JsonException failure)
        {
            throw new InvalidDataException($"{place} is not JSON at byte {failure.BytePositionInLine ?? 0}; every line must be one JSON object", failure);
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object) return new JsonRecord(document, place);
        document.Dispose();
        throw new InvalidDataException($"{place} is not a JSON object; every line must be one such as {{\"text\": \"…\"}}");
    }

    /// <summary>
    /// The string under <paramref name="key"/>, or null where there is none. Half a surrogate pair, which JSON can escape and no text holds, is U+FFFD.
    /// </summary>
    public string? OptionalText(string key)
    {
        if (!document.RootElement.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind != JsonValueKind.String) throw new InvalidDataException($"{place}: \"{key}\" must be a string, not {value.ValueKind}");
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return JsonText.Repair(JsonMarshal.GetRawUtf8Value(value))
                ?? throw new InvalidDataException($"{place}: \"{key}\" is not valid UTF-8; repair the text");
        }
    }

    public string Text(string key) => OptionalText(key) ?? throw new InvalidDataException($"{place} has no \"{key}\"");

    /// <summary>The text to embed: <c>title</c> and <c>text</c> joined with a space where there is a title, as corpus records are.</summary>
    public string TitledText() => OptionalText("title") is { Length: > 0 } title ? title + " " + Text("text") : Text("text");

    /// <summary>The value under <paramref name="key"/> as text, whether it is written as a string or as a number; null where there is none.</summary>
    public string? Identifier(string key) =>
        !document.RootElement.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.Number ? value.GetRawText()
        : OptionalText(key);

    /// <summary>The list of token ids under <paramref name="key"/>.</summary>
    public int[] Ids(string key)
    {
        if (!document.RootElement.TryGetProperty(key, out JsonElement value)) throw new InvalidDataException($"{place} has no \"{key}\"");
        if (value.ValueKind != JsonValueKind.Array) throw new InvalidDataException($"{place}: \"{key}\" must be a list of token ids, not {value.ValueKind}");
        int[] ids = new int[value.GetArrayLength()];
        int i = 0;
        foreach (JsonElement element in value.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt32(out ids[i]))
            {
                throw new InvalidDataException($"{place}: \"{key}\"[{i}] must be a token id, not {Shortened(element.GetRawText())}");
            }

            i++;
        }

        return ids;
    }

    public void Dispose() => document.Dispose();

    private static string Shortened(string text) => text.Length <= 40 ? text : text[..39] + "…";
}
