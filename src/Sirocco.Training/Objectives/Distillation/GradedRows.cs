namespace Sirocco.Training;

/// <summary>Rows of a matrix in double precision, with the derivative of a loss by each element: what the terms of a distillation read and add to.</summary>
internal sealed class GradedRows
{
    /// <summary>Shorter rows are not made longer (torch.nn.functional.normalize).</summary>
    private const double LeastLength = 1e-12;

    private readonly GradedRows? source;
    private readonly IReadOnlyList<(GradedRows? From, int Row)> places = [];

    private GradedRows(double[] values, int width, GradedRows? source) =>
        (Values, Width, Gradient, this.source) = (values, width, new double[values.Length], source);

    /// <param name="values">[rows, width]</param>
    /// <param name="width">Elements of a row.</param>
    public GradedRows(ReadOnlySpan<float> values, int width)
        : this(Widened(values), width, null)
    {
    }

    /// <summary>Rows of other matrices as one; null stands for zeros. <see cref="PassBack"/> takes their derivatives to where they come from.</summary>
    /// <param name="places">Matrix and row of each.</param>
    /// <param name="width">Elements of a row.</param>
    public GradedRows(IReadOnlyList<(GradedRows? From, int Row)> places, int width)
        : this(new double[places.Count * width], width, null)
    {
        this.places = places;
        for (int i = 0; i < places.Count; i++) places[i].From?[places[i].Row].CopyTo(Values.AsSpan(i * width));
    }

    /// <summary>Elements of a row.</summary>
    public int Width { get; }

    /// <summary>Number of rows.</summary>
    public int Rows => Values.Length / Width;

    /// <summary>[rows, width]</summary>
    public double[] Values { get; }

    /// <summary>[rows, width] derivatives, added up over the terms.</summary>
    public double[] Gradient { get; }

    /// <summary>One row.</summary>
    public ReadOnlySpan<double> this[int row] => Values.AsSpan(row * Width, Width);

    /// <summary>Derivatives by one row.</summary>
    public Span<double> GradientOf(int row) => Gradient.AsSpan(row * Width, Width);

    /// <summary>The rows at unit length; <see cref="PassBack"/> takes their derivatives to these.</summary>
    public GradedRows ToUnitLength()
    {
        double[] unit = new double[Values.Length];
        for (int row = 0; row < Rows; row++)
        {
            double length = Math.Max(Length(row), LeastLength);
            for (int i = 0; i < Width; i++) unit[(row * Width) + i] = Values[(row * Width) + i] / length;
        }

        return new GradedRows(unit, Width, this);
    }

    /// <summary>
    /// Adds to the derivatives of the rows that these were made from; to those of rows at unit length, with u = x / ‖x‖, dx = (du − (du · u) u) / ‖x‖.
    /// Nothing to do for rows of their own.
    /// </summary>
    public void PassBack()
    {
        for (int i = 0; i < places.Count; i++)
        {
            if (places[i].From is not { } from) continue;
            ReadOnlySpan<double> mine = GradientOf(i);
            Span<double> theirs = from.GradientOf(places[i].Row);
            for (int j = 0; j < Width; j++) theirs[j] += mine[j];
        }

        if (source is null) return;
        for (int row = 0; row < Rows; row++)
        {
            double length = source.Length(row), along = 0;
            ReadOnlySpan<double> u = this[row], du = GradientOf(row);
            if (length > LeastLength)
            {
                for (int i = 0; i < Width; i++) along += du[i] * u[i];
            }

            Span<double> dx = source.GradientOf(row);
            for (int i = 0; i < Width; i++) dx[i] += (du[i] - (along * u[i])) / Math.Max(length, LeastLength);
        }
    }

    /// <summary>The derivatives in single precision.</summary>
    public float[] SingleGradient() => Array.ConvertAll(Gradient, value => (float)value);

    private double Length(int row)
    {
        double sum = 0;
        foreach (double value in this[row]) sum += value * value;
        return Math.Sqrt(sum);
    }

    private static double[] Widened(ReadOnlySpan<float> values)
    {
        double[] wide = new double[values.Length];
        for (int i = 0; i < wide.Length; i++) wide[i] = values[i];
        return wide;
    }
}
