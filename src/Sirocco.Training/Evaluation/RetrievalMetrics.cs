namespace Sirocco.Training;

/// <summary>
/// Quality of rankings for queries with binary relevance: means over queries of reciprocal rank, recall and normalised discounted cumulative
/// gain, each cut at k (definitions of trec_eval).
/// </summary>
public sealed class RetrievalMetrics
{
    private double reciprocalRanks;
    private double recalls;
    private double gains;

    /// <param name="cutoff">k: how many of the best results count.</param>
    public RetrievalMetrics(int cutoff = 10)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(cutoff);
        Cutoff = cutoff;
    }

    /// <summary>How many of the best results count.</summary>
    public int Cutoff { get; }

    /// <summary>Queries added.</summary>
    public int Queries { get; private set; }

    /// <summary>Mean of 1 / rank of the first relevant result, 0 where none is among the first k.</summary>
    public double ReciprocalRank => Mean(reciprocalRanks);

    /// <summary>Mean share of a query's relevant documents among the first k.</summary>
    public double Recall => Mean(recalls);

    /// <summary>Mean of Σ 1/log2(rank + 1) over relevant results among the first k, divided by the most that is possible.</summary>
    public double NormalizedGain => Mean(gains);

    /// <summary>Adds one query.</summary>
    /// <param name="ranking">Documents, best first.</param>
    /// <param name="relevant">All relevant documents; with none, the query counts as 0.</param>
    public void Add<T>(ReadOnlySpan<T> ranking, IReadOnlySet<T> relevant)
    {
        Queries++;
        int found = 0;
        double gain = 0, ideal = 0;
        for (int i = 0; i < Cutoff; i++)
        {
            double discount = 1 / Math.Log2(i + 2);
            if (i < relevant.Count) ideal += discount;
            if (i >= ranking.Length || !relevant.Contains(ranking[i])) continue;
            if (found++ == 0) reciprocalRanks += 1.0 / (i + 1);
            gain += discount;
        }

        if (relevant.Count == 0) return;
        recalls += (double)found / relevant.Count;
        gains += gain / ideal;
    }

    private double Mean(double sum) => Queries == 0 ? 0 : sum / Queries;
}
