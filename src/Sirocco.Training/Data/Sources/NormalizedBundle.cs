using System.Text;
using System.Text.Json;

namespace Sirocco.Training;

/// <summary>
/// The reference's normalised bundle: metadata.json, records in Arrow streams under train/, documents in Arrow streams under corpus/. A bundle of several
/// sources has a bundle for each under sources/.
/// </summary>
internal static class NormalizedBundle
{
    private const string MetadataName = "metadata.json", Format = "nemo_automodel_normalized_vl_retrieval_arrow";

    /// <summary>The folder of a bundle, given it or its metadata.json; null for anything else.</summary>
    public static string? Find(string path)
    {
        string folder = Path.GetFileName(path) == MetadataName ? Path.GetDirectoryName(Path.GetFullPath(path))! : path;
        string file = Path.Combine(folder, MetadataName);
        if (!File.Exists(file)) return null;
        byte[] content = File.ReadAllBytes(file);
        if (content.AsSpan().IndexOf(Encoding.ASCII.GetBytes(Format)) < 0) return null;   // a file of that name may be anybody's, and need not be an object
        return CorpusMetadata.Parse(file, content).TryGetProperty("format", out JsonElement format)
            && format.ValueKind == JsonValueKind.String && format.ValueEquals(Format) ? folder : null;
    }

    public static void Read(string folder, RetrievalRows rows)
    {
        string path = Path.Combine(folder, MetadataName);
        JsonElement metadata = CorpusMetadata.Parse(path);
        if (!metadata.TryGetProperty("version", out JsonElement version) || version.ValueKind != JsonValueKind.Number
            || !version.TryGetInt32(out int number) || number != 1)
        {
            throw new InvalidDataException($"{path}: 'version' is not 1, the only one that is known; write the bundle anew");
        }
        if (metadata.TryGetProperty("sources", out JsonElement sources) && sources.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement source in sources.EnumerateArray())
                Read(Inside(folder, path, CorpusMetadata.Text(path, Object(path, source, "sources"), "path"), "sources"), rows);
            return;
        }

        foreach (JsonElement corpus in List(path, metadata, "corpora")) AddCorpus(folder, path, Object(path, corpus, "corpora"), rows);
        foreach (JsonElement shard in List(path, metadata, "train_shards"))
        {
            TableRecords.Read(Inside(folder, path, shard.ValueKind == JsonValueKind.String ? shard.GetString() : null, "train_shards"), (record, place) =>
            {
                RecordFields fields = new(record, place);
                CorpusRecords.Add(
                    fields,
                    place,
                    fields.Scalar("question_id", fields.Required("question_id")),
                    fields.Scalar("corpus_id", fields.Required("corpus_id")),
                    rows);
            });
        }
    }

    private static void AddCorpus(string folder, string path, JsonElement entry, RetrievalRows rows)
    {
        string id = CorpusMetadata.Text(path, entry, "corpus_id") ?? throw new InvalidDataException($"{path}: an entry of 'corpora' has no 'corpus_id'");
        JsonElement own = entry.TryGetProperty("metadata", out JsonElement metadata) && metadata.ValueKind == JsonValueKind.Object ? metadata : entry;
        CorpusDescription description = new()
        {
            Id = id,
            Path = folder,
            QueryInstruction = CorpusMetadata.Text(path, own, "query_instruction") ?? "",
            PassageInstruction = CorpusMetadata.Text(path, own, "passage_instruction") ?? "",
            TaskType = CorpusMetadata.Text(path, own, "task_type") ?? "",
        };
        Corpus corpus = new(description);
        foreach (JsonElement shard in List(path, entry, "shards"))
        {
            string file = Inside(folder, path, shard.ValueKind == JsonValueKind.String ? shard.GetString() : null, "shards");
            CorpusFolder.AddFile(corpus, file, rows.Cancellation);
        }

        rows.MergeCorpus(corpus);
    }

    private static JsonElement Object(string path, JsonElement element, string key) =>
        element.ValueKind == JsonValueKind.Object ? element
            : throw new InvalidDataException($"{path}: '{key}' holds {RecordFields.Kind(element)}, expected objects");

    private static JsonElement.ArrayEnumerator List(string path, JsonElement element, string key) =>
        element.TryGetProperty(key, out JsonElement list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray()
            : throw new InvalidDataException($"{path}: '{key}' is missing or no list");

    private static string Inside(string folder, string path, string? relative, string key)
    {
        string whole = Path.GetFullPath(Path.Combine(folder, relative ?? ""));
        return relative is { Length: > 0 }
            && whole.StartsWith(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + Path.DirectorySeparatorChar, StringComparison.Ordinal) ? whole
            : throw new InvalidDataException($"{path}: '{key}' names '{relative}', which is not inside the bundle");
    }
}
