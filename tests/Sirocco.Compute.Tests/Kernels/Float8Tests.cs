using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Kernels;

public sealed unsafe class Float8Tests
{
    [Theory]
    [InlineData(ElementType.F8E4M3)]
    [InlineData(ElementType.F8E5M2)]
    public void Every_code_is_its_value_times_the_scale_rounded_to_bf16(ElementType type)
    {
        foreach (float scale in (float[])[1, 1 / 448f, 0.0123f, 3.7e-5f, 1000, -2.5f, 1e-38f])
        {
            // Lengths on both sides of a vector of eight, at any start.
            foreach ((int first, int count) in ((int, int)[])[(0, 256), (1, 7), (3, 9), (120, 17), (255, 1)])
            {
                byte[] codes = [.. Enumerable.Range(0, 256).Select(code => (byte)code)];
                ushort[] decoded = new ushort[count];
                fixed (byte* from = codes)
                fixed (ushort* to = decoded)
                {
                    Float8Decoding.ToBF16(type, from + first, count, scale, to);
                }

                for (int i = 0; i < count; i++)
                {
                    float value = BitConverter.UInt32BitsToSingle((uint)decoded[i] << 16), expected = Float8Reference.Value(type, codes[first + i], scale);
                    Assert.True(
                        value.Equals(expected) && (float.IsNaN(value) || float.IsNegative(value) == float.IsNegative(expected)),
                        $"code {codes[first + i]} times {scale} is {value} instead of {expected}");
                }
            }
        }
    }

    [Fact]
    public void A_parameter_of_codes_gives_its_rows_and_its_products_as_one_of_bf16_does()
    {
        const int Rows = 37, Columns = 70;
        Random random = new(3);
        byte[] codes = new byte[Rows * Columns];
        for (int i = 0; i < codes.Length; i++) Float8Reference.Write(ElementType.F8E4M3, (random.NextSingle() * 2) - 1, codes.AsSpan(i));
        ushort[] rounded = [.. codes.Select(code => Widening.ToBF16(Float8Reference.Value(ElementType.F8E4M3, code, 0.01f)))];
        fixed (byte* first = codes)
        fixed (ushort* same = rounded)
        {
            Parameter packed = Parameter.FromMemory("w", [Rows, Columns], ElementType.F8E4M3, (nint)first, codes, scale: 0.01f);
            Parameter plain = Parameter.FromMemory("w", [Rows, Columns], ElementType.BF16, (nint)same, rounded);
            float[] a = new float[packed.Count], b = new float[packed.Count];
            packed.CopyTo(a);
            plain.CopyTo(b);
            Assert.Equal(b, a);

            using ComputeContext context = new(new ComputeOptions { Threads = 2 });
            foreach (Precision precision in Enum.GetValues<Precision>())
            {
                foreach (int tokens in (int[])[1, 3, 50])
                {
                    using Scope f = context.BeginScope(precision);
                    Tensor x = f.Upload([.. Enumerable.Range(0, tokens * Columns).Select(i => MathF.Sin(i))], tokens, Columns);
                    Assert.Equal(f.Linear(x, plain).ToArray(), f.Linear(x, packed).ToArray());
                    Assert.Equal(f.Embedding(plain, [0, 36, 7]).ToArray(), f.Embedding(packed, [0, 36, 7]).ToArray());
                }
            }
        }
    }
}

/// <summary>Values of 8-bit floats by their definition: ±2^(max(e, 1) − bias) · (m / 2^M + [e > 0]).</summary>
internal static class Float8Reference
{
    private static readonly (float[] Values, byte[] Codes) E4M3 = Sorted(ElementType.F8E4M3), E5M2 = Sorted(ElementType.F8E5M2);

    public static float Value(ElementType type, byte code, float scale)
    {
        (int bits, int bias) = type == ElementType.F8E4M3 ? (3, 7) : (2, 15);
        int magnitude = code & 0x7f, exponent = magnitude >> bits;
        double fraction = ((magnitude & ((1 << bits) - 1)) / (double)(1 << bits)) + (exponent > 0 ? 1 : 0);
        float value = (float)Math.ScaleB(fraction, Math.Max(exponent, 1) - bias);
        if (type == ElementType.F8E4M3 && magnitude == 0x7f || type == ElementType.F8E5M2 && magnitude > 0x7c) value = float.NaN;
        if (type == ElementType.F8E5M2 && magnitude == 0x7c) value = float.PositiveInfinity;
        return BitConverter.UInt32BitsToSingle((uint)Widening.ToBF16((code < 0x80 ? value : -value) * scale) << 16);
    }

    /// <summary>The code whose value times the scale is at or above a number between −1 and 1, for a scale of 1/448; NaN for NaN.</summary>
    public static bool Write(ElementType type, float value, Span<byte> at)
    {
        (float[] values, byte[] codes) = type == ElementType.F8E4M3 ? E4M3 : E5M2;
        int found = Array.BinarySearch(values, value);
        at[0] = float.IsNaN(value) ? (byte)0x7f : codes[Math.Min(found < 0 ? ~found : found, codes.Length - 1)];
        return true;
    }

    private static (float[] Values, byte[] Codes) Sorted(ElementType type)
    {
        byte[] codes =
        [
            .. Enumerable.Range(0, 256).Where(code => (code & 0x7f) < 0x7c).Select(code => (byte)code).OrderBy(code => Value(type, code, 1 / 448f)),
        ];
        return ([.. codes.Select(code => Value(type, code, 1 / 448f))], codes);
    }
}
