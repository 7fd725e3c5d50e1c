using System.Runtime.Intrinsics;
using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>y = r · x ⊙ g of one token; keeps r where a backward pass will want it.</summary>
internal unsafe struct RmsNormForward<TStore> : IRowKernel
    where TStore : IUnitStore
{
    private float* x, gain, inverse;
    private byte* y;
    private int columns;
    private float epsilon;

    /// <param name="x">[tokens, features]</param>
    /// <param name="gain">[features]</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="y">[tokens, features]</param>
    /// <param name="inverse">[tokens, 1] receives r; or null.</param>
    public static void Run(Tensor x, Parameter gain, float epsilon, Tensor y, Tensor? inverse)
    {
        RmsNormForward<TStore> forward = new()
        {
            x = x.Data,
            gain = gain.Vector,
            y = (byte*)y.Pointer,
            inverse = inverse is null ? null : inverse.Data,
            columns = x.Columns,
            epsilon = epsilon,
        };
        RowDriver.Rows(x.Context.Backend, x.Rows, 2 * x.Columns, forward);
    }

    public readonly void Row(int row)
    {
        float* from = x + ((long)row * columns);
        byte* to = y + ((long)row * columns * TStore.Bytes);
        float r = 1 / MathF.Sqrt((VectorRow.Dot(from, from, columns) / columns) + epsilon);
        if (inverse != null) inverse[row] = r;
        int i = 0;
        for (; i + 8 <= columns; i += 8)
            TStore.Store8((Vector256.Load(from + i) * r * Vector256.Load(gain + i)).AsUInt32(), to + (i * TStore.Bytes));
        for (; i < columns; i++) TStore.Store(BitConverter.SingleToUInt32Bits(from[i] * r * gain[i]), to + (i * TStore.Bytes));
    }
}

/// <summary>dx = r · (g ⊙ dy − x̂ · mean(g ⊙ dy ⊙ x̂)) of one token.</summary>
internal unsafe struct RmsNormBackward : IRowKernel
{
    public float* X, Gain, Inverse, DY, DX;
    public int Columns;
    public bool Accumulate;

    public readonly void Row(int row)
    {
        long at = (long)row * Columns;
        float* x = X + at, dy = DY + at, dx = DX + at;
        float r = Inverse[row];

        // r · x̂ · mean(…) = x · r³ · mean(g ⊙ dy ⊙ x)
        float c = VectorRow.Dot(Gain, dy, x, Columns) / Columns * r * r * r;
        int i = 0;
        for (; i + 8 <= Columns; i += 8)
        {
            Vector256<float> value = (Vector256.Load(Gain + i) * Vector256.Load(dy + i) * r) - (Vector256.Load(x + i) * c);
            (Accumulate ? Vector256.Load(dx + i) + value : value).Store(dx + i);
        }

        for (; i < Columns; i++)
        {
            float value = (Gain[i] * dy[i] * r) - (x[i] * c);
            dx[i] = Accumulate ? dx[i] + value : value;
        }
    }
}

/// <summary>dg += Σ_t dy ⊙ r · x of some columns.</summary>
internal unsafe struct RmsNormGain : IColumnKernel
{
    public float* X, Inverse, DY, DGain;
    public int Tokens, Stride;

    public readonly void Columns(int first, int count)
    {
        float* to = DGain + first;
        for (int t = 0; t < Tokens; t++)
        {
            long at = ((long)t * Stride) + first;
            float* x = X + at, dy = DY + at;
            int i = 0;
            for (; i + 8 <= count; i += 8)
                Vector256.MultiplyAddEstimate(Vector256.Load(x + i) * Inverse[t], Vector256.Load(dy + i), Vector256.Load(to + i)).Store(to + i);
            for (; i < count; i++) to[i] += x[i] * Inverse[t] * dy[i];
        }
    }
}
