namespace Sirocco.Training;

/// <summary>How many results of a query metrics look at.</summary>
public static class SearchDepth
{
    /// <summary>What TREC's runs hold, for metrics without a cutoff.</summary>
    private const int WholeRanking = 1000;

    /// <summary>The largest cutoff; 1000 where a metric has none.</summary>
    public static int Of(IEnumerable<RetrievalMetric> metrics) => metrics.Select(metric => metric.Cutoff ?? WholeRanking).DefaultIfEmpty(WholeRanking).Max();
}
