namespace Sirocco.Training;

/// <summary>How two lists of numbers go together; NaN where one of them is constant.</summary>
public static class Correlation
{
    /// <summary>Pearson's r: covariance over the product of standard deviations.</summary>
    public static double Pearson(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        RequirePairs(x, y);
        double meanX = x.Sum() / x.Count, meanY = y.Sum() / y.Count, xy = 0, xx = 0, yy = 0;
        for (int i = 0; i < x.Count; i++)
        {
            double a = x[i] - meanX, b = y[i] - meanY;
            xy += a * b;
            xx += a * a;
            yy += b * b;
        }

        return xx > 0 && yy > 0 ? Math.Clamp(xy / (Math.Sqrt(xx) * Math.Sqrt(yy)), -1, 1) : double.NaN;
    }

    /// <summary>Spearman's ρ: Pearson's r of ranks, equal values sharing their mean rank.</summary>
    public static double Spearman(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        RequirePairs(x, y);
        return Pearson(Ranks(x), Ranks(y));
    }

    /// <summary>
    /// Kendall's τ-b: (concordant − discordant pairs) / √((pairs not tied in x)·(pairs not tied in y)). Sorted by x, the discordant pairs are the exchanges
    /// that sorting by y needs, which a merge sort counts (Knight 1966).
    /// </summary>
    public static double KendallB(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        RequirePairs(x, y);
        int n = x.Count;
        (double X, double Y)[] pairs = [.. x.Zip(y).OrderBy(pair => pair.First).ThenBy(pair => pair.Second)];
        double[] sorted = [.. pairs.Select(pair => pair.Y)];
        long exchanges = SortCounting(sorted, new double[n], 0, n);
        double all = n * (n - 1.0) / 2, tiedX = Ties(pairs.Select(pair => pair.X)), tiedY = Ties(sorted), tiedBoth = Ties(pairs);
        return all > tiedX && all > tiedY
            ? (all - tiedX - tiedY + tiedBoth - (2.0 * exchanges)) / (Math.Sqrt(all - tiedX) * Math.Sqrt(all - tiedY))
            : double.NaN;
    }

    /// <summary>Ranks from 1, equal values sharing the mean of theirs.</summary>
    internal static double[] Ranks(IReadOnlyList<double> values)
    {
        int[] order = [.. Enumerable.Range(0, values.Count).OrderBy(i => values[i])];
        double[] ranks = new double[order.Length];
        for (int start = 0, end; start < order.Length; start = end)
        {
            end = start + 1;
            while (end < order.Length && values[order[end]] == values[order[start]]) end++;
            for (int i = start; i < end; i++) ranks[order[i]] = (start + 1 + end) / 2.0;
        }

        return ranks;
    }

    /// <summary>Pairs of equal neighbours' runs in a sorted list.</summary>
    private static double Ties<T>(IEnumerable<T> sorted)
        where T : IEquatable<T>
    {
        double pairs = 0;
        long run = 0;
        T? previous = default;
        foreach (T value in sorted)
        {
            run = run > 0 && value.Equals(previous!) ? run + 1 : 1;
            pairs += run - 1;
            previous = value;
        }

        return pairs;
    }

    private static long SortCounting(double[] values, double[] spare, int start, int end)
    {
        if (end - start < 2) return 0;
        int middle = (start + end) / 2;
        long exchanges = SortCounting(values, spare, start, middle) + SortCounting(values, spare, middle, end);
        for (int left = start, right = middle, to = start; to < end; to++)
        {
            bool takeLeft = right == end || (left < middle && values[left] <= values[right]);
            if (!takeLeft) exchanges += middle - left;
            spare[to] = takeLeft ? values[left++] : values[right++];
        }

        spare.AsSpan(start, end - start).CopyTo(values.AsSpan(start));
        return exchanges;
    }

    private static void RequirePairs(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        if (x.Count != y.Count) throw new ArgumentException($"{x.Count} values cannot be paired with {y.Count}", nameof(y));
    }
}
