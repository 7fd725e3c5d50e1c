namespace Sirocco.Compute;

/// <summary>How the rows of a sequence become one row.</summary>
public enum Pooling
{
    /// <summary>Σ h_i / n</summary>
    Average,

    /// <summary>Σ h_i</summary>
    Sum,

    /// <summary>h_0</summary>
    First,

    /// <summary>h_{n−1}</summary>
    Last,

    /// <summary>The largest of each feature; the gradient goes to the first row that has it.</summary>
    Max,

    /// <summary>Σ h_i / √n</summary>
    AverageSquareRoot,

    /// <summary>Σ (i + 1) h_i / Σ (i + 1)</summary>
    PositionWeighted,
}

public static unsafe partial class Operations
{
    /// <summary>Pools ranges of rows: y[s] of rows starts[s] ≤ i &lt; ends[s], summed in f32 in order of i. An empty range gives zeros.</summary>
    /// <remarks>Every mode but <see cref="Pooling.Max"/> is a weighted sum, so dh_i = w_i · dy; Max keeps x.</remarks>
    /// <param name="f">Where the result lives.</param>
    /// <param name="x">[tokens, features]</param>
    /// <param name="starts">First row of each range.</param>
    /// <param name="ends">Row after the last of each range.</param>
    /// <param name="mode">What is done with a range.</param>
    /// <returns>[ranges, features]</returns>
    public static Tensor Pool(this Scope f, Tensor x, ReadOnlySpan<int> starts, ReadOnlySpan<int> ends, Pooling mode)
    {
        Expect.Length(ends.Length, starts.Length, "ends of ranges");
        for (int s = 0; s < starts.Length; s++)
        {
            if (starts[s] < 0 || ends[s] > x.Rows || starts[s] > ends[s])
                throw new ArgumentOutOfRangeException(nameof(ends), $"rows {starts[s]} to {ends[s]} are no range of a matrix of {x.Rows} rows");
        }

        Tensor y = f.New(starts.Length, x.Columns);
        fixed (int* first = starts, end = ends)
            RowDriver.Columns(
                f.Context.Backend,
                x.Rows,
                x.Columns,
                new PoolForward { X = x.Data, Y = y.Data, Starts = first, Ends = end, Ranges = y.Rows, Stride = x.Columns, Mode = mode });
        if (f.Records([x])) Record(f.Tape!, x, f.Integers(starts), f.Integers(ends), mode, y);
        return y;

        static void Record(Tape tape, Tensor x, Tensor starts, Tensor ends, Pooling mode, Tensor y) =>
            tape.Record([y], [], mode == Pooling.Max ? [starts, ends, x] : [starts, ends], pass =>
            {
                Tensor dy = pass.Gradient(y), dx = pass.Target(x, out bool add);
                if (!add) System.Runtime.InteropServices.NativeMemory.Clear(dx.Data, (nuint)(dx.Count * sizeof(float)));
                PoolBackward backward = new()
                {
                    X = mode == Pooling.Max ? x.Data : null,
                    DY = dy.Data,
                    DX = dx.Data,
                    Starts = (int*)starts.Pointer,
                    Ends = (int*)ends.Pointer,
                    Ranges = y.Rows,
                    Stride = x.Columns,
                    Mode = mode,
                };
                RowDriver.Columns(x.Context.Backend, x.Rows, x.Columns, backward);
            });
    }

    /// <summary>Weight of row <paramref name="i"/> of <paramref name="n"/>.</summary>
    private static float PoolingWeight(Pooling mode, int i, int n) => mode switch
    {
        Pooling.Average => 1f / n,
        Pooling.Sum => 1,
        Pooling.First => i == 0 ? 1 : 0,
        Pooling.Last => i == n - 1 ? 1 : 0,
        Pooling.AverageSquareRoot => (float)(1 / Math.Sqrt(n)),
        Pooling.PositionWeighted => (float)((i + 1) / (n * (n + 1.0) / 2)),
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "not a weighted sum"),
    };

    private struct PoolForward : IColumnKernel
    {
        public float* X, Y;
        public int* Starts, Ends;
        public int Ranges, Stride;
        public Pooling Mode;

        public readonly void Columns(int first, int count)
        {
            for (int s = 0; s < Ranges; s++)
            {
                float* y = Y + ((long)s * Stride) + first;
                int start = Starts[s], n = Ends[s] - start;
                new Span<float>(y, count).Clear();
                for (int i = 0; i < n; i++)
                {
                    float* x = X + ((long)(start + i) * Stride) + first;
                    if (Mode == Pooling.Max) Largest(x, y, count, i == 0);
                    else Weighted(x, y, count, i, n);
                }

                // One division at the end rounds less than a weight on each row.
                if (Mode is Pooling.Average or Pooling.AverageSquareRoot && n > 0) VectorRow.Scale(y, PoolingWeight(Mode, 0, n), y, count);
            }
        }

        private readonly void Weighted(float* x, float* y, int count, int i, int n)
        {
            if (Mode is Pooling.Average or Pooling.AverageSquareRoot or Pooling.Sum)
            {
                VectorRow.Add(x, y, count);
                return;
            }

            float weight = PoolingWeight(Mode, i, n);
            if (weight != 0) VectorRow.AddScaled(x, weight, y, count);
        }

        private static void Largest(float* x, float* y, int count, bool first)
        {
            for (int c = 0; c < count; c++)
            {
                if (first || x[c] > y[c]) y[c] = x[c];
            }
        }
    }

    private struct PoolBackward : IColumnKernel
    {
        public float* X, DY, DX;
        public int* Starts, Ends;
        public int Ranges, Stride;
        public Pooling Mode;

        public readonly void Columns(int first, int count)
        {
            for (int s = 0; s < Ranges; s++)
            {
                float* dy = DY + ((long)s * Stride) + first;
                int start = Starts[s], n = Ends[s] - start;
                if (Mode == Pooling.Max)
                {
                    for (int c = 0; c < count && n > 0; c++) DX[((long)Argmax(start, n, first + c) * Stride) + first + c] += dy[c];
                    continue;
                }

                for (int i = 0; i < n; i++)
                {
                    float weight = PoolingWeight(Mode, i, n);
                    if (weight != 0) VectorRow.AddScaled(dy, weight, DX + ((long)(start + i) * Stride) + first, count);
                }
            }
        }

        private readonly int Argmax(int start, int n, int column)
        {
            int most = start;
            for (int row = start + 1; row < start + n; row++)
            {
                if (X[((long)row * Stride) + column] > X[((long)most * Stride) + column]) most = row;
            }

            return most;
        }
    }
}

/// <summary>Pooling in plain loops.</summary>
internal static class PoolReference
{
    public static double[] Forward(double[] x, int features, int[] starts, int[] ends, Pooling mode)
    {
        double[] y = new double[starts.Length * features];
        for (int s = 0; s < starts.Length; s++)
        {
            int n = ends[s] - starts[s];
            for (int c = 0; c < features && n > 0; c++)
            {
                double[] h = new double[n];
                for (int i = 0; i < n; i++) h[i] = x[((starts[s] + i) * features) + c];
                y[(s * features) + c] = mode switch
                {
                    Pooling.Average => h.Average(),
                    Pooling.Sum => h.Sum(),
                    Pooling.First => h[0],
                    Pooling.Last => h[^1],
                    Pooling.Max => h.Max(),
                    Pooling.AverageSquareRoot => h.Sum() / Math.Sqrt(n),
                    _ => h.Select((value, i) => value * (i + 1)).Sum() / Enumerable.Range(1, n).Sum(),
                };
            }
        }

        return y;
    }
}
