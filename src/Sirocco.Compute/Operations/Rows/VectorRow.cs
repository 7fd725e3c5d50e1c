using System.Runtime.Intrinsics;

namespace Sirocco.Compute;

/// <summary>
/// Loops over runs of f32 that several operations share. Results depend on the values and the count alone, not on where the run lies in memory, so a
/// row's sum is the same whatever batch it is in.
/// </summary>
internal static unsafe class VectorRow
{
    private const int Lanes = 8;

    /// <summary>Σ x[i] · y[i].</summary>
    public static float Dot(float* x, float* y, int count)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
        int i = 0;
        for (; i + (4 * Lanes) <= count; i += 4 * Lanes)
        {
            s0 = Vector256.MultiplyAddEstimate(Vector256.Load(x + i), Vector256.Load(y + i), s0);
            s1 = Vector256.MultiplyAddEstimate(Vector256.Load(x + i + Lanes), Vector256.Load(y + i + Lanes), s1);
            s2 = Vector256.MultiplyAddEstimate(Vector256.Load(x + i + (2 * Lanes)), Vector256.Load(y + i + (2 * Lanes)), s2);
            s3 = Vector256.MultiplyAddEstimate(Vector256.Load(x + i + (3 * Lanes)), Vector256.Load(y + i + (3 * Lanes)), s3);
        }

        for (; i + Lanes <= count; i += Lanes) s0 = Vector256.MultiplyAddEstimate(Vector256.Load(x + i), Vector256.Load(y + i), s0);
        float sum = Vector256.Sum(s0 + s1 + (s2 + s3));
        for (; i < count; i++) sum += x[i] * y[i];
        return sum;
    }

    /// <summary>Σ a[i] · b[i] · c[i].</summary>
    public static float Dot(float* a, float* b, float* c, int count)
    {
        Vector256<float> s0 = default, s1 = default;
        int i = 0;
        for (; i + (2 * Lanes) <= count; i += 2 * Lanes)
        {
            s0 = Vector256.MultiplyAddEstimate(Vector256.Load(a + i) * Vector256.Load(b + i), Vector256.Load(c + i), s0);
            s1 = Vector256.MultiplyAddEstimate(Vector256.Load(a + i + Lanes) * Vector256.Load(b + i + Lanes), Vector256.Load(c + i + Lanes), s1);
        }

        float sum = Vector256.Sum(s0 + s1);
        for (; i < count; i++) sum += a[i] * b[i] * c[i];
        return sum;
    }

    /// <summary>to[i] += factor · x[i].</summary>
    public static void AddScaled(float* x, float factor, float* to, int count)
    {
        int i = 0;
        for (; i + Lanes <= count; i += Lanes)
            Vector256.MultiplyAddEstimate(Vector256.Load(x + i), Vector256.Create(factor), Vector256.Load(to + i)).Store(to + i);
        for (; i < count; i++) to[i] = float.MultiplyAddEstimate(x[i], factor, to[i]);
    }

    /// <summary>to[i] = x[i] · y[i], plus addend[i] where that is not null; the addend may be the result.</summary>
    public static void Multiply(float* x, float* y, float* addend, float* to, int count)
    {
        int i = 0;
        for (; i + Lanes <= count; i += Lanes)
        {
            Vector256<float> product = Vector256.Load(x + i) * Vector256.Load(y + i);
            (addend == null ? product : product + Vector256.Load(addend + i)).Store(to + i);
        }

        for (; i < count; i++) to[i] = addend == null ? x[i] * y[i] : (x[i] * y[i]) + addend[i];
    }

    /// <summary>to[i] = factor · x[i], or to[i] += where <paramref name="add"/>.</summary>
    public static void Scale(float* x, float factor, float* to, int count, bool add = false)
    {
        if (add)
        {
            AddScaled(x, factor, to, count);
            return;
        }

        int i = 0;
        for (; i + Lanes <= count; i += Lanes) (Vector256.Load(x + i) * factor).Store(to + i);
        for (; i < count; i++) to[i] = x[i] * factor;
    }

    /// <summary>to[i] += x[i].</summary>
    public static void Add(float* x, float* to, int count)
    {
        int i = 0;
        for (; i + Lanes <= count; i += Lanes) (Vector256.Load(to + i) + Vector256.Load(x + i)).Store(to + i);
        for (; i < count; i++) to[i] += x[i];
    }

    /// <summary>to[i] = x[i], or to[i] += x[i] where <paramref name="add"/>.</summary>
    public static void Copy(float* x, float* to, int count, bool add = false)
    {
        if (add) Add(x, to, count);
        else new ReadOnlySpan<float>(x, count).CopyTo(new Span<float>(to, count));
    }

    /// <summary>Largest element; −∞ of none; NaN where there is one.</summary>
    public static float Max(float* x, int count)
    {
        Vector256<float> most = Vector256.Create(float.NegativeInfinity);
        int i = 0;
        for (; i + Lanes <= count; i += Lanes) most = Vector256.Max(most, Vector256.Load(x + i));
        float max = float.NegativeInfinity;
        for (int lane = 0; lane < Lanes; lane++) max = MathF.Max(max, most[lane]);
        for (; i < count; i++) max = MathF.Max(max, x[i]);
        return max;
    }
}
