namespace Sirocco.Training;

/// <summary>How well scores separate what is from what is not (definitions of scikit-learn).</summary>
public static class BinaryRanking
{
    /// <summary>Average precision: Σ (recall − recall before)·precision over thresholds, equal scores passing one together; 0 without positives.</summary>
    public static double AveragePrecision(IReadOnlyList<bool> labels, IReadOnlyList<double> scores)
    {
        int[] order = Order(labels, scores);
        int positives = labels.Count(label => label), found = 0;
        double sum = 0;
        for (int start = 0, end; start < order.Length; start = end)
        {
            int before = found;
            end = start;
            while (end < order.Length && scores[order[end]] == scores[order[start]]) found += labels[order[end++]] ? 1 : 0;
            sum += (double)(found - before) * found / end;
        }

        return positives == 0 ? 0 : sum / positives;
    }

    /// <summary>
    /// Area under the ROC curve: the chance that a positive scores above a negative, equal scores counting half; NaN where one of both is missing.
    /// </summary>
    public static double AreaUnderCurve(IReadOnlyList<bool> labels, IReadOnlyList<double> scores)
    {
        Order(labels, scores);
        double[] ranks = Correlation.Ranks(scores);
        double positives = labels.Count(label => label), negatives = labels.Count - positives;
        double sum = ranks.Where((_, i) => labels[i]).Sum();
        return positives > 0 && negatives > 0 ? (sum - (positives * (positives + 1) / 2)) / (positives * negatives) : double.NaN;
    }

    private static int[] Order(IReadOnlyList<bool> labels, IReadOnlyList<double> scores)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(scores);
        if (labels.Count != scores.Count) throw new ArgumentException($"{labels.Count} labels cannot be paired with {scores.Count} scores", nameof(scores));
        return [.. Enumerable.Range(0, scores.Count).OrderByDescending(i => scores[i])];
    }
}
