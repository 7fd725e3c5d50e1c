using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// Elementary functions on eight f32 lanes, in f32 throughout: three times the speed of <see cref="Vector256.Exp(Vector256{float})"/>, which goes through f64.
/// </summary>
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
    public static Vector256<float> Silu(Vector256<float> x) => x / (Vector256<float>.One + BoundedExp(-x));

    /// <summary>1 / (1 + e⁻ˣ) within 3 ulp for x ≥ −87, e⁻⁸⁷ below.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sigmoid(Vector256<float> x) => Vector256<float>.One / (Vector256<float>.One + BoundedExp(-x));

    /// <summary>
    /// eˣ within 2 ulp with x clamped to ±87, where no result overflows and 2ⁿ is one addition to the exponent: half the instructions of <see cref="Exp"/>. NaN
    /// stays NaN. n is left in the low bits of a sum with 1.5 · 2²³.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> BoundedExp(Vector256<float> x)
    {
        const float Log2E = 1.44269504f, Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f, Magic = 12582912;

        // The second operand is what x86 returns where one is NaN.
        x = Vector256.MinNative(Vector256.Create(87f), Vector256.MaxNative(Vector256.Create(-87f), x));
        Vector256<float> whole = Vector256.MultiplyAddEstimate(x, Vector256.Create(Log2E), Vector256.Create(Magic)), n = whole - Vector256.Create(Magic);
        Vector256<float> r = Vector256.MultiplyAddEstimate(n, Vector256.Create(-Ln2High), x);
        r = Vector256.MultiplyAddEstimate(n, Vector256.Create(-Ln2Low), r);
        Vector256<float> p = Vector256.Create(1f / 5040);
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(1f / 720));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(1f / 120));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(1f / 24));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(1f / 6));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(0.5f));
        p = Vector256.MultiplyAddEstimate(p * r, r, r) + Vector256<float>.One;
        return (p.AsInt32() + (whole.AsInt32() << 23)).AsSingle();
    }

    /// <summary>tanh x within 3 ulp: x · P(x²) up to 0.625 (minimax, 5e-9), 1 − 2 / (e²ˣ + 1) beyond.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Tanh(Vector256<float> x)
    {
        Vector256<float> z = x * x;
        Vector256<float> p = Vector256.Create(-0.00560273602604866f);
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(0.020539933815598488f));
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(-0.05370531976222992f));
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(0.13330931961536407f));
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(-0.33333250880241394f));
        Vector256<float> near = Vector256.MultiplyAddEstimate(p * z, x, x);
        Vector256<float> magnitude = Vector256.Abs(x);
        Vector256<float> far = Vector256<float>.One - (Vector256.Create(2f) / (Exp(magnitude + magnitude) + Vector256<float>.One));
        return Vector256.ConditionalSelect(Vector256.LessThan(magnitude, Vector256.Create(0.625f)), near, Vector256.CopySign(far, x));
    }

    /// <summary>
    /// erf x within 4 ulp: x · P(x²) up to 1 (minimax, 2e-9), 1 − e^(−x²) · Q(t) beyond, t = 1 / (1 + 0.3275911 |x|), the form of Abramowitz and Stegun 7.1.26
    /// with a Q fitted to 3e-10 on [1, 4.2], after which erf x rounds to 1.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Erf(Vector256<float> x)
    {
        Vector256<float> z = x * x;
        Vector256<float> p = Vector256.Create(7.853857823647559e-05f);
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(-0.0008010192541405559f));
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(0.005188327748328447f));
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(-0.026853810995817184f));
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(0.1128358542919159f));
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(-0.3761262595653534f));
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(1.1283791065216064f));
        Vector256<float> near = p * x;

        Vector256<float> magnitude = Vector256.Min(Vector256.Abs(x), Vector256.Create(4.2f));
        Vector256<float> t = Vector256<float>.One / Vector256.MultiplyAddEstimate(magnitude, Vector256.Create(0.3275911f), Vector256<float>.One);
        Vector256<float> q = Vector256.Create(1.1234315633773804f);
        q = Vector256.MultiplyAddEstimate(q, t, Vector256.Create(-1.7125874757766724f));
        q = Vector256.MultiplyAddEstimate(q, t, Vector256.Create(1.849673867225647f));
        q = Vector256.MultiplyAddEstimate(q, t, Vector256.Create(-0.6339278817176819f));
        q = Vector256.MultiplyAddEstimate(q, t, Vector256.Create(0.39594942331314087f));
        q = Vector256.MultiplyAddEstimate(q, t, Vector256.Create(-0.02258947677910328f));
        Vector256<float> far = Vector256<float>.One - (q * Exp(-magnitude * magnitude));
        return Vector256.ConditionalSelect(Vector256.LessThan(Vector256.Abs(x), Vector256<float>.One), near, Vector256.CopySign(far, x));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Power(Vector256<int> n) => ((n + Vector256.Create(127)) << 23).AsSingle();
}
