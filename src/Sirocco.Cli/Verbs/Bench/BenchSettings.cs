namespace Sirocco.Cli.Verbs.Bench;

/// <summary>What a benchmark is asked to do; null leaves it to the benchmark.</summary>
internal sealed record BenchSettings
{
    public string? Shape { get; init; }

    public int? Tokens { get; init; }

    public int? Sequences { get; init; }

    public int? Passages { get; init; }

    /// <summary>Rank of an adapter that trains in place of the weights.</summary>
    public int? Lora { get; init; }

    public bool Recompute { get; init; }

    /// <summary>As on the command line: <c>auto</c> or a precision.</summary>
    public required string Precision { get; init; }

    /// <summary>Threads; 0 for one on each core.</summary>
    public int Threads { get; init; }

    public string? Input { get; init; }

    public int? Runs { get; init; }

    public bool Neighbour { get; init; }

    public bool Deterministic { get; init; }

    public CancellationToken Cancellation { get; init; }
}
