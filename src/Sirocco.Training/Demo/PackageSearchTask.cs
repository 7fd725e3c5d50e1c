using Sirocco.Text;

namespace Sirocco.Training.Demo;

/// <summary>The test queries and the documents they are searched in, as text and as tokens.</summary>
internal sealed class PackageSearchTask
{
    private readonly IReadOnlySet<int>[] relevant;

    private PackageSearchTask(
        IReadOnlyList<PackageDescription> documents,
        TokenizedTexts documentTokens,
        IReadOnlyList<PackageQuery> queries,
        TokenizedTexts queryTokens,
        IReadOnlySet<int>[] relevant)
    {
        Documents = documents;
        DocumentTokens = documentTokens;
        Queries = queries;
        QueryTokens = queryTokens;
        this.relevant = relevant;
    }

    public IReadOnlyList<PackageDescription> Documents { get; }

    public TokenizedTexts DocumentTokens { get; }

    public IReadOnlyList<PackageQuery> Queries { get; }

    public TokenizedTexts QueryTokens { get; }

    /// <summary>All test queries; the documents are all, or as many as asked for: those that the queries look for, then the first others.</summary>
    public static PackageSearchTask Create(PackageSearchData data, Tokenizer tokenizer, TokenizedTexts descriptions, int? limit)
    {
        int[] wanted = [.. data.TestQueries.Select(data.PositiveOf)];
        int[] chosen = [.. Enumerable.Range(0, data.Documents.Count)];
        if (limit is { } count && count < chosen.Length) chosen = [.. wanted.Union(chosen).Take(Math.Max(count, wanted.Distinct().Count())).Order()];
        Dictionary<int, int> rows = chosen.Select((document, row) => (document, row)).ToDictionary(entry => entry.document, entry => entry.row);
        return new PackageSearchTask(
            [.. chosen.Select(document => data.Documents[document])],
            chosen.Length == descriptions.Count ? descriptions : TokenizedTexts.From([.. chosen.Select(document => descriptions[document].ToArray())]),
            data.TestQueries,
            PackageSearchData.Tokenize(tokenizer, data.TestQueries.Select(query => query.Query)),
            [.. wanted.Select(document => new HashSet<int> { rows[document] })]);
    }

    /// <summary>Quality of rankings, one for each query: rows of documents, best first.</summary>
    public SearchQuality Measure(IReadOnlyList<int[]> rankings, int cutoff)
    {
        RetrievalMetrics metrics = new(cutoff);
        for (int i = 0; i < rankings.Count; i++) metrics.Add(rankings[i], relevant[i]);
        return SearchQuality.Of(metrics);
    }

    public SearchQuality MeasureBm25(int cutoff, CancellationToken cancellation)
    {
        Bm25Index index = new(Documents.Select(document => document.Text));
        int[][] rankings = [.. Queries.AsParallel().AsOrdered().WithCancellation(cancellation)
            .Select(query => index.Search(query.Query, cutoff).Select(hit => hit.Document).ToArray())];
        return Measure(rankings, cutoff);
    }
}
