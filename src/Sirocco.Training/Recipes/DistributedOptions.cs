using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>How ranks share the work. One process is one rank.</summary>
public enum DistributedStrategy
{
    /// <summary>Parameters split over the ranks.</summary>
    Fsdp2,

    /// <summary>Every rank has all parameters.</summary>
    Ddp,

    /// <summary>Megatron's form of split parameters.</summary>
    MegatronFsdp,
}

/// <summary>The <c>distributed</c> section.</summary>
public sealed record DistributedOptions
{
    /// <summary>What each rank holds (strategy).</summary>
    public DistributedStrategy Strategy { get; init; }

    /// <summary>
    /// Data-parallel ranks (dp_size); null: one. This process does the work of all of them, one after the other: each rank has its own rows, in-batch negatives
    /// come from all, and gradients are the mean over ranks.
    /// </summary>
    public int? DataParallelSize { get; init; }

    /// <summary><see cref="DataParallelSize"/>, or 1.</summary>
    internal int Ranks => DataParallelSize ?? 1;

    /// <summary>How FSDP2 holds parameters outside the optimizer (mp_policy.param_dtype).</summary>
    public ElementType ParameterType { get; init; } = ElementType.BF16;

    /// <summary>
    /// What bi-encoders and cross-encoders multiply in while they train, whatever type their weights have (autocast_dtype); null: as the weights are held.
    /// </summary>
    public ElementType? AutocastType { get; init; }

    /// <summary>Whether activations are computed again in the backward pass instead of kept.</summary>
    public bool RecomputeActivations { get; init; }
}
