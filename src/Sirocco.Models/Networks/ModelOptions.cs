using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>How a model is loaded and run.</summary>
public sealed record ModelOptions
{
    /// <summary>Precision of products; null keeps the file's: f32 for f32 files, bf16 for narrower ones, never a lossy quantisation.</summary>
    public Precision? Precision { get; init; }

    /// <summary>Threads of the computation; 0 takes one per processor.</summary>
    public int Threads { get; init; }

    /// <summary>Whether results must not depend, in a single bit, on what a sequence was batched with.</summary>
    public bool Deterministic { get; init; }

    /// <summary>True: causal attention, false: bidirectional; null does what the folder says.</summary>
    public bool? IsCausal { get; init; }

    /// <summary>Folder of a LoRA or DoRA adapter that is attached to the model; null: none.</summary>
    public string? Adapter { get; init; }

    /// <summary>
    /// What weights are converted for where the file's own type cannot be multiplied. An adapter may have to read the weights that it is added to, which int8
    /// does not keep.
    /// </summary>
    internal Precision Held => Precision switch
    {
        null => Compute.Precision.BF16,
        Compute.Precision.Int8 when Adapter is not null => Compute.Precision.BF16,
        { } chosen => chosen,
    };

    /// <summary>A context with these threads.</summary>
    public ComputeContext NewContext() => new(new ComputeOptions { Threads = Threads, Deterministic = Deterministic });
}
