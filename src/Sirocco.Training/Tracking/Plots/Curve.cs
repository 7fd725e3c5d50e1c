namespace Sirocco.Training.Plots;

/// <summary>Values over a run.</summary>
public sealed record Curve
{
    /// <summary>What the legend calls it; curves of one name share a colour and an entry.</summary>
    public required string Name { get; init; }

    /// <summary>Positions, ascending.</summary>
    public required IReadOnlyList<double> X { get; init; }

    /// <summary>Values; the line has a gap where one is not finite.</summary>
    public required IReadOnlyList<double> Y { get; init; }

    /// <summary>Few values that each deserve a mark, as of validations.</summary>
    public bool Marked { get; init; }

    /// <summary>Values that the running mean goes over; 1 draws the values alone.</summary>
    public int Smoothing { get; init; } = 1;

    /// <summary>A smoothing that shows the course of a noisy measurement: a twentieth of it, at most 50 values.</summary>
    public static int SmoothingFor(int count) => Math.Clamp(count / 20, 1, 50);

    /// <summary>
    /// Mean of the finite ones among the values around each, half of <see cref="Smoothing"/> to either side, so that the mean does not lag behind.
    /// </summary>
    internal double[] RunningMean()
    {
        double[] sums = new double[Y.Count + 1], means = new double[Y.Count];
        int[] counts = new int[Y.Count + 1];
        for (int i = 0; i < Y.Count; i++)
        {
            bool finite = double.IsFinite(Y[i]);
            (sums[i + 1], counts[i + 1]) = (sums[i] + (finite ? Y[i] : 0), counts[i] + (finite ? 1 : 0));
        }

        for (int i = 0; i < means.Length; i++)
        {
            int from = Math.Max(0, i - (Smoothing / 2)), to = Math.Min(means.Length, i + ((Smoothing + 1) / 2));
            means[i] = double.IsFinite(Y[i]) ? (sums[to] - sums[from]) / (counts[to] - counts[from]) : double.NaN;
        }

        return means;
    }
}

/// <summary>Curves on axes of their own.</summary>
/// <param name="Title">What is measured.</param>
/// <param name="Curves">Drawn in this order.</param>
/// <param name="Logarithmic">Whether equal steps upward are equal factors; values that are not positive are left out.</param>
public sealed record Panel(string Title, IReadOnlyList<Curve> Curves, bool Logarithmic = false);
