using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// Values of 8-bit floats (Micikevicius et al. 2022): code · scale in f32, rounded to bf16, which is what a checkpoint in them becomes when it is converted
/// ahead. They are decoded anew wherever a product packs them, so that the matrix stays the mapped file.
/// </summary>
internal static unsafe class Float8Decoding
{
    /// <summary>Decodes <paramref name="count"/> codes.</summary>
    /// <param name="type"><see cref="ElementType.F8E4M3"/> or <see cref="ElementType.F8E5M2"/>.</param>
    /// <param name="codes">One byte each.</param>
    /// <param name="count">How many.</param>
    /// <param name="scale">Of the matrix.</param>
    /// <param name="destination">bf16.</param>
    public static void ToBF16(ElementType type, byte* codes, int count, float scale, ushort* destination)
    {
        if (type == ElementType.F8E4M3) ToBF16<E4M3>(codes, count, scale, destination);
        else ToBF16<E5M2>(codes, count, scale, destination);
    }

    private static void ToBF16<TFormat>(byte* codes, int count, float scale, ushort* destination)
        where TFormat : IFormat
    {
        int i = 0;
        for (; i + 8 <= count; i += 8) Eight<TFormat>(codes + i, scale).Store(destination + i);
        if (i == count) return;
        byte* rest = stackalloc byte[8];
        new Span<byte>(rest, 8).Clear();
        new ReadOnlySpan<byte>(codes + i, count - i).CopyTo(new Span<byte>(rest, 8));
        Vector128<ushort> last = Eight<TFormat>(rest, scale);
        for (int j = 0; i + j < count; j++) destination[i + j] = last[j];
    }

    /// <summary>
    /// The magnitude's bits, shifted to where f32 has its exponent, are a float that is too small by 2^(127 − bias); multiplying by that makes it right and
    /// normalises subnormals. Codes beyond the finite ones are then overwritten.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ushort> Eight<TFormat>(byte* codes, float scale)
        where TFormat : IFormat
    {
        Vector256<uint> code = Widen(codes);
        Vector256<uint> magnitude = code & Vector256.Create(0x7fu);
        Vector256<uint> special = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(TFormat.FirstSpecial)) & Vector256.Create(0x7f800000u);
        Vector256<uint> shifted = magnitude << TFormat.Shift;
        Vector256<uint> value = (shifted.AsSingle() * Vector256.Create(TFormat.Factor)).AsUInt32();
        Vector256<uint> fraction = Vector256.Equals(special, Vector256<uint>.Zero) | Vector256.Create(0x007fffffu);
        value = (value & fraction) | special | ((code & Vector256.Create(0x80u)) << 24);
        return Widening.ToBF16(value.AsSingle() * Vector256.Create(scale));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Widen(byte* codes)
    {
        if (Avx2.IsSupported) return Avx2.ConvertToVector256Int32(codes).AsUInt32();
        (Vector128<uint> low, Vector128<uint> high) = Vector128.Widen(Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)codes).AsByte()));
        return Vector256.Create(low, high);
    }

    private interface IFormat
    {
        /// <summary>From the code's fraction to that of f32.</summary>
        static abstract int Shift { get; }

        /// <summary>2^(127 − bias).</summary>
        static abstract float Factor { get; }

        /// <summary>Least magnitude that is no finite number.</summary>
        static abstract uint FirstSpecial { get; }
    }

    private readonly struct E4M3 : IFormat
    {
        public static int Shift => 20;

        public static float Factor => BitConverter.UInt32BitsToSingle((127u + 120u) << 23);

        public static uint FirstSpecial => 0x7f;
    }

    private readonly struct E5M2 : IFormat
    {
        public static int Shift => 21;

        public static float Factor => BitConverter.UInt32BitsToSingle((127u + 112u) << 23);

        public static uint FirstSpecial => 0x7c;
    }
}
