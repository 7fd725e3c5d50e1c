using Sirocco.Compute;

namespace Sirocco.Training.Demo;

/// <summary>What a <see cref="Demonstration"/> is asked to do.</summary>
public sealed record DemonstrationOptions
{
    /// <summary>Folder with the shipped data.</summary>
    public required string DataFolder { get; init; }

    /// <summary>Folder that the trained model and its index are left in; replaced if an earlier demonstration made it.</summary>
    public required string OutputFolder { get; init; }

    /// <summary>Time spent training.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Steps of training, instead of <see cref="Duration"/>: the same seed then gives the same weights on every run with as many threads.</summary>
    public int? Steps { get; init; }

    /// <summary>A model folder to start from instead of random weights; needs a tokenizer.json.</summary>
    public string? Model { get; init; }

    /// <summary>Documents searched: the test queries' own and the first others; null means all for random weights and 2,000 for a given model.</summary>
    public int? Documents { get; init; }

    /// <summary>Precision of matrix products.</summary>
    public Precision Precision { get; init; } = Precision.BF16;

    /// <summary>Threads; 0 takes one per processor.</summary>
    public int Threads { get; init; }

    /// <summary>Seed of weights and order.</summary>
    public ulong Seed { get; init; } = 42;
}

/// <summary>Told what a <see cref="Demonstration"/> is doing.</summary>
public sealed record DemonstrationObserver
{
    /// <summary>A stage begins.</summary>
    public Action<string>? Stage { get; init; }

    /// <summary>A training step was done.</summary>
    public Action<StepReport>? Step { get; init; }

    /// <summary>So many of all documents have their vector.</summary>
    public Action<int, int>? Encoded { get; init; }
}
