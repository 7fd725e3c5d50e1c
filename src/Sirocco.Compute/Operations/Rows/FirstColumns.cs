namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>y = x[:, 0..columns]. Backward: those columns of dx get dy, the others nothing.</summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="x">[rows, features]</param>
    /// <param name="columns">Features kept.</param>
    /// <returns>[rows, columns]</returns>
    public static Tensor FirstColumns(this Scope f, Tensor x, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(columns, x.Columns);
        Tensor y = f.New(x.Rows, columns);
        RowDriver.Rows(
            f.Context.Backend, x.Rows, columns, new RowStarts { From = x.Data, FromStride = x.Columns, To = y.Data, ToStride = columns, Count = columns });
        if (f.Records([x])) Record(f.Tape!, x, y);
        return y;

        static void Record(Tape tape, Tensor x, Tensor y) => tape.Record([y], [], [], pass =>
        {
            Tensor dy = pass.Gradient(y), dx = pass.Target(x, out bool add);
            RowDriver.Rows(x.Context.Backend, x.Rows, x.Columns, new RowStarts
            {
                From = dy.Data,
                FromStride = y.Columns,
                To = dx.Data,
                ToStride = x.Columns,
                Count = y.Columns,
                Accumulate = add,
                ClearRest = !add,
            });
        });
    }

    /// <summary>The first elements of each row, from rows of one width to rows of another.</summary>
    private struct RowStarts : IRowKernel
    {
        public float* From, To;
        public int FromStride, ToStride, Count;
        public bool Accumulate, ClearRest;

        public readonly void Row(int row)
        {
            float* to = To + ((long)row * ToStride);
            VectorRow.Copy(From + ((long)row * FromStride), to, Count, Accumulate);
            if (ClearRest) new Span<float>(to + Count, ToStride - Count).Clear();
        }
    }
}
