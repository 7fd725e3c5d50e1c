using System.Globalization;
using System.Text.Json;

namespace Sirocco.Training;

/// <summary>
/// The columns of sentence-transformers: a query (<c>anchor</c>, <c>query</c> or <c>question</c>), what it should find (<c>positive</c> or <c>answer</c>), and
/// optionally <c>negative</c> or <c>negative_1, negative_2, …</c>. A cell may hold a list of texts.
/// </summary>
internal static class PairColumns
{
    private static readonly string[] Queries = ["anchor", "query", "question"], Answers = ["positive", "answer"];

    /// <returns>False where the record has no such columns.</returns>
    public static bool TryAdd(RecordFields fields, RecordPlace place, string name, RetrievalRows rows)
    {
        if (ScoredPairs.Has(fields))
        {
            throw new InvalidDataException(
                $"{place}: holds a scored pair (sentence1, sentence2, score), which evaluates a model; to train, give 'anchor' and 'positive' columns");
        }
        if (Array.Find(Queries, fields.Has) is not { } query || Array.Find(Answers, fields.Has) is not { } answer)
        {
            if (fields.Has(Queries[0])) throw fields.Missing(Answers);
            return false;
        }

        List<string> positives = [.. Texts(fields, answer, fields.Required(answer))], negatives = [];
        if (positives.Count == 0) throw fields.Wrong(answer, "is empty; every query needs at least one positive text");
        if (fields.Has("negative", out JsonElement negative)) negatives.AddRange(Texts(fields, "negative", negative));
        for (int i = 1; fields.Has(Numbered(i), out negative); i++) negatives.AddRange(Texts(fields, Numbered(i), negative));
        rows.AddTexts(
            place,
            InlineRecords.QuestionId(fields, place, name),
            fields.Text(query, fields.Required(query)),
            InlineRecords.CorpusId(fields),
            positives,
            negatives);
        return true;
    }

    private static string Numbered(int i) => string.Create(CultureInfo.InvariantCulture, $"negative_{i}");

    // Triplets padded to the longest list have null or empty cells.
    private static IEnumerable<string> Texts(RecordFields fields, string key, JsonElement value) =>
        RecordFields.Items(value).Where(text => !(text.ValueKind == JsonValueKind.String && text.ValueEquals(""))).Select(text => fields.Text(key, text));
}
