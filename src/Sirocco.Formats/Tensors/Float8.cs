namespace Sirocco.Formats;

/// <summary>
/// The 8-bit floats: sign, exponent field e, mantissa field m of M bits, value ±2^(max(e,1) − bias) · (m / 2^M + [e > 0]).
/// E4M3 has no infinities and one NaN code a sign (Micikevicius et al. 2022); the FNUZ forms have no negative zero: its code is NaN.
/// </summary>
internal static class Float8
{
    private static readonly float[] E4m3 = Table(code => (code & 0x7F) == 0x7F ? float.NaN : Value(code, 3, 7));
    private static readonly float[] E5m2 = Table(code => (code & 0x7F) switch
    {
        > 0x7C => float.NaN,
        0x7C => code < 0x80 ? float.PositiveInfinity : float.NegativeInfinity,
        _ => Value(code, 2, 15),
    });
    private static readonly float[] E4m3fnuz = Table(code => code == 0x80 ? float.NaN : Value(code, 3, 8));
    private static readonly float[] E5m2fnuz = Table(code => code == 0x80 ? float.NaN : Value(code, 2, 16));
    private static readonly float[] E8m0 = Table(code => code == 0xFF ? float.NaN : MathF.ScaleB(1f, code - 127));

    /// <summary>The value of each of the 256 codes.</summary>
    internal static float[] Values(StorageType type) => type switch
    {
        StorageType.F8_E4M3 => E4m3,
        StorageType.F8_E5M2 => E5m2,
        StorageType.F8_E4M3FNUZ => E4m3fnuz,
        StorageType.F8_E5M2FNUZ => E5m2fnuz,
        StorageType.F8_E8M0 => E8m0,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not an 8-bit float"),
    };

    /// <summary>The nearest code, ties to even; beyond the largest E4M3 saturates at ±448 and E5M2 becomes infinite, as in torch 2.15.</summary>
    internal static byte Encode(StorageType type, float value) => type switch
    {
        StorageType.F8_E4M3 => Encode(value, 3, 7, largest: 0x7E, overflow: 0x7E, nan: 0x7F),
        StorageType.F8_E5M2 => Encode(value, 2, 15, largest: 0x7B, overflow: 0x7C, nan: 0x7F),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "f32 values are written as F8_E4M3 or F8_E5M2"),
    };

    private static byte Encode(float value, int mantissaBits, int bias, int largest, int overflow, int nan)
    {
        int sign = float.IsNegative(value) ? 0x80 : 0;
        if (float.IsNaN(value)) return (byte)(sign | nan);
        if (float.IsInfinity(value)) return (byte)(sign | overflow);
        double magnitude = Math.Abs((double)value);
        // Codes of one exponent are consecutive integers counted in units of the last place; a carry out of the mantissa
        // lands on the first code of the next exponent by itself.
        int smallest = 1 - bias;
        int exponent = magnitude == 0 ? smallest : Math.Max(Math.ILogB(magnitude), smallest);
        double units = Math.Round(Math.ScaleB(magnitude, mantissaBits - exponent), MidpointRounding.ToEven);
        double code = ((exponent - smallest) << mantissaBits) + units;
        return (byte)(sign | (code > largest ? overflow : (int)code));
    }

    private static float Value(int code, int mantissaBits, int bias)
    {
        int exponent = (code & 0x7F) >> mantissaBits, mantissa = code & ((1 << mantissaBits) - 1);
        float fraction = (exponent > 0 ? 1f : 0f) + (float)mantissa / (1 << mantissaBits);
        float magnitude = MathF.ScaleB(fraction, Math.Max(exponent, 1) - bias);
        return code < 0x80 ? magnitude : -magnitude;
    }

    private static float[] Table(Func<int, float> value) => [.. Enumerable.Range(0, 256).Select(value)];
}
