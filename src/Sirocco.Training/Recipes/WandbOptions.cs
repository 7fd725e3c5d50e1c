namespace Sirocco.Training;

/// <summary>The <c>wandb</c> section: a run in Weights &amp; Biases.</summary>
public sealed record WandbOptions
{
    /// <summary>The project that the run is listed in (project).</summary>
    public string Project { get; init; } = "automodel";

    /// <summary>User or team (entity); null: the key's own.</summary>
    public string? Entity { get; init; }

    /// <summary>What the run is called (name); null: the last two parts of the model's path, joined by an underscore.</summary>
    public string? Name { get; init; }

    /// <summary>The group of runs that it belongs to (group), or null.</summary>
    public string? Group { get; init; }

    /// <summary>Words that it is found by (tags).</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>A longer description (notes), or null.</summary>
    public string? Notes { get; init; }

    /// <summary><c>online</c>, <c>offline</c> or <c>disabled</c> (mode); null: online where there is a key.</summary>
    public string? Mode { get; init; }

    /// <summary>Where offline files go (dir); null: the run's folder.</summary>
    public string? Folder { get; init; }
}
