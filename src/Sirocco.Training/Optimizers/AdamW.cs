using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>Settings of <see cref="AdamW"/>; the defaults are torch's.</summary>
public sealed record AdamWOptions
{
    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Share of itself that a weight loses in a step, times the learning rate.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <exception cref="ArgumentException">A value is outside its range.</exception>
    internal void Validate()
    {
        if (Beta1 is not (>= 0 and < 1)) throw new ArgumentException($"beta1 is {Beta1}; it must be at least 0 and below 1");
        if (Beta2 is not (>= 0 and < 1)) throw new ArgumentException($"beta2 is {Beta2}; it must be at least 0 and below 1");
        if (!(Epsilon >= 0)) throw new ArgumentException($"epsilon is {Epsilon}; it must not be negative");
        if (!(WeightDecay >= 0)) throw new ArgumentException($"weight decay is {WeightDecay}; it must not be negative");
    }
}

/// <summary>How one parameter is trained.</summary>
/// <param name="LearningRateFactor">Multiplies the scheduled learning rate.</param>
/// <param name="WeightDecayFactor">Multiplies <see cref="AdamWOptions.WeightDecay"/>; 0 exempts.</param>
public readonly record struct ParameterGroup(double LearningRateFactor, double WeightDecayFactor)
{
    /// <summary>Matrices decay, vectors (norms, biases) do not; all learn at the same rate.</summary>
    public static ParameterGroup MatricesDecay(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        return new ParameterGroup(1, parameter.Shape.Count >= 2 ? 1 : 0);
    }
}

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019) over the flat memory of a <see cref="ParameterArena"/>. Parameters and both
/// moments are f32, whatever the precision of the products.
/// </summary>
public sealed class AdamW
{
    private readonly ComputeContext context;
    private readonly AdamWOptions options;
    private readonly ArenaRange[] ranges;
    private readonly AdamWCoefficients[] coefficients;
    private readonly ParameterGroup[] groups;
    private readonly long[] steps;

    /// <param name="context">The device that runs the updates.</param>
    /// <param name="arena">What is trained.</param>
    /// <param name="options">Betas, epsilon and decay.</param>
    /// <param name="group">How each parameter is trained; null means <see cref="ParameterGroup.MatricesDecay"/>.</param>
    /// <exception cref="ArgumentException">A setting is outside its range.</exception>
    public AdamW(ComputeContext context, ParameterArena arena, AdamWOptions? options = null, Func<Parameter, ParameterGroup>? group = null)
    {
        ArgumentNullException.ThrowIfNull(arena);
        this.context = context;
        this.options = options ?? new AdamWOptions();
        this.options.Validate();
        Arena = arena;
        FirstMoments = arena.NewBlock();
        SecondMoments = arena.NewBlock();
        ranges = ArenaRange.Of(arena);
        groups = [.. arena.Parameters.Select(group ?? ParameterGroup.MatricesDecay)];
        coefficients = new AdamWCoefficients[groups.Length];
        steps = new long[groups.Length];
    }

    /// <summary>What is trained.</summary>
    public ParameterArena Arena { get; }

    /// <summary>Running means of gradients, in the arena's layout.</summary>
    public ArenaSlice FirstMoments { get; }

    /// <summary>Running means of squared gradients, in the arena's layout.</summary>
    public ArenaSlice SecondMoments { get; }

    /// <summary>Updates that each parameter has had; they differ where some steps gave a parameter no gradient.</summary>
    public IReadOnlyList<long> Steps => steps;

    /// <summary>One update from the arena's gradients, which are zero afterwards.</summary>
    /// <param name="learningRate">Of this step.</param>
    /// <param name="gradientScale">Multiplies every gradient first: the factor from <see cref="GradientClipping"/>.</param>
    /// <param name="hasGradient">Parameters without a gradient are left alone: no decay, no moments, no count. Null means that all have one.</param>
    public void Step(double learningRate, float gradientScale = 1, Func<Parameter, bool>? hasGradient = null)
    {
        for (int i = 0; i < groups.Length; i++)
        {
            bool active = hasGradient?.Invoke(Arena.Parameters[i]) ?? true;
            if (active) steps[i]++;
            double rate = learningRate * groups[i].LearningRateFactor;
            coefficients[i] = new AdamWCoefficients
            {
                Active = active,
                OneMinusBeta1 = (float)(1 - options.Beta1),
                Beta2 = (float)options.Beta2,
                OneMinusBeta2 = (float)(1 - options.Beta2),
                Epsilon = (float)options.Epsilon,
                Keep = (float)(1 - (rate * options.WeightDecay * groups[i].WeightDecayFactor)),
                StepSize = (float)(rate / (1 - Math.Pow(options.Beta1, steps[i]))),
                RootOfSecondCorrection = (float)Math.Sqrt(1 - Math.Pow(options.Beta2, steps[i])),
            };
        }

        context.AdamW(Arena, FirstMoments, SecondMoments, ranges, coefficients, gradientScale);
    }

    /// <summary>Takes over the counts of a checkpoint; moments are read into <see cref="FirstMoments"/> and <see cref="SecondMoments"/>.</summary>
    internal void RestoreSteps(ReadOnlySpan<long> saved) => saved.CopyTo(steps);
}
