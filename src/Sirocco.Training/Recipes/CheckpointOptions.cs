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

    /// <summary>The run's folder (checkpoint_dir).</summary>
    public string Folder { get; init; } = "checkpoints/";

    /// <summary>When the Hugging Face folder is written (save_consolidated).</summary>
    public ConsolidatedExport Export { get; init; }

    /// <summary>
    /// The checkpoint to go on from (restore_from): <c>LATEST</c>, <c>LOWEST_VAL</c>, the name of one in the folder, or a path; null: the newest complete one
    /// of the folder, where it fits the model.
    /// </summary>
    public string? RestoreFrom { get; init; }

    /// <summary>How many are kept, beside those that <c>LATEST</c> and <c>LOWEST_VAL</c> point to (max_recent_checkpoints); null keeps all.</summary>
    public int? KeepLast { get; init; }

    /// <summary>
    /// How many with the best <see cref="BestMetric"/> are kept beyond the recent ones (keep_best); null keeps what <c>LOWEST_VAL</c> points to.
    /// </summary>
    public int? KeepBest { get; init; }

    /// <summary>The validation metric that decides what is best (best_metric_key); <c>default</c> is the validation loss.</summary>
    public string BestMetric { get; init => field = RetrievalMetric.Canonical(value); } = DefaultMetric;

    /// <summary>Whether the export has the source's own config.json, and ours beside it as config.v5.json (v4_compatible).</summary>
    public bool KeepSourceConfig { get; init; }
}
