using System.Runtime.InteropServices;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>The same elements in the same order under another shape. Backward: likewise.</summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="x">rows · columns elements.</param>
    /// <param name="rows">Rows of the result.</param>
    /// <param name="columns">Columns of the result.</param>
    /// <returns>[rows, columns]</returns>
    public static Tensor Reshape(this Scope f, Tensor x, int rows, int columns)
    {
        if ((long)rows * columns != x.Count)
            throw new ArgumentException($"a matrix of {x.Rows} x {x.Columns} cannot be read as one of {rows} x {columns}", nameof(rows));
        Tensor y = f.New(rows, columns);
        NativeMemory.Copy(x.Data, y.Data, (nuint)(y.Count * sizeof(float)));
        if (f.Records([x])) Record(f.Tape!, x, y);
        return y;

        static void Record(Tape tape, Tensor x, Tensor y) => tape.Record([y], [], [], pass =>
        {
            Tensor dy = pass.Gradient(y), dx = pass.Target(x, out bool add);
            RowDriver.Flat(x.Context.Backend, x.Count, new Multiple { X = dy.Data, Y = dx.Data, Count = x.Count, Factor = 1, Accumulate = add });
        });
    }
}
