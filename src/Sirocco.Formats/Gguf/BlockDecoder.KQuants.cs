namespace Sirocco.Formats;

/// <summary>The "K" types: blocks of 256 with scales of scales (Kawrakow, llama.cpp pull request 1684).</summary>
internal static partial class BlockDecoder
{
    // 16 groups of 16: 16 bytes of scale (low 4 bits) and minimum (high 4), 64 bytes of 2-bit values, d, m.
    // In each half of 128, byte i holds values i, i + 32, i + 64, i + 96, two bits each. x = d·s · q − m·t.
    private static void Q2_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block[80..]), m = F16(block[82..]);
        for (int i = 0; i < 256; i++)
        {
            int scale = block[i / 16];
            int q = (block[16 + i / 128 * 32 + i % 32] >> (2 * (i % 128 / 32))) & 3;
            values[i] = d * (scale & 15) * q - m * (scale >> 4);
        }
    }

    // 16 groups of 16: 32 bytes of third bits (byte i % 32, bit i / 32), 64 bytes as in Q2_K, 12 bytes of 6-bit scales, d.
    // x = d·(s − 32) · (q − 4), the third bit counting 4.
    private static void Q3_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block[108..]);
        ReadOnlySpan<byte> packed = block.Slice(96, 12);
        Span<float> scales = stackalloc float[16];
        for (int group = 0; group < 16; group++)
        {
            int low = (packed[group % 8] >> (4 * (group / 8))) & 15;
            int high = (packed[8 + group % 4] >> (2 * (group / 4))) & 3;
            scales[group] = d * ((low | (high << 4)) - 32);
        }
        for (int i = 0; i < 256; i++)
        {
            int q = (block[32 + i / 128 * 32 + i % 32] >> (2 * (i % 128 / 32))) & 3;
            int third = (block[i % 32] >> (i / 32)) & 1;
            values[i] = scales[i / 16] * (q + 4 * third - 4);
        }
    }

    // 8 groups of 32: d, m, 12 bytes of 6-bit scales and minima, 128 bytes; in each 64 values byte i holds value i and i + 32. x = d·s · q − m·t.
    private static void Q4_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block), m = F16(block[2..]);
        for (int group = 0; group < 8; group++)
        {
            (int s, int t) = ScaleAndMinimum(block.Slice(4, 12), group);
            float scale = d * s, minimum = m * t;
            for (int i = 0; i < 32; i++)
            {
                int q = (block[16 + group / 2 * 32 + i] >> (4 * (group % 2))) & 15;
                values[group * 32 + i] = scale * q - minimum;
            }
        }
    }

    // As Q4_K with 32 bytes of fifth bits (byte i % 32, bit of the group) before the 128.
    private static void Q5_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block), m = F16(block[2..]);
        for (int group = 0; group < 8; group++)
        {
            (int s, int t) = ScaleAndMinimum(block.Slice(4, 12), group);
            float scale = d * s, minimum = m * t;
            for (int i = 0; i < 32; i++)
            {
                int q = (block[48 + group / 2 * 32 + i] >> (4 * (group % 2))) & 15;
                int fifth = (block[16 + i] >> group) & 1;
                values[group * 32 + i] = scale * (q | (fifth << 4)) - minimum;
            }
        }
    }

    // 16 groups of 16: 128 bytes of low 4 bits, 64 bytes of high 2 bits, 16 signed scales, d. x = d·s · (q − 32).
    // In each half of 128: values 0..63 are the low halves of its 64 bytes, 64..127 the high halves; high bits lie as the values of Q2_K.
    private static void Q6_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block[208..]);
        for (int i = 0; i < 256; i++)
        {
            int half = i / 128, within = i % 128;
            int low = (block[half * 64 + within % 64] >> (4 * (within / 64))) & 15;
            int high = (block[128 + half * 32 + within % 32] >> (2 * (within / 32))) & 3;
            values[i] = d * (sbyte)block[192 + i / 16] * ((low | (high << 4)) - 32);
        }
    }

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
