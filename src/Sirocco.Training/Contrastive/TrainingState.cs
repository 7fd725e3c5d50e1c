namespace Sirocco.Training;

/// <summary>Where a run stands.</summary>
internal sealed record TrainingState
{
    /// <summary>Steps done.</summary>
    public long Step { get; init; }

    /// <summary>Passes over the examples begun before this one.</summary>
    public int Epoch { get; init; }

    /// <summary>Examples of this epoch already seen.</summary>
    public int Position { get; init; }

    /// <summary>Tokens seen.</summary>
    public long Tokens { get; init; }

    /// <summary>Time spent training.</summary>
    public TimeSpan Elapsed { get; init; }

    /// <summary>Seed of the order of examples.</summary>
    public ulong Seed { get; init; }
}

/// <summary>What one step did.</summary>
public sealed record StepReport
{
    /// <summary>Number of the step, from 1.</summary>
    public required long Step { get; init; }

    /// <summary>Epoch of its last example, from 0, with the part of it that is done.</summary>
    public required double Epoch { get; init; }

    /// <summary>Mean loss over queries.</summary>
    public required float Loss { get; init; }

    /// <summary>Learning rate used.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Global norm of the gradient before clipping.</summary>
    public required float GradientNorm { get; init; }

    /// <summary>Tokens in the step.</summary>
    public required int Tokens { get; init; }

    /// <summary>Tokens a second in the step.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>Share of the run that is done, 0 to 1.</summary>
    public required double Progress { get; init; }

    /// <summary>Time to the end of the run at the speed so far.</summary>
    public required TimeSpan Remaining { get; init; }
}
