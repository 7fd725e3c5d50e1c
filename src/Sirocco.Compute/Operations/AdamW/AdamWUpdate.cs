using System.Runtime.Intrinsics;
using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>A part of an arena that one thread updates: whole cache lines of one parameter.</summary>
/// <param name="Parameter">Index of the parameter in the arena.</param>
/// <param name="Start">First float in the arena.</param>
/// <param name="Length">Floats.</param>
public readonly record struct ArenaRange(int Parameter, long Start, int Length)
{
    /// <summary>Floats that one thread takes at a time: four streams of it fit a second-level cache.</summary>
    private const int Chunk = 1 << 14;

    /// <summary>Every parameter of an arena, cut into ranges.</summary>
    public static ArenaRange[] Of(ParameterArena arena)
    {
        List<ArenaRange> ranges = [];
        for (int i = 0; i < arena.Parameters.Count; i++)
        {
            long count = arena.Parameters[i].Count;
            for (long start = 0; start < count; start += Chunk) ranges.Add(new ArenaRange(i, arena.Offsets[i] + start, (int)Math.Min(Chunk, count - start)));
        }

        return [.. ranges];
    }
}

/// <summary>The scalars of one AdamW step for one parameter.</summary>
public readonly record struct AdamWCoefficients
{
    /// <summary>1 − β1, rounded once: 1 − 0.999f would be wrong in its fifth digit.</summary>
    public required float OneMinusBeta1 { get; init; }

    /// <summary>β2.</summary>
    public required float Beta2 { get; init; }

    /// <summary>1 − β2.</summary>
    public required float OneMinusBeta2 { get; init; }

    /// <summary>1 − lr · weight decay.</summary>
    public required float Keep { get; init; }

    /// <summary>lr / (1 − β1ᵗ); 0 leaves a parameter as it is, moments included (it had no gradient).</summary>
    public required float StepSize { get; init; }

    /// <summary>√(1 − β2ᵗ).</summary>
    public required float RootOfSecondCorrection { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    public required float Epsilon { get; init; }

    /// <summary>Whether the parameter takes part in this step.</summary>
    public required bool Active { get; init; }
}

/// <summary>The update of AdamW as one pass over memory.</summary>
public static class AdamWUpdates
{
    /// <summary>
    /// For each element, with ĝ = <paramref name="gradientScale"/> · g (Loshchilov and Hutter 2019, in the order of operations of torch.optim.AdamW):
    /// p ← p·keep; m ← m + (1−β1)(ĝ − m); v ← β2·v + (1−β2)ĝ²; p ← p − step · m / (√v / √(1−β2ᵗ) + ε); and g ← 0.
    /// </summary>
    /// <param name="context">Whose threads share the ranges.</param>
    /// <param name="arena">Parameters and gradients. Gradients are zero afterwards.</param>
    /// <param name="firstMoments">A block of the arena's layout.</param>
    /// <param name="secondMoments">A block of the arena's layout.</param>
    /// <param name="ranges">From <see cref="ArenaRange.Of"/>.</param>
    /// <param name="coefficients">One for each parameter of the arena.</param>
    /// <param name="gradientScale">The factor of gradient clipping.</param>
    /// <remarks>Reads and writes 32 bytes a parameter (zeroing the gradients included), so it runs at the speed of memory.</remarks>
    public static unsafe void AdamW(
        this ComputeContext context,
        ParameterArena arena,
        ArenaSlice firstMoments,
        ArenaSlice secondMoments,
        ArenaRange[] ranges,
        AdamWCoefficients[] coefficients,
        float gradientScale)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(firstMoments.Length, arena.Length, nameof(firstMoments));
        ArgumentOutOfRangeException.ThrowIfNotEqual(secondMoments.Length, arena.Length, nameof(secondMoments));
        ArgumentOutOfRangeException.ThrowIfNotEqual(coefficients.Length, arena.Parameters.Count, nameof(coefficients));
        Work work = new()
        {
            Parameters = arena.Masters.Pointer,
            Gradients = arena.Gradients.Pointer,
            First = firstMoments.Pointer,
            Second = secondMoments.Pointer,
            Ranges = ranges,
            Coefficients = coefficients,
            GradientScale = gradientScale,
        };
        context.Backend.Team.Run(ref work, ranges.Length);
        arena.MastersChanged();
    }

    private unsafe struct Work : IWork
    {
        public float* Parameters;
        public float* Gradients;
        public float* First;
        public float* Second;
        public ArenaRange[] Ranges;
        public AdamWCoefficients[] Coefficients;
        public float GradientScale;

        public readonly void Execute(int item, int worker)
        {
            ArenaRange range = Ranges[item];
            ref readonly AdamWCoefficients c = ref Coefficients[range.Parameter];
            float* p = Parameters + range.Start, g = Gradients + range.Start, m = First + range.Start, v = Second + range.Start;
            if (!c.Active)
            {
                new Span<float>(g, range.Length).Clear();
                return;
            }

            int i = 0;
            for (; i <= range.Length - Vector256<float>.Count; i += Vector256<float>.Count)
            {
                Vector256<float> gradient = Vector256.Load(g + i) * GradientScale;
                Vector256<float> first = Vector256.Load(m + i);
                first += (gradient - first) * c.OneMinusBeta1;
                Vector256<float> second = (Vector256.Load(v + i) * c.Beta2) + (gradient * gradient * c.OneMinusBeta2);
                Vector256<float> divisor = (Vector256.Sqrt(second) / Vector256.Create(c.RootOfSecondCorrection)) + Vector256.Create(c.Epsilon);
                first.Store(m + i);
                second.Store(v + i);
                ((Vector256.Load(p + i) * c.Keep) - (c.StepSize * (first / divisor))).Store(p + i);
                Vector256<float>.Zero.Store(g + i);
            }

            for (; i < range.Length; i++)
            {
                float gradient = g[i] * GradientScale;
                m[i] += (gradient - m[i]) * c.OneMinusBeta1;
                v[i] = (v[i] * c.Beta2) + (gradient * gradient * c.OneMinusBeta2);
                float divisor = (MathF.Sqrt(v[i]) / c.RootOfSecondCorrection) + c.Epsilon;
                p[i] = (p[i] * c.Keep) - (c.StepSize * (m[i] / divisor));
                g[i] = 0;
            }
        }
    }
}
