using System.Runtime.InteropServices;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>y[i] = x[rows[i]]. Backward: dx[rows[i]] += dy[i], in order of i.</summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="x">[n, features]</param>
    /// <param name="rows">Any rows of x in any order, repeated or not.</param>
    /// <returns>[rows, features]</returns>
    public static Tensor GatherRows(this Scope f, Tensor x, ReadOnlySpan<int> rows)
    {
        Expect.Rows(rows, x);
        Tensor y = f.New(rows.Length, x.Columns);
        fixed (int* at = rows)
            RowDriver.Rows(f.Context.Backend, y.Rows, y.Columns, new RowsFrom { X = x.Data, Rows = at, Y = y.Data, Columns = y.Columns });
        if (f.Records([x])) Record(f.Tape!, x, f.Integers(rows), y);
        return y;

        static void Record(Tape tape, Tensor x, Tensor rows, Tensor y) => tape.Record([y], [], [rows], pass =>
        {
            Tensor dy = pass.Gradient(y), dx = pass.Target(x, out bool add);
            if (!add) NativeMemory.Clear(dx.Data, (nuint)(dx.Count * sizeof(float)));
            RowDriver.Columns(
                x.Context.Backend,
                y.Rows,
                y.Columns,
                new RowsAdded { X = dy.Data, Rows = (int*)rows.Pointer, Y = dx.Data, Count = y.Rows, Stride = y.Columns });
        });
    }

    /// <summary>y = x, but y[rows[i]] = values[i]. Backward: dvalues[i] = dy[rows[i]]; dx = dy, 0 in those rows.</summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="x">[n, features]</param>
    /// <param name="values">[rows, features]</param>
    /// <param name="rows">Rows of x, ascending, each once.</param>
    /// <returns>[n, features]</returns>
    public static Tensor ScatterRows(this Scope f, Tensor x, Tensor values, ReadOnlySpan<int> rows)
    {
        Expect.Rows(rows, x);
        Expect.Columns(values, x.Columns, "the matrix of values");
        Expect.Length(values.Rows, rows.Length, "rows of values");
        for (int i = 1; i < rows.Length; i++)
        {
            if (rows[i] <= rows[i - 1]) throw new ArgumentException($"row {rows[i]} follows row {rows[i - 1]}; rows must ascend", nameof(rows));
        }

        Tensor y = f.New(x.Rows, x.Columns);
        NativeMemory.Copy(x.Data, y.Data, (nuint)(y.Count * sizeof(float)));
        fixed (int* at = rows)
            RowDriver.Rows(f.Context.Backend, values.Rows, y.Columns, new RowsTo { X = values.Data, Rows = at, Y = y.Data, Columns = y.Columns });
        if (f.Records([x, values])) Record(f.Tape!, x, values, f.Integers(rows), y);
        return y;

        static void Record(Tape tape, Tensor x, Tensor values, Tensor rows, Tensor y) => tape.Record([y], [], [rows], pass =>
        {
            Tensor dy = pass.Gradient(y);
            int* at = (int*)rows.Pointer;
            if (pass.Wants(values))
            {
                Tensor dvalues = pass.Target(values, out bool add);
                RowDriver.Rows(
                    x.Context.Backend,
                    rows.Columns,
                    y.Columns,
                    new RowsFrom { X = dy.Data, Rows = at, Y = dvalues.Data, Columns = y.Columns, Accumulate = add });
            }

            if (!pass.Wants(x)) return;
            Tensor dx = pass.Target(x, out bool addToX);
            RowsBeside beside = new() { X = dy.Data, Rows = at, Y = dx.Data, Count = rows.Columns, Columns = y.Columns, Accumulate = addToX };
            RowDriver.Rows(x.Context.Backend, y.Rows, y.Columns, beside);
        });
    }

    /// <summary>y = rows of a, then rows of b. Backward: each gets its rows of dy.</summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="a">[m, features]</param>
    /// <param name="b">[n, features]</param>
    /// <returns>[m + n, features]</returns>
    public static Tensor Concatenate(this Scope f, Tensor a, Tensor b)
    {
        Expect.Columns(b, a.Columns, "the second matrix");
        Tensor y = f.New(checked(a.Rows + b.Rows), a.Columns);
        NativeMemory.Copy(a.Data, y.Data, (nuint)(a.Count * sizeof(float)));
        NativeMemory.Copy(b.Data, y.Data + a.Count, (nuint)(b.Count * sizeof(float)));
        if (f.Records([a, b])) Record(f.Tape!, a, b, y);
        return y;

        static void Record(Tape tape, Tensor a, Tensor b, Tensor y) => tape.Record([y], [], [], pass =>
        {
            float* dy = pass.Gradient(y).Data;
            Part(pass, a, dy);
            Part(pass, b, dy + a.Count);
        });

        static void Part(BackwardPass pass, Tensor x, float* dy)
        {
            if (!pass.Wants(x)) return;
            Tensor dx = pass.Target(x, out bool add);
            RowDriver.Flat(x.Context.Backend, x.Count, new Multiple { X = dy, Y = dx.Data, Count = x.Count, Factor = 1, Accumulate = add });
        }
    }

    /// <summary>y[i] (+)= x[rows[i]].</summary>
    private struct RowsFrom : IRowKernel
    {
        public float* X, Y;
        public int* Rows;
        public int Columns;
        public bool Accumulate;

        public readonly void Row(int row) => VectorRow.Copy(X + ((long)Rows[row] * Columns), Y + ((long)row * Columns), Columns, Accumulate);
    }

    /// <summary>y[rows[i]] = x[i].</summary>
    private struct RowsTo : IRowKernel
    {
        public float* X, Y;
        public int* Rows;
        public int Columns;

        public readonly void Row(int row) => VectorRow.Copy(X + ((long)row * Columns), Y + ((long)Rows[row] * Columns), Columns);
    }

    /// <summary>y (+)= x, with zeros for the rows[i], which ascend.</summary>
    private struct RowsBeside : IRowKernel
    {
        public float* X, Y;
        public int* Rows;
        public int Count, Columns;
        public bool Accumulate;

        public readonly void Row(int row)
        {
            long first = (long)row * Columns;
            if (new ReadOnlySpan<int>(Rows, Count).BinarySearch(row) < 0) VectorRow.Copy(X + first, Y + first, Columns, Accumulate);
            else if (!Accumulate) new Span<float>(Y + first, Columns).Clear();
        }
    }

    /// <summary>y[rows[i]] += x[i].</summary>
    private struct RowsAdded : IColumnKernel
    {
        public float* X, Y;
        public int* Rows;
        public int Count, Stride;

        public readonly void Columns(int first, int count)
        {
            for (int i = 0; i < Count; i++) VectorRow.Add(X + ((long)i * Stride) + first, Y + ((long)Rows[i] * Stride) + first, count);
        }
    }
}
