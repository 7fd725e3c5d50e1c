using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>Settings of a <see cref="ContrastiveTrainer"/>.</summary>
internal sealed record ContrastiveOptions
{
    /// <summary>Queries in a step.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>
    /// Queries that go through the network at a time; the gradients of a step's micro-batches add up. In-batch negatives reach this far. 0 means
    /// <see cref="BatchSize"/>.
    /// </summary>
    public int MicroBatchSize { get; init; }

    /// <summary>Query tokens kept.</summary>
    public int QueryLength { get; init; } = 512;

    /// <summary>Passage tokens kept.</summary>
    public int PassageLength { get; init; } = 512;

    /// <summary>Temperature, negatives, directions.</summary>
    public ContrastiveLoss Loss { get; init; } = new();

    /// <summary>Betas, epsilon, decay.</summary>
    public OptimizerOptions Optimizer { get; init; } = new();

    /// <summary>How each parameter is trained; null means <see cref="ParameterGroup.MatricesDecay"/>.</summary>
    public Func<Parameter, ParameterGroup>? Group { get; init; }

    /// <summary>Learning rate; its <see cref="LearningRateSchedule.TotalSteps"/> is the length of the run unless <see cref="Duration"/> is given.</summary>
    public required LearningRateSchedule Schedule { get; init; }

    /// <summary>
    /// Ends the run by the clock: the schedule is then passed through in this time, whatever the speed of the machine. The number of steps, and so the
    /// result, differs from run to run.
    /// </summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>Largest global norm of a gradient; null switches clipping off.</summary>
    public double? ClipNorm { get; init; } = 1;

    /// <summary>Precision of matrix products; masters, moments and losses are f32.</summary>
    public Precision Precision { get; init; } = Precision.BF16;

    /// <summary>Seed of the order of examples.</summary>
    public ulong Seed { get; init; } = 42;

    /// <exception cref="ArgumentException">A setting is out of range or contradicts another.</exception>
    internal void Validate()
    {
        Positive(BatchSize, "batch size");
        Positive(QueryLength, "query length");
        Positive(PassageLength, "passage length");
        if (MicroBatchSize < 0 || (MicroBatchSize > 0 && BatchSize % MicroBatchSize != 0))
            throw new ArgumentException($"the micro-batch size is {MicroBatchSize}; the batch size {BatchSize} must be a multiple of it");
        if (ClipNorm is { } norm && !(norm >= 0)) throw new ArgumentException($"the clip norm is {norm}; it must not be negative");
        if (Duration is { } duration && duration <= TimeSpan.Zero) throw new ArgumentException($"the duration is {duration}; it must be positive");
        if (!(Schedule.TotalSteps >= 1)) throw new ArgumentException($"the schedule has {Schedule.TotalSteps} steps; it must have at least one");
        if (Precision == Precision.Int8) throw new ArgumentException("int8 has no gradient; train in f32 or bf16");
        Loss.Validate();
        Optimizer.Validate();
    }

    private static void Positive(int value, string name)
    {
        if (value <= 0) throw new ArgumentException($"the {name} is {value}; it must be positive");
    }
}
