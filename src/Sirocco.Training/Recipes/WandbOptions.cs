namespace Sirocco.Training;

/// <summary>The <c>wandb</c> section: a run in Weights &amp; Biases.</summary>
public sealed record WandbOptions
{
    /// <summary>project</summary>
    public string Project { get; init; } = "automodel";

    /// <summary>entity: user or team, or null.</summary>
    public string? Entity { get; init; }

    /// <summary>name of the run; null: the last two parts of the model's path, joined by an underscore.</summary>
    public string? Name { get; init; }

    /// <summary>group, or null.</summary>
    public string? Group { get; init; }

    /// <summary>tags</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>notes, or null.</summary>
    public string? Notes { get; init; }

    /// <summary>mode: <c>online</c>, <c>offline</c> or <c>disabled</c>; null: online where there is a key.</summary>
    public string? Mode { get; init; }

    /// <summary>dir: where offline files go; null: the run's folder.</summary>
    public string? Folder { get; init; }
}
