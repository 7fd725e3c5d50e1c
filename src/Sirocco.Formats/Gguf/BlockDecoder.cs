using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Sirocco.Formats;

/// <summary>
/// Dequantises the blocks of GGUF files to f32, with the arithmetic of the reference (ggml): products of an f32 scale and a small integer, in that
/// order, so that values agree bit for bit. Layouts are little-endian; d and m are F16.
/// </summary>
/// <remarks>Sixteen codes at a time; the formats are made of runs of at least 16 values with one scale.</remarks>
internal static partial class BlockDecoder
{
    private delegate void Decoder(ReadOnlySpan<byte> block, Span<float> values);

    internal static bool Supports(StorageType type) => For(type) is not null;

    internal static void Decode(StorageType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        Decoder decode = For(type) ?? throw new NotSupportedException($"{type.Name} cannot be read as f32");
        int bytes = type.BlockBytes, elements = type.BlockElements;
        for (int block = 0; block < source.Length / bytes; block++)
            decode(source.Slice(block * bytes, bytes), destination.Slice(block * elements, elements));
    }

    private static Decoder? For(StorageType type) => type switch
    {
        StorageType.Q4_0 => Q4_0,
        StorageType.Q4_1 => Q4_1,
        StorageType.Q5_0 => Q5_0,
        StorageType.Q5_1 => Q5_1,
        StorageType.Q8_0 => Q8_0,
        StorageType.Q2_K => Q2_K,
        StorageType.Q3_K => Q3_K,
        StorageType.Q4_K => Q4_K,
        StorageType.Q5_K => Q5_K,
        StorageType.Q6_K => Q6_K,
        StorageType.Q8_K => Q8_K,
        StorageType.IQ4_NL => IQ4_NL,
        StorageType.IQ4_XS => IQ4_XS,
        StorageType.MXFP4 => MXFP4,
        _ => null,
    };

