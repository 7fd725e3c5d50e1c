using System.Globalization;
using System.Text.Json;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>A query of an evaluation.</summary>
/// <param name="Id">By which judgements and runs name it.</param>
/// <param name="Text">What is asked.</param>
public sealed record RetrievalQuery(string Id, string Text);

/// <summary>The queries of an evaluation and the documents that answer them.</summary>
public sealed class RetrievalQueries
{
    private static readonly string[] Ids = ["_id", "id", "query_id", "question_id", "qid"], Texts = ["query", "question", "text"],
        Positives = ["positive", "positives", "pos_doc"];

    private RetrievalQueries(IReadOnlyList<RetrievalQuery> queries, RelevanceJudgements judgements)
    {
        Judged = queries;
        Judgements = judgements;
    }

    /// <summary>The queries that have judgements, in the order of the file; others cannot be evaluated.</summary>
    public IReadOnlyList<RetrievalQuery> Judged { get; }

    /// <summary>Judgements of these queries.</summary>
    public RelevanceJudgements Judgements { get; }

    /// <summary>
    /// Reads queries: records with <c>query</c>, <c>question</c> or <c>text</c>, an id (<c>_id</c>, <c>id</c>, …; without one the record's number from 0), and
    /// where no judgements are given <c>positive</c>: the id of a relevant document, or a list of ids.
    /// </summary>
    /// <param name="path">JSON Lines (also .gz), CSV, TSV, Parquet or Arrow.</param>
    /// <param name="judgements">A file of judgements, or null.</param>
    /// <param name="most">Judged queries taken, the first of the file; null takes all.</param>
    /// <exception cref="InvalidDataException">A record lacks a field, two have one id, or none is judged; the message names file and line.</exception>
    public static RetrievalQueries Load(string path, string? judgements = null, int? most = null)
    {
        RelevanceJudgements? given = judgements is null ? null : RelevanceJudgements.Load(judgements);
        RelevanceJudgements kept = new();
        List<RetrievalQuery> queries = [];
        HashSet<string> known = new(StringComparer.Ordinal);
        TableRecords.Read(path, (record, place) =>
        {
            RecordFields fields = new(record, place);
            string text = Array.Find(Texts, fields.Has) ?? throw fields.Missing(Texts);
            string? key = Array.Find(Ids, fields.Has);
            if (key is null && given is not null)
                throw new InvalidDataException($"{place}: the record has no '_id' or 'id', by which {judgements} could name it");
            RetrievalQuery query = new(
                key is null ? place.Index.ToString(CultureInfo.InvariantCulture) : fields.Scalar(key, fields.Required(key)),
                fields.Text(text, fields.Required(text)));
            if (!known.Add(query.Id)) throw fields.Wrong(key ?? "id", $"is '{Visible.Short(query.Id)}', as of an earlier query; ids must differ");
            if (queries.Count == most || (given is not null && !given.Contains(query.Id))) return;
            queries.Add(query);
            if (given is null) AddPositives(fields, query, kept);
            else foreach ((string document, int grade) in given.Of(query.Id)) kept.TryAdd(query.Id, document, grade);
        });
        if (queries.Count == 0)
            throw new InvalidDataException($"{path}: {judgements} judges none of its {known.Count} queries; check that their ids are the same");
        return new RetrievalQueries(queries, kept);
    }

    /// <summary>Judged documents that a corpus lacks: how many, and one of them.</summary>
    public (int Count, string? First) MissingFrom(Corpus corpus)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        int count = 0;
        string? first = null;
        foreach (string document in Judgements.Queries.SelectMany(query => Judgements.Of(query)).Where(judged => judged.Value > 0).Select(judged => judged.Key))
        {
            if (corpus.Find(document) >= 0) continue;
            first ??= document;
            count++;
        }

        return (count, first);
    }

    private static void AddPositives(RecordFields fields, RetrievalQuery query, RelevanceJudgements judgements)
    {
        string key = Array.Find(Positives, fields.Has)
            ?? throw new InvalidDataException($"{fields.Missing(Positives[0]).Message}; add it, or give judgements with --qrels");
        foreach (JsonElement document in RecordFields.Items(fields.Required(key)))
        {
            JsonElement id = document;
            if (document.ValueKind == JsonValueKind.Object && !document.TryGetProperty("id", out id)) throw fields.Wrong(key, "holds a document without 'id'");
            judgements.TryAdd(query.Id, fields.Scalar(key, id), 1);
        }

        if (!judgements.Contains(query.Id)) throw fields.Wrong(key, "is empty; every query needs at least one relevant document");
    }
}
