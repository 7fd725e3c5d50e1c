using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>Reads stored elements as f32; one struct for each <see cref="ElementType"/>, so that loops are compiled for the type.</summary>
internal unsafe interface IFloatLoad
{
    static abstract ElementType Type { get; }

    static abstract float Load(void* row, long index);

    /// <summary>Eight consecutive elements.</summary>
    static abstract Vector256<float> Load8(void* row, long index);

    /// <summary>Whether <see cref="Half8"/> splits 16 elements into even and odd ones, not into first and last.</summary>
    static abstract bool SplitsEvenOdd { get; }

    /// <summary>One half (0 or 1) of 16 consecutive elements, in the order that is cheapest to make.</summary>
    static abstract Vector256<float> Half8(void* row, long index, int half);
}

internal readonly unsafe struct LoadF32 : IFloatLoad
{
    public static ElementType Type => ElementType.F32;

    public static float Load(void* row, long index) => ((float*)row)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(void* row, long index) => Vector256.Load((float*)row + index);

    public static bool SplitsEvenOdd => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Half8(void* row, long index, int half) => Load8(row, index + (8 * half));
}

internal readonly unsafe struct LoadBF16 : IFloatLoad
{
    public static ElementType Type => ElementType.BF16;

    public static float Load(void* row, long index) => BitConverter.UInt32BitsToSingle((uint)((ushort*)row)[index] << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(void* row, long index) => (Widening.ToUInt32(Vector128.Load((ushort*)row + index)) << 16).AsSingle();

    public static bool SplitsEvenOdd => true;

    /// <summary>A pair of bf16 in 32 bits: the even one is a shift away, the odd one in place once the other is masked off.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Half8(void* row, long index, int half)
    {
        Vector256<uint> pairs = Vector256.Load((ushort*)row + index).AsUInt32();
        return (half == 0 ? pairs << 16 : pairs & Vector256.Create(0xffff0000u)).AsSingle();
    }
}

internal readonly unsafe struct LoadF16 : IFloatLoad
{
    public static ElementType Type => ElementType.F16;

    public static float Load(void* row, long index) => (float)((Half*)row)[index];

    /// <summary>
    /// Shifting the 15 magnitude bits into place leaves the exponent 112 too small; multiplying by 2^112 corrects it and normalises subnormals.
    /// Infinities and NaN (exponent 31) get the largest exponent instead.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(void* row, long index)
    {
        Vector256<uint> half = Widening.ToUInt32(Vector128.Load((ushort*)row + index));
        Vector256<uint> magnitude = (half & Vector256.Create(0x7fffu)) << 13;
        Vector256<uint> special = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(0x0f800000u)) & Vector256.Create(0x7f800000u);
        Vector256<uint> scaled = (magnitude.AsSingle() * Vector256.Create(BitConverter.UInt32BitsToSingle((127u + 112u) << 23))).AsUInt32();
        return (scaled | special | ((half & Vector256.Create(0x8000u)) << 16)).AsSingle();
    }

    public static bool SplitsEvenOdd => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Half8(void* row, long index, int half) => Load8(row, index + (8 * half));
}

/// <summary>Conversions between f32 and bf16, eight lanes at a time.</summary>
internal static class Widening
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ToUInt32(Vector128<ushort> values)
    {
        (Vector128<uint> low, Vector128<uint> high) = Vector128.Widen(values);
        return System.Runtime.Intrinsics.X86.Avx2.IsSupported
            ? System.Runtime.Intrinsics.X86.Avx2.ConvertToVector256Int32(values).AsUInt32()
            : Vector256.Create(low, high);
    }

    /// <summary>Rounds to bf16, nearest even, result in the upper half of each lane; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> RoundToBF16(Vector256<float> values)
    {
        Vector256<uint> bits = values.AsUInt32();
        Vector256<uint> rounded = bits + Vector256.Create(0x7fffu) + ((bits >> 16) & Vector256<uint>.One);
        Vector256<uint> quiet = bits | Vector256.Create(0x00400000u);
        return Vector256.ConditionalSelect(Vector256.Equals(values, values).AsUInt32(), rounded, quiet) & Vector256.Create(0xffff0000u);
    }

    /// <summary>Rounds eight lanes to bf16, nearest even; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ushort> ToBF16(Vector256<float> values) => UpperHalves(RoundToBF16(values));

    /// <summary>Rounds to bf16, nearest even; NaN stays NaN.</summary>
    public static ushort ToBF16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits | 0x00400000) >> 16) : (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>Packs the upper halves of eight lanes into eight bf16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ushort> UpperHalves(Vector256<uint> values)
    {
        Vector256<uint> low = values >> 16;
        return Vector128.Narrow(low.GetLower(), low.GetUpper());
    }
}
