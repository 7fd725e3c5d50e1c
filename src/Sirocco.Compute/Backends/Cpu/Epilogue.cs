using System.Runtime.Intrinsics;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>What happens to a row of a block between the tile and the result.</summary>
internal static unsafe class Epilogue
{
    /// <summary>to = from (+ addend).</summary>
    public static void Store(float* from, float* addend, float* to, int count)
    {
        int i = 0;
        for (; i + 8 <= count; i += 8)
        {
            Vector256<float> value = Vector256.Load(from + i);
            (addend == null ? value : value + Vector256.Load(addend + i)).Store(to + i);
        }

        for (; i < count; i++)
            to[i] = addend == null ? from[i] : from[i] + addend[i];
    }

    /// <summary>Turns integer sums into f32 in place: (sum − offset) · (row scale · channel scale).</summary>
    /// <param name="tile">The sums, a multiple of 8.</param>
    /// <param name="rowScale">Scale of the activations.</param>
    /// <param name="scales">Scales of the output channels.</param>
    /// <param name="offsets">What the sums are too large by.</param>
    /// <param name="count">Number of sums.</param>
    public static void Dequantize(float* tile, float rowScale, float* scales, int* offsets, int count)
    {
        for (int i = 0; i < count; i += 8)
        {
            Vector256<int> sums = Vector256.Load((int*)tile + i) - Vector256.Load(offsets + i);
            (Vector256.ConvertToSingle(sums) * (Vector256.Load(scales + i) * rowScale)).Store(tile + i);
        }
    }

    /// <summary>y = silu(gate) · up.</summary>
    public static void Gate(float* gate, float* up, float* y, int count)
    {
        int i = 0;
        for (; i + 8 <= count; i += 8)
            (VectorMath.Silu(Vector256.Load(gate + i)) * Vector256.Load(up + i)).Store(y + i);
        for (; i < count; i++)
            y[i] = VectorMath.Silu(Vector256.CreateScalar(gate[i])).ToScalar() * up[i];
    }
}