    // 32 values: d, 16 bytes; byte i holds value i in its low and value i + 16 in its high half. x = d · (q − 8).
    private static void Q4_0(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block);
        Vector128<byte> q = Load(block, 2);
        Signed(values, 0, (Low(q) - Vector128.Create((byte)8)).AsSByte(), d);
        Signed(values, 16, (High(q) - Vector128.Create((byte)8)).AsSByte(), d);
    }

    // As Q4_0 with a minimum: d, m, 16 bytes. x = d · q + m.
    private static void Q4_1(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block), m = F16(block[2..]);
        Vector128<byte> q = Load(block, 4);
        Affine(values, 0, Low(q), d, m);
        Affine(values, 16, High(q), d, m);
    }

    // d, 32 fifth bits, 16 bytes as in Q4_0. x = d · (q − 16).
    private static void Q5_0(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block);
        Vector128<byte> q = Load(block, 6);
        Signed(values, 0, ((Low(q) | FifthBits(block, 2)) - Vector128.Create((byte)16)).AsSByte(), d);
        Signed(values, 16, ((High(q) | FifthBits(block, 4)) - Vector128.Create((byte)16)).AsSByte(), d);
    }

    // d, m, 32 fifth bits, 16 bytes. x = d · q + m.
    private static void Q5_1(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block), m = F16(block[2..]);
        Vector128<byte> q = Load(block, 8);
        Affine(values, 0, Low(q) | FifthBits(block, 4), d, m);
        Affine(values, 16, High(q) | FifthBits(block, 6), d, m);
    }

    // d, 32 signed bytes. x = d · q.
    private static void Q8_0(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block);
        Signed(values, 0, Load(block, 2).AsSByte(), d);
        Signed(values, 16, Load(block, 18).AsSByte(), d);
    }

    // f32 d, 256 signed bytes, 16 sums that only dot products use. x = d · q.
    private static void Q8_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = BinaryPrimitives.ReadSingleLittleEndian(block);
        for (int i = 0; i < 256; i += 16) Signed(values, i, Load(block, 4 + i).AsSByte(), d);
    }

    // Sixteen uneven steps.
    private static Vector128<sbyte> UnevenSteps => Vector128.Create(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

    // d, 16 bytes in the nibble order of Q4_0. x = d · step[q].
    private static void IQ4_NL(ReadOnlySpan<byte> block, Span<float> values) => Steps(values, 0, Load(block, 2), UnevenSteps, F16(block));

    // 8 groups of 32: d, the upper 2 bits of 8 scales (16 bits), their lower 4 bits (4 bytes), 8 × 16 bytes. x = d · (s − 32) · step[q].
    private static void IQ4_XS(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block);
        int upper = BinaryPrimitives.ReadUInt16LittleEndian(block[2..]);
        for (int group = 0; group < 8; group++)
        {
            int lower = (block[4 + group / 2] >> (4 * (group % 2))) & 15;
            int scale = (lower | (((upper >> (2 * group)) & 3) << 4)) - 32;
            Steps(values, group * 32, Load(block, 8 + group * 16), UnevenSteps, d * scale);
        }
    }

    // Twice the sixteen values of E2M1; the doubling is taken back by halving the block's power of two.
    private static Vector128<sbyte> DoubledE2M1 => Vector128.Create(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

    // An E8M0 exponent, 16 bytes in the nibble order of Q4_0 (Open Compute microscaling). x = 2^(e − 128) · 2·E2M1(q).
    private static void MXFP4(ReadOnlySpan<byte> block, Span<float> values) => Steps(values, 0, Load(block, 1), DoubledE2M1, MathF.ScaleB(1f, block[0] - 128));

    private static float F16(ReadOnlySpan<byte> bytes) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Load(ReadOnlySpan<byte> block, int offset) => Vector128.Create(block.Slice(offset, 16));

    private static Vector128<byte> Low(Vector128<byte> codes) => codes & Vector128.Create((byte)15);

    private static Vector128<byte> High(Vector128<byte> codes) => codes >>> 4;

    // 16 bits, lowest first, each as 0 or 16 in a byte of its own.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> FifthBits(ReadOnlySpan<byte> block, int offset)
    {
        Vector128<byte> both = Vector128.CreateScalar(BinaryPrimitives.ReadUInt16LittleEndian(block[offset..])).AsByte();
        Vector128<byte> bytes = Vector128.Shuffle(both, Vector128.Create((byte)0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
        Vector128<byte> bits = Vector128.Create(0x8040201008040201u).AsByte();
        return Vector128.Equals(bytes & bits, bits) & Vector128.Create((byte)16);
    }

    private static void Steps(Span<float> values, int start, Vector128<byte> codes, Vector128<sbyte> steps, float scale)
    {
        Signed(values, start, Vector128.Shuffle(steps, Low(codes).AsSByte()), scale);
        Signed(values, start + 16, Vector128.Shuffle(steps, High(codes).AsSByte()), scale);
    }

    /// <summary>x = scale · q for 16 codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Signed(Span<float> values, int start, Vector128<sbyte> codes, float scale)
    {
        ref float to = ref MemoryMarshal.GetReference(values.Slice(start, 16));
        (Vector128<short> low, Vector128<short> high) = Vector128.Widen(codes);
        (Vector128<int> a, Vector128<int> b) = Vector128.Widen(low);
        (Vector128<int> c, Vector128<int> d) = Vector128.Widen(high);
        (Vector128.ConvertToSingle(a) * scale).StoreUnsafe(ref to);
        (Vector128.ConvertToSingle(b) * scale).StoreUnsafe(ref to, 4);
        (Vector128.ConvertToSingle(c) * scale).StoreUnsafe(ref to, 8);
        (Vector128.ConvertToSingle(d) * scale).StoreUnsafe(ref to, 12);
    }

    /// <summary>x = scale · q + offset for 16 codes, rounded twice as the reference does (no fused multiply-add).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Affine(Span<float> values, int start, Vector128<byte> codes, float scale, float offset)
    {
        ref float to = ref MemoryMarshal.GetReference(values.Slice(start, 16));
        Vector128<float> shift = Vector128.Create(offset);
        (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(codes);
        (Vector128<uint> a, Vector128<uint> b) = Vector128.Widen(low);
        (Vector128<uint> c, Vector128<uint> d) = Vector128.Widen(high);
        (Vector128.ConvertToSingle(a.AsInt32()) * scale + shift).StoreUnsafe(ref to);
        (Vector128.ConvertToSingle(b.AsInt32()) * scale + shift).StoreUnsafe(ref to, 4);
        (Vector128.ConvertToSingle(c.AsInt32()) * scale + shift).StoreUnsafe(ref to, 8);
        (Vector128.ConvertToSingle(d.AsInt32()) * scale + shift).StoreUnsafe(ref to, 12);
    }
}
