namespace Sirocco.Training;

/// <summary>How a dataset is cut into micro-batches.</summary>
public sealed record DataLoaderOptions
{
    /// <summary>Queries of a micro-batch; null: the recipe's local batch size.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Whether each epoch has its own order; null means yes, for validation too.</summary>
    public bool? Shuffle { get; init; }

    /// <summary>Whether a last micro-batch that is shorter is left out.</summary>
    public bool DropLast { get; init; }

    /// <summary>Micro-batches that are made ahead on another thread.</summary>
    public int Prefetch { get; init; } = 4;
}
