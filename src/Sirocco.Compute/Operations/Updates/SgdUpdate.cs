using System.Runtime.Intrinsics;

namespace Sirocco.Compute;

/// <summary>The scalars of one step of stochastic gradient descent for one parameter.</summary>
public readonly record struct SgdCoefficients
{
    /// <summary>lr.</summary>
    public required float LearningRate { get; init; }

    /// <summary>Weight decay, which joins the gradient.</summary>
    public required float Decay { get; init; }

    /// <summary>What the buffer keeps of itself: the momentum, or 0 in a parameter's first step.</summary>
    public required float Keep { get; init; }

    /// <summary>What the buffer takes of the gradient: 1 − dampening, or 1 in a parameter's first step.</summary>
    public required float Take { get; init; }

    /// <summary>Momentum added to the gradient once more (Nesterov), or 0.</summary>
    public required float LookAhead { get; init; }

    /// <summary>Whether the parameter takes part in this step.</summary>
    public required bool Active { get; init; }
}

/// <summary>The update of stochastic gradient descent as one pass over memory.</summary>
public static class SgdUpdates
{
    /// <summary>
    /// For each element, with ĝ = <paramref name="gradientScale"/> · g + decay · p (torch.optim.SGD): b ← keep·b + take·ĝ; p ← p − lr·b, or p − lr·(ĝ +
    /// momentum·b) with Nesterov's look ahead; and g ← 0. Without a buffer: p ← p − lr·ĝ.
    /// </summary>
    /// <param name="context">Whose threads share the ranges.</param>
    /// <param name="arena">Parameters and gradients. Gradients are zero afterwards.</param>
    /// <param name="buffers">A block of the arena's layout, or null without momentum.</param>
    /// <param name="ranges">From <see cref="ArenaRange.Of"/>.</param>
    /// <param name="coefficients">One for each parameter of the arena.</param>
    /// <param name="gradientScale">The factor of gradient clipping.</param>
    /// <exception cref="ArgumentException">A range does not lie in the arena, or there are more or fewer coefficients or states than parameters.</exception>
    public static unsafe void Sgd(
        this ComputeContext context, ParameterArena arena, ArenaSlice? buffers, ArenaRange[] ranges, SgdCoefficients[] coefficients, float gradientScale)
    {
        if (buffers is not null) ArgumentOutOfRangeException.ThrowIfNotEqual(buffers.Length, arena.Length, nameof(buffers));
        ArgumentOutOfRangeException.ThrowIfNotEqual(coefficients.Length, arena.Parameters.Count, nameof(coefficients));
        ArenaUpdate.Run(context, arena, ranges, new Update
        {
            Buffers = buffers is null ? null : buffers.Pointer,
            Coefficients = coefficients,
            GradientScale = gradientScale,
        });
        GC.KeepAlive(buffers);
    }

    private unsafe struct Update : IArenaUpdate
    {
        public float* Buffers;
        public SgdCoefficients[] Coefficients;
        public float GradientScale;

        public readonly bool IsActive(int parameter) => Coefficients[parameter].Active;

        public readonly void Apply(in ArenaRange range, float* p, float* g)
        {
            ref readonly SgdCoefficients c = ref Coefficients[range.Parameter];
            float* b = Buffers is null ? null : Buffers + range.Start;
            int i = 0;
            for (; i <= range.Length - Vector256<float>.Count; i += Vector256<float>.Count)
            {
                Vector256<float> value = Vector256.Load(p + i);
                Vector256<float> step = Vector256.FusedMultiplyAdd(value, Vector256.Create(c.Decay), Vector256.Load(g + i) * GradientScale);
                if (b is not null)
                {
                    Vector256<float> buffer = Vector256.FusedMultiplyAdd(step, Vector256.Create(c.Take), Vector256.Load(b + i) * c.Keep);
                    buffer.Store(b + i);
                    step = c.LookAhead == 0 ? buffer : Vector256.FusedMultiplyAdd(buffer, Vector256.Create(c.LookAhead), step);
                }

                Vector256.FusedMultiplyAdd(step, Vector256.Create(-c.LearningRate), value).Store(p + i);
                Vector256<float>.Zero.Store(g + i);
            }

            for (; i < range.Length; i++)
            {
                float step = MathF.FusedMultiplyAdd(p[i], c.Decay, g[i] * GradientScale);
                if (b is not null)
                {
                    b[i] = MathF.FusedMultiplyAdd(step, c.Take, b[i] * c.Keep);
                    step = c.LookAhead == 0 ? b[i] : MathF.FusedMultiplyAdd(b[i], c.LookAhead, step);
                }

                p[i] = MathF.FusedMultiplyAdd(step, -c.LearningRate, p[i]);
                g[i] = 0;
            }
        }
    }
}
