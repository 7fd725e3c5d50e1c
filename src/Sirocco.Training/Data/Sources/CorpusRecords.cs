using System.Text.Json;

namespace Sirocco.Training;

/// <summary>The corpus-id form: one JSON object with <c>corpus</c> (folders) and <c>data</c> (records that name documents by id).</summary>
internal static class CorpusRecords
{
    private static readonly string[] Required = ["question_id", "question", "corpus_id", "pos_doc", "neg_doc"];

    public static void Read(string path, RetrievalRows rows)
    {
        (Dictionary<string, JsonValueKind> members, JsonElement corpora) = JsonRecords.Outline(path);
        if (!members.ContainsKey("corpus"))
        {
            throw new InvalidDataException(
                $"{path}: has no 'corpus'; give an object with 'corpus' (its folder as {{\"path\": …}}) and 'data', or name a file of inline records .jsonl");
        }
        if (members.GetValueOrDefault("data") != JsonValueKind.Array) throw new InvalidDataException($"{path}: 'data' is missing or no list of records");
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        foreach (JsonElement corpus in RecordFields.Items(corpora))
        {
            if (corpus.ValueKind != JsonValueKind.Object || !corpus.TryGetProperty("path", out JsonElement where) || where.ValueKind != JsonValueKind.String)
                throw new InvalidDataException($"{path}: 'corpus' should be {{\"path\": FOLDER}} or a list of these");
            string relative = CorpusMetadata.Text(path, corpus, "path")!;
            if (relative.Contains('\0', StringComparison.Ordinal)) throw new InvalidDataException($"{path}: the 'path' of 'corpus' holds a null character");
            string corpusFolder = Path.GetFullPath(Path.Combine(folder, relative));
            rows.AddCorpus(CorpusFolder.Describe(corpusFolder), () => Corpus.Load(corpusFolder, rows.Cancellation));
        }

        JsonRecords.Read(path, (record, place) => Add(new RecordFields(record, place), place, rows));
    }

    private static void Add(RecordFields fields, RecordPlace place, RetrievalRows rows)
    {
        if (Required.Where(key => !fields.Has(key)).ToArray() is { Length: > 0 } missing)
        {
            throw new InvalidDataException(
                $"{place}: the record lacks {string.Join(", ", missing.Select(key => $"'{key}'"))}; records of a corpus need {string.Join(", ", Required)}");
        }
        Add(fields, place, fields.Scalar("question_id", fields.Required("question_id")), fields.Scalar("corpus_id", fields.Required("corpus_id")), rows);
    }

    /// <summary>Adds a record with <c>question</c>, <c>pos_doc</c> and perhaps <c>neg_doc</c>.</summary>
    public static void Add(RecordFields fields, RecordPlace place, string questionId, string corpusId, RetrievalRows rows)
    {
        string[] positives = Ids(fields, "pos_doc", fields.Required("pos_doc"));
        string[] negatives = fields.Has("neg_doc", out JsonElement list) ? Ids(fields, "neg_doc", list) : [];
        if (positives.Length == 0 && !rows.AreForMining) throw fields.Wrong("pos_doc", "is empty; every query needs at least one positive document");
        JsonElement question = fields.Required("question");
        string text = !rows.AreForMining ? fields.Text("question", question)
            : question.ValueKind == JsonValueKind.Null ? "" : fields.Scalar("question", question);
        rows.AddIds(place, questionId, text, corpusId, positives, negatives);
    }

    private static string[] Ids(RecordFields fields, string key, JsonElement documents) => [.. RecordFields.Items(documents).Select(document =>
    {
        if (document.ValueKind != JsonValueKind.Object) return fields.Scalar(key, document);
        return document.TryGetProperty("id", out JsonElement id) ? fields.Scalar(key, id) : throw fields.Wrong(key, "holds a document without 'id'");
    })];
}
