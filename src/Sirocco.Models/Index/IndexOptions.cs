namespace Sirocco.Models;

/// <summary>How an index is made.</summary>
public sealed record IndexOptions
{
    /// <summary>How vectors are kept.</summary>
    public VectorStore Store { get; init; }

    /// <summary>Put before each text; null takes the model's prompt for documents.</summary>
    public string? DocumentPrompt { get; init; }

    /// <summary>Put before each query of later searches; null takes the model's prompt for queries.</summary>
    public string? QueryPrompt { get; init; }
}

/// <summary>How an index is asked.</summary>
public sealed record SearchOptions
{
    /// <summary>The model that made the index, if it is not where it was.</summary>
    public string? Model { get; init; }

    /// <summary>Turns the model's name, a hub id or a path, into a path, for a caller with a way of its own to download models.</summary>
    public Func<string, string>? Locate { get; init; }

    /// <summary>Precision of products; null takes the one that the index was made with.</summary>
    public Compute.Precision? Precision { get; init; }

    /// <summary>Threads of the computation; 0 takes one per processor.</summary>
    public int Threads { get; init; }

    /// <summary>As <see cref="EmbedderOptions.Deterministic"/>.</summary>
    public bool Deterministic { get; init; }
}
