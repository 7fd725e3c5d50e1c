namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>
    /// y = x / max(‖x‖₂, ε) of each row. Backward, with n the divisor: dx = (dy − y (y · dy)) / n where ‖x‖ &gt; ε, dy / ε elsewhere. The tape keeps y and n.
    /// </summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="x">[rows, features]</param>
    /// <param name="epsilon">ε.</param>
    /// <returns>[rows, features]</returns>
    public static Tensor NormalizeRows(this Scope f, Tensor x, float epsilon = 1e-12f)
    {
        Tensor y = f.New(x.Rows, x.Columns), norms = f.New(x.Rows, 1);
        RowDriver.Rows(
            f.Context.Backend,
            x.Rows,
            2 * x.Columns,
            new NormalizeForward { X = x.Data, Y = y.Data, Norms = norms.Data, Columns = x.Columns, Epsilon = epsilon });
        if (f.Records([x])) Record(f.Tape!, x, y, norms, epsilon);
        return y;

        static void Record(Tape tape, Tensor x, Tensor y, Tensor norms, float epsilon) => tape.Record([y], [], [y, norms], pass =>
        {
            Tensor dy = pass.Gradient(y), dx = pass.Target(x, out bool add);
            NormalizeBackward backward = new()
            {
                Y = y.Data,
                Norms = norms.Data,
                DY = dy.Data,
                DX = dx.Data,
                Columns = x.Columns,
                Epsilon = epsilon,
                Accumulate = add,
            };
            RowDriver.Rows(x.Context.Backend, x.Rows, 3 * x.Columns, backward);
        });
    }

    private struct NormalizeForward : IRowKernel
    {
        public float* X, Y, Norms;
        public int Columns;
        public float Epsilon;

        public readonly void Row(int row)
        {
            float* x = X + ((long)row * Columns);
            Norms[row] = MathF.Max(MathF.Sqrt(VectorRow.Dot(x, x, Columns)), Epsilon);
            VectorRow.Scale(x, 1 / Norms[row], Y + ((long)row * Columns), Columns);
        }
    }

    private struct NormalizeBackward : IRowKernel
    {
        public float* Y, Norms, DY, DX;
        public int Columns;
        public float Epsilon;
        public bool Accumulate;

        public readonly void Row(int row)
        {
            long at = (long)row * Columns;
            float inverse = 1 / Norms[row];
            VectorRow.Scale(DY + at, inverse, DX + at, Columns, Accumulate);
            if (Norms[row] > Epsilon) VectorRow.AddScaled(Y + at, -inverse * VectorRow.Dot(Y + at, DY + at, Columns), DX + at, Columns);
        }
    }
}
