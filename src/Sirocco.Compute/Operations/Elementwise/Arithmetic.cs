namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>y = a + b. Backward: both get dy.</summary>
    public static Tensor Add(this Scope f, Tensor a, Tensor b)
    {
        Expect.SameShape(a, b);
        Tensor y = f.New(a.Rows, a.Columns);
        RowDriver.Flat(f.Context.Backend, y.Count, new Sum { A = a.Data, B = b.Data, Y = y.Data, Count = y.Count });
        if (f.Records([a, b])) Record(f.Tape!, a, b, y);
        return y;

        static void Record(Tape tape, Tensor a, Tensor b, Tensor y) => tape.Record([y], [], [], pass =>
        {
            pass.Add(a, pass.Gradient(y));
            pass.PassOn(y, b);
        });
    }

    /// <summary>y = factor · x. Backward: dx = factor · dy.</summary>
    public static Tensor Scale(this Scope f, Tensor x, float factor)
    {
        Tensor y = f.New(x.Rows, x.Columns);
        RowDriver.Flat(f.Context.Backend, y.Count, new Multiple { X = x.Data, Y = y.Data, Count = y.Count, Factor = factor });
        if (f.Records([x])) Record(f.Tape!, x, factor, y);
        return y;

        static void Record(Tape tape, Tensor x, float factor, Tensor y) => tape.Record([y], [], [], pass =>
        {
            Tensor dy = pass.Gradient(y), dx = pass.Target(x, out bool add);
            RowDriver.Flat(x.Context.Backend, x.Count, new Multiple { X = dy.Data, Y = dx.Data, Count = x.Count, Factor = factor, Accumulate = add });
        });
    }

    private struct Sum : IRowKernel
    {
        public float* A, B, Y;
        public long Count;

        public readonly void Row(int row)
        {
            long first = (long)row * RowDriver.FlatRow;
            int count = (int)Math.Min(RowDriver.FlatRow, Count - first);
            VectorRow.Copy(A + first, Y + first, count);
            VectorRow.Add(B + first, Y + first, count);
        }
    }

    private struct Multiple : IRowKernel
    {
        public float* X, Y;
        public long Count;
        public float Factor;
        public bool Accumulate;

        public readonly void Row(int row)
        {
            long first = (long)row * RowDriver.FlatRow;
            VectorRow.Scale(X + first, Factor, Y + first, (int)Math.Min(RowDriver.FlatRow, Count - first), Accumulate);
        }
    }
}
