namespace Sirocco.Training;

/// <summary>How far two systems differ that were measured on the same queries.</summary>
/// <param name="MeanDifference">Mean of x − y.</param>
/// <param name="T">Student's t of the differences; NaN where all are the same.</param>
/// <param name="P">Probability, were there no difference, of a t at least as far from 0 (two-sided, n − 1 degrees of freedom).</param>
/// <param name="EffectSize">Cohen's d: mean difference over the standard deviation of the differences.</param>
public sealed record PairedComparison(double MeanDifference, double T, double P, double EffectSize)
{
    /// <summary>The paired t-test.</summary>
    /// <param name="x">Values of one system.</param>
    /// <param name="y">Values of the other, of the same queries in the same order.</param>
    public static PairedComparison Of(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        if (x.Count != y.Count) throw new ArgumentException($"{x.Count} values cannot be paired with {y.Count}", nameof(y));
        int n = x.Count;
        double[] differences = [.. x.Zip(y, (a, b) => a - b)];
        double mean = n == 0 ? double.NaN : differences.Sum() / n;
        double deviation = Math.Sqrt(differences.Sum(d => (d - mean) * (d - mean)) / (n - 1));
        double effect = mean / deviation, t = effect * Math.Sqrt(n);
        return new PairedComparison(mean, t, StudentT.TwoSided(t, n - 1), effect);
    }
}
