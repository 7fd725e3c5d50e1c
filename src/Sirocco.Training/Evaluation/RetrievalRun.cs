using System.Globalization;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>A document and its score for a query.</summary>
/// <param name="Document">The document's id.</param>
/// <param name="Score">Higher is better; never NaN.</param>
public readonly record struct ScoredDocument(string Document, double Score);

/// <summary>What a way of searching found for each query: a TREC run.</summary>
public sealed class RetrievalRun
{
    private readonly Dictionary<string, ScoredDocument[]> results = new(StringComparer.Ordinal);
    private readonly List<string> queries = [];

    /// <summary>Queries in the order in which they were added.</summary>
    public IReadOnlyList<string> Queries => queries;

    /// <summary>
    /// Reads a run file: query id, Q0, document id, rank, score, name of the run, with white space between; perhaps compressed (.gz). The rank is not used.
    /// </summary>
    /// <exception cref="InvalidDataException">A line is not of that form, or names a document a second time; the message names it.</exception>
    public static RetrievalRun Load(string path)
    {
        RetrievalRun run = new();
        Dictionary<string, Dictionary<string, ScoredDocument>> found = new(StringComparer.Ordinal);
        HashSet<string> known = new(StringComparer.Ordinal);
        FieldLines.Read(path, (fields, place) =>
        {
            if (fields.Length != 6)
                throw new InvalidDataException($"{place} has {fields.Length} fields, a run file has 6: query id, Q0, document id, rank, score, run name");
            (string query, string document) = (fields[0], Shared(known, fields[2]));
            if (!TryScore(fields[4], out double score)) throw new InvalidDataException($"{place}: the score '{Visible.Short(fields[4])}' is not a number");
            if (!found.TryGetValue(query, out Dictionary<string, ScoredDocument>? list))
            {
                found[query] = list = new Dictionary<string, ScoredDocument>(StringComparer.Ordinal);
                run.queries.Add(query);
            }

            if (!list.TryAdd(document, new ScoredDocument(document, score)))
            {
                throw new InvalidDataException(
                    $"{place} names document '{Visible.Short(document)}' for query '{Visible.Short(query)}' a second time; a run has each document once");
            }
        });
        if (run.queries.Count == 0)
            throw new InvalidDataException($"{path}: holds no results; a run file has a line for each: query id, Q0, document id, rank, score, run name");
        foreach (string query in run.queries) run.results[query] = [.. found[query].Values];
        return run;
    }

    /// <summary>Adds the results of a query, in any order.</summary>
    /// <exception cref="ArgumentException">The query is there already, a document is named twice, or a score is NaN.</exception>
    public void Add(string query, IEnumerable<ScoredDocument> found)
    {
        ScoredDocument[] list = [.. found];
        if (Array.Exists(list, result => double.IsNaN(result.Score))) throw new ArgumentException($"a score of query '{query}' is not a number", nameof(found));
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (ScoredDocument result in list)
        {
            if (!seen.Add(result.Document)) throw new ArgumentException($"document '{result.Document}' is found twice for query '{query}'", nameof(found));
        }

        if (!results.TryAdd(query, list)) throw new ArgumentException($"the run has results of query '{query}' already", nameof(query));
        queries.Add(query);
    }

    /// <summary>Whether the run has results of a query, be it none.</summary>
    public bool Contains(string query) => results.ContainsKey(query);

    /// <summary>Results of a query, best first; none where the run lacks it.</summary>
    public ScoredDocument[] Ranking(string query, ResultOrder order = ResultOrder.TrecEval)
    {
        ScoredDocument[] ranked = results.TryGetValue(query, out ScoredDocument[]? list) ? [.. list] : [];
        Array.Sort(ranked, (a, b) => order.Compare(a, b));
        return ranked;
    }

    /// <summary>Writes the run as a TREC file, best results first.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="name">Last field of each line.</param>
    /// <exception cref="InvalidDataException">An id holds white space, which the format cannot keep.</exception>
    public void Write(Stream stream, string name)
    {
        using StreamWriter writer = new(stream, leaveOpen: true) { NewLine = "\n" };
        string tag = string.Concat(name.Select(c => char.IsWhiteSpace(c) || char.IsControl(c) ? '-' : c));
        foreach (string query in queries)
        {
            int rank = 0;
            RequireField(query);
            foreach ((string document, double score) in Ranking(query))
            {
                RequireField(document);
                writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{query} Q0 {document} {++rank} {score:R} {(tag.Length == 0 ? "run" : tag)}"));
            }
        }
    }

    private static void RequireField(string id)
    {
        if (id.Length == 0 || id.Any(char.IsWhiteSpace))
            throw new InvalidDataException($"the id '{Visible.Short(id)}' is empty or holds white space, which a TREC run file cannot keep; use ids without");
    }

    /// <summary>Documents are named for many queries; one string of each is kept.</summary>
    private static string Shared(HashSet<string> known, string text)
    {
        if (known.TryGetValue(text, out string? same)) return same;
        known.Add(text);
        return text;
    }

    private static bool TryScore(string text, out double score)
    {
        score = text.ToLowerInvariant() switch
        {
            "inf" or "+inf" or "infinity" => double.PositiveInfinity,
            "-inf" or "-infinity" => double.NegativeInfinity,
            _ => double.NaN,
        };
        return !double.IsNaN(score) || (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out score) && !double.IsNaN(score));
    }
}
