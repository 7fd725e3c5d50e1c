using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>How an <see cref="Embedder"/> loads and uses a model. What is not set is as the model's folder says.</summary>
public sealed record EmbedderOptions
{
    /// <summary>Precision of products; null keeps the file's.</summary>
    public Precision? Precision { get; init; }

    /// <summary>Threads of the computation; 0 takes one per processor.</summary>
    public int Threads { get; init; }

    /// <summary>Whether a vector must not depend, in a single bit, on what it was batched with; otherwise it may by rounding (1e-5 relative).</summary>
    public bool Deterministic { get; init; }

    /// <summary>True: a token sees only those before it; false: every token sees all others.</summary>
    public bool? IsCausal { get; init; }

    /// <summary>How tokens become one vector.</summary>
    public Pooling? Pooling { get; init; }

    /// <summary>Whether vectors are made of unit length, after they are cut.</summary>
    public bool? Normalize { get; init; }

    /// <summary>Features kept of each vector; a sentence-transformers folder that has fewer gives all it has, any other refuses.</summary>
    public int? Dimensions { get; init; }

    /// <summary>Tokens that a text is cut at, if below the model's own limit.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Name of the prompt put before each text; a call may name another.</summary>
    public string? PromptName { get; init; }

    /// <summary>The prompt itself; wins over <see cref="PromptName"/>.</summary>
    public string? Prompt { get; init; }

    /// <summary>Folder of a LoRA or DoRA adapter that is attached to the model; null: none.</summary>
    public string? Adapter { get; init; }

    /// <summary>Tokens computed together: enough to fill the processor, few enough for the cache and memory.</summary>
    public int BatchTokens { get; init; } = 2048;
}
