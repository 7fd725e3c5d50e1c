using System.Globalization;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>Which documents answer which queries: TREC's qrels. A grade above 0 is relevant, the higher the more so.</summary>
public sealed class RelevanceJudgements
{
    private readonly Dictionary<string, Dictionary<string, int>> grades = new(StringComparer.Ordinal);
    private readonly List<string> queries = [];

    /// <summary>Judged queries in the order in which they first appear.</summary>
    public IReadOnlyList<string> Queries => queries;

    /// <summary>
    /// Reads judgements, perhaps compressed (.gz): either TREC's four fields (query id, iteration, document id, grade) or BEIR's three (query id, document id,
    /// grade) under a header.
    /// </summary>
    /// <exception cref="InvalidDataException">A line is not of that form, or contradicts an earlier one; the message names it.</exception>
    public static RelevanceJudgements Load(string path)
    {
        RelevanceJudgements judgements = new();
        int width = 0;
        FieldLines.Read(path, (fields, place) =>
        {
            bool isFirst = width == 0;
            if (isFirst) width = fields.Length;
            if (fields.Length != width || width is not (3 or 4))
            {
                throw new InvalidDataException($"{place} has {fields.Length} fields; judgements have 4 (query id, iteration, document id, grade) "
                    + "or 3 (query id, document id, grade), the same on each line");
            }
            if (!int.TryParse(fields[^1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int grade))
            {
                if (isFirst && fields[^1].All(c => char.IsAsciiLetter(c) || c is '-' or '_')) return;   // BEIR's header
                throw new InvalidDataException($"{place}: the grade '{Visible.Short(fields[^1])}' is not a whole number");
            }

            if (!judgements.TryAdd(fields[0], fields[^2], grade))
            {
                throw new InvalidDataException($"{place} grades document '{Visible.Short(fields[^2])}' for query '{Visible.Short(fields[0])}' a second time "
                    + "and otherwise; keep one of the two");
            }
        });
        return judgements.queries.Count > 0 ? judgements
            : throw new InvalidDataException($"{path}: holds no judgements; each line should name a query, a document and a grade");
    }

    /// <summary>Grades of a query's judged documents; none where the query is not judged.</summary>
    public IReadOnlyDictionary<string, int> Of(string query) =>
        grades.TryGetValue(query, out Dictionary<string, int>? found) ? found : new Dictionary<string, int>();

    /// <summary>Whether the query has judgements.</summary>
    public bool Contains(string query) => grades.ContainsKey(query);

    /// <summary>Adds a judgement; false where the document has another grade already.</summary>
    public bool TryAdd(string query, string document, int grade)
    {
        if (!grades.TryGetValue(query, out Dictionary<string, int>? documents))
        {
            grades[query] = documents = new Dictionary<string, int>(StringComparer.Ordinal);
            queries.Add(query);
        }

        return documents.TryAdd(document, grade) || documents[document] == grade;
    }
}
