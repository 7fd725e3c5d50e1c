using System.Text;
using System.Text.Json;

namespace Sirocco.Training;

/// <summary>The documents of an evaluation, in the layouts that benchmarks and training data have.</summary>
public static class EvaluationCorpus
{
    private static readonly string[] Ids = ["_id", "id", "docid", "doc_id"], BeirFiles = ["corpus.jsonl", "corpus.jsonl.gz"];

    /// <summary>
    /// Reads documents: a file of records with <c>_id</c> or <c>id</c>, <c>text</c> and perhaps <c>title</c> (JSON Lines, also .gz; CSV, TSV, Parquet, Arrow),
    /// a BEIR folder with corpus.jsonl, a corpus folder with merlin_metadata.json, or a data set's folder. Title and text are joined with a space.
    /// </summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="cancellation">Stops between records.</param>
    /// <exception cref="InvalidDataException">A record lacks its id or text, or a file is damaged; the message names file and line.</exception>
    /// <exception cref="FileNotFoundException">There is nothing under that name.</exception>
    public static Corpus Load(string path, CancellationToken cancellation = default)
    {
        if (!Directory.Exists(path)) return Read([path], path, cancellation);
        if (File.Exists(Path.Combine(path, "merlin_metadata.json"))) return Corpus.Load(path, cancellation);
        string? beir = BeirFiles.Select(name => Path.Combine(path, name)).FirstOrDefault(File.Exists);
        return Read(beir is not null ? [beir] : FolderSource.TrainFiles(path), path, cancellation);
    }

    private static Corpus Read(IReadOnlyList<string> files, string path, CancellationToken cancellation)
    {
        Corpus corpus = new(new CorpusDescription { Id = Path.GetFileName(Path.TrimEndingDirectorySeparator(path)), Path = path });
        foreach (string file in files)
        {
            TableRecords.Read(file, (record, place) =>
            {
                cancellation.ThrowIfCancellationRequested();
                RecordFields fields = new(record, place);
                string key = Array.Find(Ids, fields.Has) ?? throw fields.Missing("_id", "id");
                string id = fields.Scalar(key, fields.Required(key));
                if (id.Length == 0) throw fields.Wrong(key, "is empty; every document needs an id");
                string text = Optional(fields, "text") ?? throw fields.Missing("text");
                if (Optional(fields, "title") is { Length: > 0 } title) text = $"{title} {text}";
                corpus.Add(Encoding.UTF8.GetBytes(id), Encoding.UTF8.GetBytes(text));
            });
        }

        return corpus;
    }

    private static string? Optional(RecordFields fields, string key) =>
        !fields.Has(key, out JsonElement value) ? null : value.ValueKind == JsonValueKind.Null ? "" : fields.Scalar(key, value);
}
