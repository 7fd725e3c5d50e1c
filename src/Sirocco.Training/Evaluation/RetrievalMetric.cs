using System.Globalization;

namespace Sirocco.Training;

/// <summary>
/// A measure of one ranking, by its name: <c>ndcg@10</c>, <c>mrr@10</c>, <c>recall@100</c>, <c>map</c>, <c>p@5</c>, <c>success@1</c>, … Definitions are those
/// of trec_eval 9 (Buckley and Voorhees; checked against pytrec_eval and ir_measures), whose names <c>ndcg_cut_10</c>, <c>recip_rank</c>, <c>P_5</c>, … mean
/// the same.
/// </summary>
public sealed class RetrievalMetric
{
    private const int LargestCutoff = 1_000_000;

    private static readonly Dictionary<string, Measure> Measures = new(StringComparer.Ordinal)
    {
        ["ndcg"] = new(CutoffRule.Optional, static (r, k) => NormalizedGain(r, k, static grade => grade)),
        ["ndcg_cut"] = new(CutoffRule.Needed, static (r, k) => NormalizedGain(r, k, static grade => grade)),
        ["ndcg_burges"] = new(CutoffRule.Optional, static (r, k) => NormalizedGain(r, k, ExponentialGain(r))),
        ["mrr"] = new(CutoffRule.Optional, ReciprocalRank),
        ["rr"] = new(CutoffRule.Optional, ReciprocalRank),
        ["recip_rank"] = new(CutoffRule.Optional, ReciprocalRank),
        ["msmarco_mrr"] = new(CutoffRule.Optional, ReciprocalRank, ResultOrder.MsMarco),
        ["recall"] = new(CutoffRule.Optional, static (r, k) => Share(Found(r, k), r.Relevant)),
        ["r"] = new(CutoffRule.Needed, static (r, k) => Share(Found(r, k), r.Relevant)),
        ["p"] = new(CutoffRule.Needed, static (r, k) => Share(Found(r, k), k)),
        ["precision"] = new(CutoffRule.Needed, static (r, k) => Share(Found(r, k), k)),
        ["map"] = new(CutoffRule.Optional, AveragePrecision),
        ["map_cut"] = new(CutoffRule.Needed, AveragePrecision),
        ["ap"] = new(CutoffRule.Optional, AveragePrecision),
        ["success"] = new(CutoffRule.Needed, static (r, k) => Found(r, k) > 0 ? 1 : 0),
        ["hit_rate"] = new(CutoffRule.Needed, static (r, k) => Found(r, k) > 0 ? 1 : 0),
        ["judged"] = new(CutoffRule.Needed, static (r, k) => Share(Count(r, k, r.IsJudged), Math.Min(k, r.Retrieved)), ResultOrder.MsMarco),
        ["rprec"] = new(CutoffRule.None, static (r, _) => Share(Found(r, r.Relevant), r.Relevant)),
        ["r-precision"] = new(CutoffRule.None, static (r, _) => Share(Found(r, r.Relevant), r.Relevant)),
        ["bpref"] = new(CutoffRule.None, static (r, _) => BinaryPreference(r)),
        ["num_ret"] = new(CutoffRule.None, static (r, _) => r.Retrieved),
        ["num_rel"] = new(CutoffRule.None, static (r, _) => r.Relevant),
        ["num_rel_ret"] = new(CutoffRule.None, static (r, _) => Found(r, r.Retrieved)),
    };

    private readonly Measure measure;

    private RetrievalMetric(string name, Measure measure, int? cutoff)
    {
        Name = name;
        this.measure = measure;
        Cutoff = cutoff;
    }

    private enum CutoffRule
    {
        None,
        Optional,
        Needed,
    }

    /// <summary>The name as it was asked for, in lower case.</summary>
    public string Name { get; }

    /// <summary>How many of the best results count; null counts all.</summary>
    public int? Cutoff { get; }

    /// <summary>The order of results with equal scores under which the measure is defined.</summary>
    public ResultOrder Order => measure.Order;

    /// <summary>Reads the name of a metric.</summary>
    /// <exception cref="ArgumentException">There is no such metric, or it lacks a cutoff.</exception>
    public static RetrievalMetric Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string lower = Canonical(name);
        if (Measures.TryGetValue(lower, out Measure? whole))
        {
            return whole.Rule != CutoffRule.Needed ? new RetrievalMetric(lower, whole, null)
                : throw new ArgumentException($"the metric '{lower}' needs a cutoff, such as {lower}@10", nameof(name));
        }

