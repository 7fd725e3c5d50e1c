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

    /// <summary>y = silu(gate) · up, as f32 or rounded.</summary>
    public static void Gate<TStore>(float* gate, float* up, byte* y, int count)
        where TStore : IUnitStore
    {
        int i = 0;
        for (; i + 8 <= count; i += 8)
            TStore.Store8((VectorMath.Silu(Vector256.Load(gate + i)) * Vector256.Load(up + i)).AsUInt32(), y + (i * TStore.Bytes));
        for (; i < count; i++)
            TStore.Store(BitConverter.SingleToUInt32Bits(VectorMath.Silu(Vector256.CreateScalar(gate[i])).ToScalar() * up[i]), y + (i * TStore.Bytes));
    }
}
