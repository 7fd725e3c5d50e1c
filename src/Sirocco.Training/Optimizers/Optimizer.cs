using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>How one parameter is trained.</summary>
/// <param name="LearningRateFactor">Multiplies the learning rate.</param>
/// <param name="WeightDecayFactor">Multiplies the weight decay; 0 exempts.</param>
public readonly record struct ParameterGroup(double LearningRateFactor, double WeightDecayFactor)
{
    /// <summary>A learning rate of the group's own at every step, whatever the others' is; null: theirs times the factor.</summary>
    public double? OwnLearningRate { get; init; }

    /// <summary>Matrices decay, vectors (norms, biases) do not; all learn at the same rate.</summary>
    public static ParameterGroup MatricesDecay(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        return new ParameterGroup(1, parameter.Shape.Count >= 2 ? 1 : 0);
    }

    /// <summary>Everything decays except biases and norms, told by their names as NeMo AutoModel does.</summary>
    public static ParameterGroup NormsAndBiasesDoNotDecay(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        bool exempt = parameter.Name.EndsWith(".bias", StringComparison.Ordinal) || parameter.Name.Contains("norm", StringComparison.OrdinalIgnoreCase);
        return new ParameterGroup(1, exempt ? 0 : 1);
    }

    /// <summary>
    /// The group under an <c>lr_scheduler</c>, which multiplies what it schedules by each group's ratio to the optimizer's own weight decay. To 0 there is no
    /// ratio: it is 1, so norms and biases then decay like the rest (NeMo AutoModel 0.7).
    /// </summary>
    /// <param name="weightDecay">The optimizer's.</param>
    public ParameterGroup Scheduled(double weightDecay) => weightDecay == 0 ? this with { WeightDecayFactor = 1 } : this;
}

/// <summary>A block of an optimizer's memory in its arena's layout.</summary>
/// <param name="Name">As torch's state has it, such as <c>exp_avg</c>.</param>
/// <param name="Values">One value for each value of the arena.</param>
public sealed record OptimizerState(string Name, ArenaSlice Values);

/// <summary>
/// A rule that changes the parameters of a <see cref="ParameterArena"/> by their gradients. Parameters and states are f32, whatever the precision of the
/// products.
/// </summary>
public abstract class Optimizer
{
    private readonly ParameterGroup[] groups;
    private readonly long[] steps;

    private protected Optimizer(ComputeContext context, ParameterArena arena, OptimizerOptions? options, Func<Parameter, ParameterGroup>? group)
    {
        ArgumentNullException.ThrowIfNull(arena);
        Context = context;
        Options = options ?? new OptimizerOptions();
        Options.Validate();
        Arena = arena;
        Ranges = ArenaRange.Of(arena);
        groups = [.. arena.Parameters.Select(group ?? ParameterGroup.MatricesDecay)];
        steps = new long[groups.Length];
    }

    /// <summary>What is trained.</summary>
    public ParameterArena Arena { get; }

    /// <summary>The rule's constants.</summary>
    public OptimizerOptions Options { get; }

    /// <summary>Its memory of past gradients.</summary>
    public abstract IReadOnlyList<OptimizerState> States { get; }

    /// <summary>Updates that each parameter has had; they differ where some steps gave a parameter no gradient.</summary>
    public IReadOnlyList<long> Steps => steps;

    /// <summary>How each parameter of the arena is trained.</summary>
    public IReadOnlyList<ParameterGroup> Groups => groups;

    private protected ComputeContext Context { get; }

    private protected ArenaRange[] Ranges { get; }

    /// <summary>The optimizer that options name.</summary>
    /// <param name="context">The device that runs the updates.</param>
    /// <param name="arena">What is trained.</param>
    /// <param name="options">Rule and constants.</param>
    /// <param name="group">How each parameter is trained; null means <see cref="ParameterGroup.MatricesDecay"/>.</param>
    /// <exception cref="ArgumentException">A setting is outside its range.</exception>
    public static Optimizer Create(ComputeContext context, ParameterArena arena, OptimizerOptions options, Func<Parameter, ParameterGroup>? group = null) =>
        options.Kind == OptimizerKind.Sgd ? new Sgd(context, arena, options, group) : new Adam(context, arena, options, group);

    /// <summary>One update from the arena's gradients, which are zero afterwards.</summary>
    /// <param name="learningRate">Of this step.</param>
    /// <param name="weightDecay">Of this step.</param>
    /// <param name="gradientScale">Multiplies every gradient first: the factor from <see cref="GradientClipping"/>.</param>
    /// <param name="hasGradient">Parameters without a gradient are left alone: no decay, no moments, no count. Null means that all have one.</param>
    public void Step(double learningRate, double weightDecay, float gradientScale = 1, Func<Parameter, bool>? hasGradient = null)
    {
        for (int i = 0; i < groups.Length; i++)
        {
            bool active = hasGradient?.Invoke(Arena.Parameters[i]) ?? true;
            if (active) steps[i]++;
            Prepare(
                i, active, steps[i], groups[i].OwnLearningRate ?? (learningRate * groups[i].LearningRateFactor), weightDecay * groups[i].WeightDecayFactor);
        }

        Update(gradientScale);
    }

    /// <summary>One update with the weight decay of <see cref="Options"/>.</summary>
    /// <param name="learningRate">Of this step.</param>
    /// <param name="gradientScale">Multiplies every gradient first.</param>
    public void Step(double learningRate, float gradientScale = 1) => Step(learningRate, Options.WeightDecay, gradientScale);

    /// <summary>Takes over the counts of a checkpoint; <see cref="States"/> are read in place.</summary>
    internal void RestoreSteps(ReadOnlySpan<long> saved) => saved.CopyTo(steps);

    /// <summary>Sets the coefficients of one parameter.</summary>
    private protected abstract void Prepare(int parameter, bool active, long step, double learningRate, double weightDecay);

    private protected abstract void Update(float gradientScale);
}
