using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>How a checkpoint becomes the encoder that a retrieval recipe trains. What is null follows from the checkpoint.</summary>
public sealed record BackboneOptions
{
    /// <summary>How tokens become one vector.</summary>
    public Pooling? Pooling { get; init; }

    /// <summary>Whether vectors are made of unit length.</summary>
    public bool? Normalize { get; init; }

    /// <summary>Whether a token sees only those before it.</summary>
    public bool? IsCausal { get; init; }

    /// <summary>Scores of a pair.</summary>
    public int? Labels { get; init; }

    /// <summary>What a reranker divides its scores by.</summary>
    public float? Temperature { get; init; }

    /// <summary>Seed of a new head.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>Precision of products, by which blocks of a GGUF file are unpacked; null keeps the file's.</summary>
    public Precision? Precision { get; init; }

    internal string? PoolingName => Pooling is { } pooling ? PoolingNames.ConfigName(pooling) : null;
}
