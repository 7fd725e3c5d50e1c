using System.Text.Json;

namespace Sirocco.Training;

/// <summary>Records that hold their texts themselves: the reference's inline form, and the columns that sentence-transformers users have.</summary>
internal static class InlineRecords
{
    public const string NoCorpus = "__inline__";

    public static void Read(string path, RetrievalRows rows)
    {
        string name = Path.GetFileName(path);
        IReadOnlyDictionary<string, JsonValueKind> members = TableRecords.Members(path);
        if (members.ContainsKey("corpus") && members.ContainsKey("data")) throw HasCorpus(path);
        TableRecords.Read(path, (record, place) =>
        {
            RecordFields fields = new(record, place);
            if (fields.Has("corpus") && fields.Has("data")) throw HasCorpus($"{place}");
            Add(fields, place, name, rows);
        });

        static InvalidDataException HasCorpus(string place) => new(
            $"{place}: has 'corpus' and 'data', which is the form with a corpus; read it with RetrievalDatasetConfig, under a name that ends in .json");
    }

    /// <summary>Adds one record.</summary>
    /// <param name="fields">Its members.</param>
    /// <param name="place">Where it stands.</param>
    /// <param name="name">The file's name, of which ids of queries without one are made.</param>
    /// <param name="rows">Where to.</param>
    public static void Add(RecordFields fields, RecordPlace place, string name, RetrievalRows rows)
    {
        if (!fields.Has("pos_doc") && PairColumns.TryAdd(fields, place, name, rows)) return;
        if (!fields.Has("query", out JsonElement question) && !fields.Has("question", out question)) throw fields.Missing("query", "question");
        string questionKey = fields.Has("query") ? "query" : "question";
        JsonElement positive = fields.Required("pos_doc"), negative = fields.Required("neg_doc");
        string[] positives = [.. RecordFields.Items(positive).Select(document => Document(fields, "pos_doc", document))];
        string[] negatives = [.. RecordFields.Items(negative).Select(document => Document(fields, "neg_doc", document))];
        if (positives.Length == 0) throw fields.Wrong("pos_doc", "is empty; every query needs at least one positive document");
        rows.AddTexts(place, QuestionId(fields, place, name), fields.Text(questionKey, question), CorpusId(fields), positives, negatives);
    }

    internal static string QuestionId(RecordFields fields, RecordPlace place, string name) =>
        fields.Has("question_id", out JsonElement id) ? fields.Scalar("question_id", id)
        : fields.Has("id", out id) ? fields.Scalar("id", id)
        : $"{name}:{place.Index}";

    internal static string CorpusId(RecordFields fields) => fields.Has("corpus_id", out JsonElement id) ? fields.Scalar("corpus_id", id) : NoCorpus;

    private static string Document(RecordFields fields, string key, JsonElement document)
    {
        if (document.ValueKind == JsonValueKind.Object)
        {
            if (!document.TryGetProperty("text", out JsonElement text)) throw fields.Wrong(key, "holds a document without 'text'");
            if (document.TryGetProperty("image", out JsonElement image) && image.ValueKind is not JsonValueKind.Null
                && !(image.ValueKind == JsonValueKind.String && image.ValueEquals("")))
            {
                throw fields.Wrong(key, "holds a document with an 'image'; only texts can be trained on here");
            }
            return text.ValueKind == JsonValueKind.Null ? "" : fields.Scalar(key, text);
        }

        if (document.ValueKind == JsonValueKind.Null) throw fields.Wrong(key, "holds null; give a text or remove the document");
        return fields.Scalar(key, document);
    }
}