        int at = lower.LastIndexOfAny(['@', '_']);
        string kind = at < 0 ? lower : lower[..at];
        if (!Measures.TryGetValue(kind, out Measure? measure))
            throw new ArgumentException($"there is no metric '{lower}'; there are {string.Join(", ", Examples)}", nameof(name));
        if (measure.Rule == CutoffRule.None) throw new ArgumentException($"the metric '{kind}' takes no cutoff", nameof(name));
        if (int.TryParse(lower.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int cutoff) && cutoff is >= 1 and <= LargestCutoff)
            return new RetrievalMetric(lower, measure, cutoff);
        throw new ArgumentException($"the cutoff of '{lower}' should be a whole number from 1 to {LargestCutoff}, such as {kind}@10", nameof(name));
    }

    /// <summary>A metric's name as it is compared: trec_eval's <c>P_5</c> is <c>p_5</c>.</summary>
    internal static string Canonical(string name) => name.Trim().ToLowerInvariant();

    /// <summary>Names that <see cref="Parse"/> takes, for messages.</summary>
    public static IReadOnlyList<string> Examples { get; } = ["ndcg@10", "ndcg_burges@10", "mrr@10", "recip_rank", "recall@100", "p@10", "map", "map@100",
        "success@5", "rprec", "bpref", "judged@10", "num_rel_ret", "msmarco_mrr@10"];

    /// <summary>The measure of one ranking; 0 where no document is relevant.</summary>
    internal double Of(JudgedRanking ranking)
    {
        ArgumentNullException.ThrowIfNull(ranking);
        return measure.Value(ranking, Cutoff ?? int.MaxValue);
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Σ gain/log2(rank + 1) over the first k results, divided by the same sum of the best possible ranking (Järvelin and Kekäläinen 2002).</summary>
    private static double NormalizedGain(JudgedRanking ranking, int k, Func<int, double> gainOf)
    {
        double gain = 0, ideal = 0;
        for (int i = 0; i < ranking.Retrieved && i < k; i++) gain += gainOf(ranking.Gain(i)) / Math.Log2(i + 2);
        ReadOnlySpan<int> best = ranking.Ideal;
        for (int i = 0; i < best.Length && i < k; i++) ideal += gainOf(best[i]) / Math.Log2(i + 2);
        return ideal > 0 ? gain / ideal : 0;
    }

    /// <summary>2^grade − 1 (Burges et al. 2005) in units of 2^highest, which the quotient is free of: grades from 1024 up would be infinite.</summary>
    private static Func<int, double> ExponentialGain(JudgedRanking ranking)
    {
        int highest = ranking.Ideal.IsEmpty ? 0 : ranking.Ideal[0];
        double one = Math.Pow(2, -highest);
        return grade => Math.Pow(2, grade - highest) - one;
    }

    private static double ReciprocalRank(JudgedRanking ranking, int k)
    {
        for (int i = 0; i < ranking.Retrieved && i < k; i++)
        {
            if (ranking.IsRelevant(i)) return 1.0 / (i + 1);
        }

        return 0;
    }

    /// <summary>Mean over relevant documents of the precision at their rank, 0 for those not among the first k.</summary>
    private static double AveragePrecision(JudgedRanking ranking, int k)
    {
        double sum = 0;
        int found = 0;
        for (int i = 0; i < ranking.Retrieved && i < k; i++)
        {
            if (ranking.IsRelevant(i)) sum += (double)++found / (i + 1);
        }

        return ranking.Relevant == 0 ? 0 : sum / ranking.Relevant;
    }

    /// <summary>Mean over relevant documents of 1 − (judged non-relevant before it, at most R) / min(N, R) (Buckley and Voorhees 2004).</summary>
    private static double BinaryPreference(JudgedRanking ranking)
    {
        double sum = 0;
        int nonRelevant = 0;
        for (int i = 0; i < ranking.Retrieved; i++)
        {
            if (ranking.IsNonRelevant(i)) nonRelevant++;
            else if (ranking.IsRelevant(i))
                sum += nonRelevant == 0 ? 1 : 1 - ((double)Math.Min(nonRelevant, ranking.Relevant) / Math.Min(ranking.NonRelevant, ranking.Relevant));
        }

        return ranking.Relevant == 0 ? 0 : sum / ranking.Relevant;
    }

    private static int Found(JudgedRanking ranking, int k) => Count(ranking, k, ranking.IsRelevant);

    private static int Count(JudgedRanking ranking, int k, Func<int, bool> counts)
    {
        int count = 0;
        for (int i = 0; i < ranking.Retrieved && i < k; i++)
        {
            if (counts(i)) count++;
        }

        return count;
    }

    private static double Share(int part, int whole) => whole == 0 ? 0 : (double)part / whole;

    private sealed record Measure(CutoffRule Rule, Func<JudgedRanking, int, double> Value, ResultOrder Order = ResultOrder.TrecEval);
}
