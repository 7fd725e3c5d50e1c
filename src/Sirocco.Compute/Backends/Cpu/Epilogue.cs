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

        for (; i < count; i++) to[i] = addend == null ? from[i] : from[i] + addend[i];
    }

    /// <summary>y = silu(gate) · up.</summary>
    public static void Gate(float* gate, float* up, float* y, int count)
    {
        int i = 0;
        for (; i + 8 <= count; i += 8) (VectorMath.Silu(Vector256.Load(gate + i)) * Vector256.Load(up + i)).Store(y + i);
        for (; i < count; i++) y[i] = VectorMath.Silu(Vector256.CreateScalar(gate[i])).ToScalar() * up[i];
    }
}
