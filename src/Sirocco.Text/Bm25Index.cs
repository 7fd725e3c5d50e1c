namespace Sirocco.Text;

/// <summary>One answer of a search.</summary>
/// <param name="Document">Number of the document, in the order of the corpus.</param>
/// <param name="Score">Higher is better.</param>
public readonly record struct Bm25Hit(int Document, double Score);

/// <summary>
/// Ranking by BM25 (Robertson and Zaragoza 2009): the sum over query terms of idf · tf·(k1+1) / (tf + k1·(1 − b + b·length/mean length)) with
/// idf = ln(1 + (N − n + ½)/(n + ½)). Terms are runs of a–z and 0–9 after lower-casing, no stemming, no stop words. Immutable and thread-safe.
/// </summary>
public sealed class Bm25Index
{
    private readonly Dictionary<string, int> termNumbers = new(StringComparer.Ordinal);
    private readonly List<List<(int Document, int Count)>> postings = [];
    private readonly double[] lengthFactors;
    private readonly double k1;

    /// <summary>Indexes a corpus.</summary>
    /// <param name="documents">Texts in order.</param>
    /// <param name="k1">Saturation of term counts.</param>
    /// <param name="b">Weight of document length, 0 to 1.</param>
    public Bm25Index(IEnumerable<string> documents, double k1 = 0.9, double b = 0.4)
    {
        this.k1 = k1;
        List<int> lengths = [], terms = [];
        foreach (string document in documents)
        {
            terms.Clear();
            CollectTerms(document, terms, addNew: true);
            foreach (int term in terms)
            {
                List<(int Document, int Count)> list = postings[term];
                if (list.Count > 0 && list[^1].Document == lengths.Count) list[^1] = (lengths.Count, list[^1].Count + 1);
                else list.Add((lengths.Count, 1));
            }
            lengths.Add(terms.Count);
        }
        double mean = Math.Max(1, lengths.Count == 0 ? 1 : lengths.Average());
        lengthFactors = [.. lengths.Select(length => k1 * (1 - b + (b * length / mean)))];
    }

    /// <summary>Documents indexed.</summary>
    public int Count => lengthFactors.Length;

    /// <summary>
    /// The best documents for a query, best first; equal scores in order of the corpus. A term counts once however often the query has it; documents
    /// without any of its terms are left out.
    /// </summary>
    /// <param name="query">A text.</param>
    /// <param name="top">Most answers.</param>
    public IReadOnlyList<Bm25Hit> Search(string query, int top)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(top);
        double[] scores = new double[Count];
        List<int> terms = [];
        CollectTerms(query, terms, addNew: false);
        foreach (int term in terms.Distinct())
        {
            List<(int Document, int Count)> list = postings[term];
            double idf = Math.Log(1 + ((Count - list.Count + 0.5) / (list.Count + 0.5)));
            foreach ((int document, int count) in list) scores[document] += idf * count * (k1 + 1) / (count + lengthFactors[document]);
        }

        // The worst of the best so far is on top of the heap.
        PriorityQueue<int, (double Score, int Later)> best = new();
        for (int document = 0; document < scores.Length; document++)
        {
            if (scores[document] <= 0) continue;
            (double, int) priority = (scores[document], -document);
            if (best.Count < top) best.Enqueue(document, priority);
            else if (top > 0) best.EnqueueDequeue(document, priority);
        }
        Bm25Hit[] hits = new Bm25Hit[best.Count];
        for (int i = hits.Length - 1; i >= 0; i--)
        {
            int document = best.Dequeue();
            hits[i] = new Bm25Hit(document, scores[document]);
        }
        return hits;
    }

    /// <summary>Appends the numbers of a text's terms, giving new terms a number where asked to and leaving them out otherwise.</summary>
    private void CollectTerms(string text, List<int> terms, bool addNew)
    {
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> numbers = termNumbers.GetAlternateLookup<ReadOnlySpan<char>>();
        string lower = text.ToLowerInvariant();
        for (int end, start = 0; start < lower.Length; start = end + 1)
        {
            end = start;
            while (end < lower.Length && lower[end] is (>= 'a' and <= 'z') or (>= '0' and <= '9')) end++;
            if (end == start) continue;
            ReadOnlySpan<char> term = lower.AsSpan(start, end - start);
            if (!numbers.TryGetValue(term, out int number))
            {
                if (!addNew) continue;
                number = postings.Count;
                numbers[term] = number;
                postings.Add([]);
            }
            terms.Add(number);
        }
    }
}
