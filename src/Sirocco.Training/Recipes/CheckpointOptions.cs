namespace Sirocco.Training;

/// <summary>When a checkpoint gets a folder that other programs load.</summary>
public enum ConsolidatedExport
{
    /// <summary>At the last step only.</summary>
    Final,

    /// <summary>With every checkpoint.</summary>
    Every,

    /// <summary>Never.</summary>
    Never,
}

/// <summary>Where and how a run keeps its state.</summary>
public sealed record CheckpointOptions
{
    internal const string DefaultMetric = "default";

    /// <summary>Whether checkpoints are written and restored; metrics are written in any case.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>checkpoint_dir: the run's folder.</summary>
    public string Folder { get; init; } = "checkpoints/";

    /// <summary>save_consolidated: when the Hugging Face folder is written.</summary>
    public ConsolidatedExport Export { get; init; }

    /// <summary>
    /// restore_from: null goes on from the newest complete checkpoint of the folder where it fits the model; <c>LATEST</c>, <c>LOWEST_VAL</c>, the name of a checkpoint in the
    /// folder, or a path.
    /// </summary>
    public string? RestoreFrom { get; init; }

    /// <summary>max_recent_checkpoints: so many are kept, and those that <c>LATEST</c> and <c>LOWEST_VAL</c> point to; null keeps all.</summary>
    public int? KeepLast { get; init; }

    /// <summary>keep_best: so many checkpoints with the best <see cref="BestMetric"/> are kept beyond the recent ones; null keeps what <c>LOWEST_VAL</c> points to.</summary>
    public int? KeepBest { get; init; }

    /// <summary>best_metric_key: the validation metric that decides what is best; <c>default</c> is the validation loss.</summary>
    public string BestMetric { get; init; } = DefaultMetric;

    /// <summary>v4_compatible: whether the export has the source's own config.json, and ours beside it as config.v5.json.</summary>
    public bool KeepSourceConfig { get; init; }
}
