using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Sirocco.Formats;

/// <summary>
/// Dequantises the blocks of GGUF files to f32, with the arithmetic of the reference (ggml): products of an f32 scale and a small integer, in that
/// order, so that values agree bit for bit. Layouts are little-endian; d and m are F16.
/// </summary>
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
        for (int i = 0; i < 16; i++)
        {
            int q = block[2 + i];
            values[i] = d * ((q & 15) - 8);
            values[i + 16] = d * ((q >> 4) - 8);
        }
    }

    // As Q4_0 with a minimum: d, m, 16 bytes. x = d · q + m.
    private static void Q4_1(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block), m = F16(block[2..]);
        for (int i = 0; i < 16; i++)
        {
            int q = block[4 + i];
            values[i] = d * (q & 15) + m;
            values[i + 16] = d * (q >> 4) + m;
        }
    }

    // d, 32 fifth bits, 16 bytes as in Q4_0. x = d · (q − 16).
    private static void Q5_0(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block);
        uint fifth = BinaryPrimitives.ReadUInt32LittleEndian(block[2..]);
        for (int i = 0; i < 16; i++)
        {
            int q = block[6 + i];
            values[i] = d * (((q & 15) | (Bit(fifth, i) << 4)) - 16);
            values[i + 16] = d * (((q >> 4) | (Bit(fifth, i + 16) << 4)) - 16);
        }
    }

    // d, m, 32 fifth bits, 16 bytes. x = d · q + m.
    private static void Q5_1(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block), m = F16(block[2..]);
        uint fifth = BinaryPrimitives.ReadUInt32LittleEndian(block[4..]);
        for (int i = 0; i < 16; i++)
        {
            int q = block[8 + i];
            values[i] = d * ((q & 15) | (Bit(fifth, i) << 4)) + m;
            values[i + 16] = d * ((q >> 4) | (Bit(fifth, i + 16) << 4)) + m;
        }
    }

    // d, 32 signed bytes. x = d · q.
    private static void Q8_0(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block);
        for (int i = 0; i < 32; i++) values[i] = d * (sbyte)block[2 + i];
    }

    // f32 d, 256 signed bytes, 16 sums that only dot products use. x = d · q.
    private static void Q8_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = BinaryPrimitives.ReadSingleLittleEndian(block);
        for (int i = 0; i < 256; i++) values[i] = d * (sbyte)block[4 + i];
    }

    // Codes that index a table of 16 uneven steps, in the nibble order of Q4_0.
    private static readonly sbyte[] s_unevenSteps = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    // d, 16 bytes. x = d · step[q].
    private static void IQ4_NL(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block);
        for (int i = 0; i < 16; i++)
        {
            int q = block[2 + i];
            values[i] = d * s_unevenSteps[q & 15];
            values[i + 16] = d * s_unevenSteps[q >> 4];
        }
    }

    // 8 groups of 32: d, the upper 2 bits of 8 scales (16 bits), their lower 4 bits (4 bytes), 8 × 16 bytes. x = d · (s − 32) · step[q].
    private static void IQ4_XS(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block);
        int upper = BinaryPrimitives.ReadUInt16LittleEndian(block[2..]);
        for (int group = 0; group < 8; group++)
        {
            int lower = (block[4 + group / 2] >> (4 * (group % 2))) & 15;
            float scale = d * ((lower | (((upper >> (2 * group)) & 3) << 4)) - 32);
            for (int i = 0; i < 16; i++)
            {
                int q = block[8 + group * 16 + i];
                values[group * 32 + i] = scale * s_unevenSteps[q & 15];
                values[group * 32 + i + 16] = scale * s_unevenSteps[q >> 4];
            }
        }
    }

    // Twice the eight magnitudes of E2M1; the doubling is taken back by halving the block's power of two.
    private static readonly sbyte[] s_doubledE2M1 = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    // An E8M0 exponent, 16 bytes in the nibble order of Q4_0 (Open Compute microscaling). x = 2^(e − 128) · 2·E2M1(q).
    private static void MXFP4(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = MathF.ScaleB(1f, block[0] - 128);
        for (int i = 0; i < 16; i++)
        {
            int q = block[1 + i];
            values[i] = d * s_doubledE2M1[q & 15];
            values[i + 16] = d * s_doubledE2M1[q >> 4];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float F16(ReadOnlySpan<byte> bytes) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes);

    private static int Bit(uint word, int index) => (int)(word >> index) & 1;
}
