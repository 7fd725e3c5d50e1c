using System.Runtime.Intrinsics;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>
    /// Turns each head by its token's angles (Su et al. 2021, half-split pairing): y[i] = x[i]·c[i] − x[i+d/2]·s[i], y[i+d/2] = x[i+d/2]·c[i] + x[i]·s[i];
    /// queries are then multiplied by their position's query scale. Backward: the same by the opposite angle.
    /// </summary>
    /// <param name="f">Where the results live.</param>
    /// <param name="q">[tokens, heads · headSize]</param>
    /// <param name="k">[tokens, kvHeads · headSize]</param>
    /// <param name="table">Of the same tokens.</param>
    /// <param name="headSize">d, twice the table's width.</param>
    /// <returns>Turned q and k, of the same shapes.</returns>
    /// <exception cref="ArgumentException">The head size is odd or not above 0, or shapes do not go together.</exception>
    public static (Tensor Q, Tensor K) Rotary(this Scope f, Tensor q, Tensor k, RotaryTable table, int headSize)
    {
        if (headSize <= 0 || headSize % 2 != 0)
            throw new ArgumentOutOfRangeException(nameof(headSize), headSize, "the halves of a head turn with each other: its size must be even and above 0");
        Expect.Columns(table.Cosines, headSize / 2, "the rotary table");
        Expect.Length(table.Cosines.Rows, q.Rows, "tokens in the rotary table");
        return (Turn(f, q, table, table.QueryScales, headSize), Turn(f, k, table, null, headSize));
    }

    private static Tensor Turn(Scope f, Tensor x, RotaryTable table, Tensor? scales, int headSize)
    {
        Expect.Length(x.Rows, table.Cosines.Rows, "rows to rotate");
        if (x.Columns % headSize != 0) throw new ArgumentException($"{x.Columns} features are not whole heads of {headSize}");
        Tensor y = f.New(x.Rows, x.Columns);
        RowDriver.Rows(f.Context.Backend, x.Rows, 2 * x.Columns, new RotaryRow(x, y, table, scales, headSize));
        if (f.Records([x, table.Cosines, table.Sines, table.QueryScales])) Record(f.Tape!, x, table, scales, headSize, y);
        return y;

        static void Record(Tape tape, Tensor x, RotaryTable table, Tensor? scales, int headSize, Tensor y) =>
            tape.Record([y], [], scales is null ? [table.Cosines, table.Sines] : [table.Cosines, table.Sines, scales], pass =>
            {
                Tensor dy = pass.Gradient(y), dx = pass.Target(x, out bool add);
                RowDriver.Rows(x.Context.Backend, x.Rows, 2 * x.Columns, new RotaryRow(dy, dx, table, scales, headSize) { Backward = true, Accumulate = add });
            });
    }

    private struct RotaryRow(Tensor x, Tensor y, RotaryTable table, Tensor? scales, int headSize) : IRowKernel
    {
        public bool Backward, Accumulate;
        private readonly float* x = x.Data, y = y.Data, cosines = table.Cosines.Data, sines = table.Sines.Data, scales = scales is null ? null : scales.Data;
        private readonly int columns = x.Columns, half = headSize / 2;

        public readonly void Row(int row)
        {
            float* cosine = cosines + ((long)row * half), sine = sines + ((long)row * half);
            float scale = scales == null ? 1 : scales[row], turn = Backward ? -scale : scale;
            for (int head = 0; head < columns; head += 2 * half)
            {
                float* x1 = x + ((long)row * columns) + head, y1 = y + ((long)row * columns) + head, x2 = x1 + half, y2 = y1 + half;
                int i = 0;
                for (; i + 8 <= half; i += 8)
                {
                    Vector256<float> c = Vector256.Load(cosine + i) * scale, s = Vector256.Load(sine + i) * turn;
                    Vector256<float> a = Vector256.Load(x1 + i), b = Vector256.Load(x2 + i);
                    Vector256<float> first = (a * c) - (b * s), second = (b * c) + (a * s);
                    if (Accumulate) (first, second) = (first + Vector256.Load(y1 + i), second + Vector256.Load(y2 + i));
                    first.Store(y1 + i);
                    second.Store(y2 + i);
                }

                for (; i < half; i++)
                {
                    float c = cosine[i] * scale, s = sine[i] * turn, first = (x1[i] * c) - (x2[i] * s), second = (x2[i] * c) + (x1[i] * s);
                    y1[i] = Accumulate ? y1[i] + first : first;
                    y2[i] = Accumulate ? y2[i] + second : second;
                }
            }
        }
    }
}

/// <summary>The rotation in plain loops.</summary>
internal static class RotaryReference
{
    public static double[] Forward(double[] x, double[] cosines, double[] sines, double[]? queryScales, int tokens, int headSize)
    {
        int features = x.Length / Math.Max(tokens, 1), half = headSize / 2;
        double[] y = new double[x.Length];
        for (int t = 0; t < tokens; t++)
        {
            double scale = queryScales?[t] ?? 1;
            for (int head = t * features; head < (t + 1) * features; head += headSize)
            {
                for (int i = 0; i < half; i++)
                {
                    double c = cosines[(t * half) + i], s = sines[(t * half) + i];
                    y[head + i] = scale * ((x[head + i] * c) - (x[head + half + i] * s));
                    y[head + half + i] = scale * ((x[head + half + i] * c) + (x[head + i] * s));
                }
            }
        }

        return y;
    }
}
