using System.Text.Json;

namespace Sirocco.Training;

/// <summary>The metadata file of a corpus.</summary>
internal static class CorpusMetadata
{
    public static (JsonElement Metadata, CorpusDescription Description) Read(string path, string source)
    {
        JsonElement metadata = Parse(path);
        string id = Text(path, metadata, "corpus_id") ?? throw new InvalidDataException($"{path}: has no 'corpus_id', by which records name the corpus");
        return (metadata, new CorpusDescription
        {
            Id = id,
            Path = source,
            QueryInstruction = Text(path, metadata, "query_instruction") ?? "",
            PassageInstruction = Text(path, metadata, "passage_instruction") ?? "",
            TaskType = Text(path, metadata, "task_type") ?? "",
        });
    }

    /// <summary>A JSON object.</summary>
    public static JsonElement Parse(string path) => Parse(path, File.ReadAllBytes(path));

    /// <summary>A JSON object whose file has been read.</summary>
    public static JsonElement Parse(string path, byte[] content)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(content);
            if (JsonRecords.HalfSurrogateAt(content) >= 0)
                throw new InvalidDataException($"{path}: the name of a member is not valid Unicode (half a surrogate pair); repair the name");
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone()
                : throw new InvalidDataException($"{path}: is no JSON object");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}:{(e.LineNumber ?? 0) + 1}: is not JSON at byte {e.BytePositionInLine ?? 0} of the line", e);
        }
    }

    /// <summary>A text member; null where it is missing or null.</summary>
    public static string? Text(string path, JsonElement metadata, string key)
    {
        if (!metadata.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null) return null;
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString()
                : throw new InvalidDataException($"{path}: '{key}' is {RecordFields.Kind(value)}, expected a text");
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"{path}: '{key}' is not valid Unicode", e);
        }
    }
}
