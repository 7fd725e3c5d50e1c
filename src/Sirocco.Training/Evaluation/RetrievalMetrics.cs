namespace Sirocco.Training;

/// <summary>
/// Quality of rankings for queries with binary relevance: means over queries of reciprocal rank, recall and normalised discounted cumulative
/// gain, each cut at k (see <see cref="RetrievalMetric"/>).
/// </summary>
public sealed class RetrievalMetrics
{
    private readonly RetrievalMetric[] metrics;
    private readonly double[] sums = new double[3];

    /// <param name="cutoff">k: how many of the best results count.</param>
    public RetrievalMetrics(int cutoff = 10)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(cutoff);
        Cutoff = cutoff;
        metrics = [RetrievalMetric.Parse($"mrr@{cutoff}"), RetrievalMetric.Parse($"recall@{cutoff}"), RetrievalMetric.Parse($"ndcg@{cutoff}")];
    }

    /// <summary>How many of the best results count.</summary>
    public int Cutoff { get; }

    /// <summary>Queries added.</summary>
    public int Queries { get; private set; }

    /// <summary>Mean of 1 / rank of the first relevant result, 0 where none is among the first k.</summary>
    public double ReciprocalRank => Mean(0);

    /// <summary>Mean share of a query's relevant documents among the first k.</summary>
    public double Recall => Mean(1);

    /// <summary>Mean of Σ 1/log2(rank + 1) over relevant results among the first k, divided by the most that is possible.</summary>
    public double NormalizedGain => Mean(2);

    /// <summary>Adds one query.</summary>
    /// <param name="ranking">Documents, best first.</param>
    /// <param name="relevant">All relevant documents; with none, the query counts as 0.</param>
    public void Add<T>(ReadOnlySpan<T> ranking, IReadOnlySet<T> relevant)
    {
        Queries++;
        JudgedRanking judged = JudgedRanking.Of(ranking, relevant);
        for (int i = 0; i < sums.Length; i++) sums[i] += metrics[i].Of(judged);
    }

    private double Mean(int metric) => Queries == 0 ? 0 : sums[metric] / Queries;
}
