using System.Runtime.Intrinsics;

namespace Sirocco.Compute;

/// <summary>The scalars of one step of Adam for one parameter.</summary>
public readonly record struct AdamCoefficients
{
    /// <summary>1 − β1, rounded once: 1 − 0.999f would be wrong in its fifth digit.</summary>
    public required float OneMinusBeta1 { get; init; }

    /// <summary>β2.</summary>
    public required float Beta2 { get; init; }

    /// <summary>1 − β2.</summary>
    public required float OneMinusBeta2 { get; init; }

    /// <summary>1 − lr · weight decay where decay is decoupled (AdamW), else 1.</summary>
    public required float Keep { get; init; }

    /// <summary>Weight decay where it joins the gradient (Adam), else 0.</summary>
    public required float CoupledDecay { get; init; }

    /// <summary>lr / (1 − β1ᵗ). With 0 the moments still move; a parameter without a gradient is one that is not <see cref="Active"/>.</summary>
    public required float StepSize { get; init; }

    /// <summary>√(1 − β2ᵗ).</summary>
    public required float RootOfSecondCorrection { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    public required float Epsilon { get; init; }

    /// <summary>Whether the parameter takes part in this step; one that does not stays as it is, moments included.</summary>
    public required bool Active { get; init; }
}

/// <summary>The update of Adam, with decoupled or coupled decay, as one pass over memory.</summary>
public static class AdamUpdates
{
    /// <summary>
    /// For each element, with ĝ = <paramref name="gradientScale"/> · g + coupled · p (Kingma and Ba 2015; Loshchilov and Hutter 2019; in the order of
    /// operations of torch.optim): p ← p·keep; m ← m + (1−β1)(ĝ − m); v ← β2·v + (1−β2)ĝ²; p ← p − step · m / (√v̄ / √(1−β2ᵗ) + ε); and g ← 0. v̄ is v, or its
    /// largest value so far where <paramref name="maxima"/> are kept (Reddi et al. 2018).
    /// </summary>
    /// <param name="context">Whose threads share the ranges.</param>
    /// <param name="arena">Parameters and gradients. Gradients are zero afterwards.</param>
    /// <param name="firstMoments">A block of the arena's layout.</param>
    /// <param name="secondMoments">A block of the arena's layout.</param>
    /// <param name="maxima">A block of the arena's layout for AMSGrad, or null.</param>
    /// <param name="ranges">From <see cref="ArenaRange.Of"/>.</param>
    /// <param name="coefficients">One for each parameter of the arena.</param>
    /// <param name="gradientScale">The factor of gradient clipping.</param>
    /// <exception cref="ArgumentException">A range does not lie in the arena, or there are more or fewer coefficients or states than parameters.</exception>
    /// <remarks>Reads and writes 32 bytes a parameter (zeroing the gradients included), so it runs at the speed of memory.</remarks>
    public static unsafe void Adam(
        this ComputeContext context,
        ParameterArena arena,
        ArenaSlice firstMoments,
        ArenaSlice secondMoments,
        ArenaSlice? maxima,
        ArenaRange[] ranges,
        AdamCoefficients[] coefficients,
        float gradientScale)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(firstMoments.Length, arena.Length, nameof(firstMoments));
        ArgumentOutOfRangeException.ThrowIfNotEqual(secondMoments.Length, arena.Length, nameof(secondMoments));
        if (maxima is not null) ArgumentOutOfRangeException.ThrowIfNotEqual(maxima.Length, arena.Length, nameof(maxima));
        ArgumentOutOfRangeException.ThrowIfNotEqual(coefficients.Length, arena.Parameters.Count, nameof(coefficients));
        ArenaUpdate.Run(context, arena, ranges, new Update
        {
            First = firstMoments.Pointer,
            Second = secondMoments.Pointer,
            Maxima = maxima is null ? null : maxima.Pointer,
            Coefficients = coefficients,
            GradientScale = gradientScale,
        });
        GC.KeepAlive(firstMoments);
        GC.KeepAlive(secondMoments);
        GC.KeepAlive(maxima);
    }

    private unsafe struct Update : IArenaUpdate
    {
        public float* First;
        public float* Second;
        public float* Maxima;
        public AdamCoefficients[] Coefficients;
        public float GradientScale;

        public readonly bool IsActive(int parameter) => Coefficients[parameter].Active;

        public readonly void Apply(in ArenaRange range, float* p, float* g)
        {
            ref readonly AdamCoefficients c = ref Coefficients[range.Parameter];
            float* m = First + range.Start, v = Second + range.Start;
            float* most = Maxima is null ? null : Maxima + range.Start;
            int i = 0;
            for (; i <= range.Length - Vector256<float>.Count; i += Vector256<float>.Count)
            {
                Vector256<float> value = Vector256.Load(p + i);
                Vector256<float> gradient = Vector256.Load(g + i) * GradientScale;
                if (c.CoupledDecay != 0) gradient = Vector256.FusedMultiplyAdd(value, Vector256.Create(c.CoupledDecay), gradient);
                Vector256<float> first = Vector256.Load(m + i);
                first += (gradient - first) * c.OneMinusBeta1;
                Vector256<float> second = (Vector256.Load(v + i) * c.Beta2) + (c.OneMinusBeta2 * gradient * gradient);
                Vector256<float> root = second;
                if (most is not null)
                {
                    root = Vector256.Max(second, Vector256.Load(most + i));
                    root.Store(most + i);
                }

                Vector256<float> divisor = (Vector256.Sqrt(root) / Vector256.Create(c.RootOfSecondCorrection)) + Vector256.Create(c.Epsilon);
                first.Store(m + i);
                second.Store(v + i);
                ((value * c.Keep) - ((c.StepSize * first) / divisor)).Store(p + i);
                Vector256<float>.Zero.Store(g + i);
            }

            for (; i < range.Length; i++)
            {
                float gradient = g[i] * GradientScale;
                if (c.CoupledDecay != 0) gradient = MathF.FusedMultiplyAdd(p[i], c.CoupledDecay, gradient);
                m[i] += (gradient - m[i]) * c.OneMinusBeta1;
                v[i] = (v[i] * c.Beta2) + (c.OneMinusBeta2 * gradient * gradient);
                float root = v[i];
                if (most is not null) root = most[i] = MathF.Max(v[i], most[i]);
                float divisor = (MathF.Sqrt(root) / c.RootOfSecondCorrection) + c.Epsilon;
                p[i] = (p[i] * c.Keep) - (c.StepSize * m[i] / divisor);
                g[i] = 0;
            }
        }
    }
}
