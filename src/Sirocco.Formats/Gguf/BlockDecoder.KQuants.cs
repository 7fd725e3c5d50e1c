using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sirocco.Formats;

/// <summary>The "K" types: blocks of 256 with scales of scales (Kawrakow, llama.cpp pull request 1684).</summary>
internal static partial class BlockDecoder
{
    // 16 groups of 16: 16 bytes of scale (low 4 bits) and minimum (high 4), 64 bytes of 2-bit codes, d, m. x = d·s · q − m·t.
    private static void Q2_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block[80..]), m = F16(block[82..]);
        for (int group = 0; group < 16; group++)
        {
            int scale = block[group];
            Affine(values, group * 16, TwoBits(block, 16, group), d * (scale & 15), -(m * (scale >> 4)));
        }
    }

    // 16 groups of 16: 32 bytes of third bits (byte i % 32, bit i / 32), 64 bytes of 2-bit codes, 12 bytes of 6-bit scales, d.
    // x = d·(s − 32) · (q − 4), the third bit counting 4.
    private static void Q3_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block[108..]);
        ReadOnlySpan<byte> packed = block.Slice(96, 12);
        for (int group = 0; group < 16; group++)
        {
            int low = (packed[group % 8] >> (4 * (group / 8))) & 15;
            int high = (packed[8 + group % 4] >> (2 * (group / 4))) & 3;
            Vector128<byte> third = (Load(block, group % 2 * 16) >>> (group / 2)) & Vector128<byte>.One;
            Vector128<byte> q = TwoBits(block, 32, group) + (third << 2) - Vector128.Create((byte)4);
            Signed(values, group * 16, q.AsSByte(), d * ((low | (high << 4)) - 32));
        }
    }

    // 8 groups of 32: d, m, 12 bytes of 6-bit scales and minima, 128 bytes; in each 64 values byte i holds value i and i + 32. x = d·s · q − m·t.
    private static void Q4_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block), m = F16(block[2..]);
        for (int group = 0; group < 8; group++)
        {
            (int s, int t) = ScaleAndMinimum(block.Slice(4, 12), group);
            for (int half = 0; half < 32; half += 16)
                Affine(values, group * 32 + half, Nibbles(block, 16 + group / 2 * 32 + half, group % 2), d * s, -(m * t));
        }
    }

    // As Q4_K with 32 bytes of fifth bits (byte i % 32, bit of the group) before the 128.
    private static void Q5_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block), m = F16(block[2..]);
        for (int group = 0; group < 8; group++)
        {
            (int s, int t) = ScaleAndMinimum(block.Slice(4, 12), group);
            for (int half = 0; half < 32; half += 16)
            {
                Vector128<byte> fifth = (Load(block, 16 + half) >>> group) & Vector128<byte>.One;
                Affine(values, group * 32 + half, Nibbles(block, 48 + group / 2 * 32 + half, group % 2) | (fifth << 4), d * s, -(m * t));
            }
        }
    }

    // 16 groups of 16: 128 bytes of low 4 bits, 64 bytes of high 2 bits, 16 signed scales, d. x = d·s · (q − 32).
    // In each half of 128: values 0..63 are the low halves of its 64 bytes, 64..127 the high halves.
    private static void Q6_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block[208..]);
        for (int group = 0; group < 16; group++)
        {
            Vector128<byte> low = Nibbles(block, group / 8 * 64 + group % 4 * 16, group % 8 / 4);
            Vector128<byte> q = (low | (TwoBits(block, 128, group) << 4)) - Vector128.Create((byte)32);
            Signed(values, group * 16, q.AsSByte(), d * (sbyte)block[192 + group]);
        }
    }

    // 64 bytes hold 256 codes of two bits: in each half of 128, byte i holds codes i, i + 32, i + 64, i + 96. The 16 codes of a group.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> TwoBits(ReadOnlySpan<byte> block, int offset, int group) =>
        (Load(block, offset + group / 8 * 32 + group % 2 * 16) >>> (group % 8 / 2 * 2)) & Vector128.Create((byte)3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Nibbles(ReadOnlySpan<byte> block, int offset, int high) => Low(Load(block, offset) >>> (4 * high));

    // Eight 6-bit pairs in 12 bytes: groups 0..3 in the low 6 bits of bytes 0..3 (scale) and 4..7 (minimum); groups 4..7 have
    // their low 4 bits in bytes 8..11 (scale low half, minimum high half) and their high 2 bits on top of the first eight bytes.
    private static (int Scale, int Minimum) ScaleAndMinimum(ReadOnlySpan<byte> packed, int group)
    {
        if (group < 4) return (packed[group] & 63, packed[group + 4] & 63);
        int scale = (packed[group + 4] & 15) | (packed[group - 4] >> 6 << 4);
        int minimum = (packed[group + 4] >> 4) | (packed[group] >> 6 << 4);
        return (scale, minimum);
    }
}
