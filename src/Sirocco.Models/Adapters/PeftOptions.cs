namespace Sirocco.Models;

/// <summary>
/// A new adapter as peft's <c>LoraConfig</c> describes it, with peft's rules of matching; also what the <c>adapter_config.json</c> of a folder says.
/// </summary>
public sealed record PeftOptions
{
    /// <summary>
    /// Modules to adapt: names that match whole or as a suffix after a dot (<c>q_proj</c>). A single entry with <see cref="TargetIsPattern"/> is a regular
    /// expression of whole names, or <c>all-linear</c>: every linear layer but the output head.
    /// </summary>
    public IReadOnlyList<string> TargetModules { get; init; } = [];

    /// <summary>Whether the configuration gave one string for the targets rather than a list.</summary>
    public bool TargetIsPattern { get; init; }

    /// <summary>Modules left out, matched as targets are.</summary>
    public IReadOnlyList<string> ExcludeModules { get; init; } = [];

    /// <summary>Whether <see cref="ExcludeModules"/> is one regular expression.</summary>
    public bool ExcludeIsPattern { get; init; }

    /// <summary>Modules that are trained and saved whole instead, such as a new <c>score</c> head.</summary>
    public IReadOnlyList<string> ModulesToSave { get; init; } = [];

    /// <summary>Numbers of the layers to adapt; empty adapts all.</summary>
    public IReadOnlyList<int> LayersToTransform { get; init; } = [];

    /// <summary>Names of the lists of layers that <see cref="LayersToTransform"/> counts in; empty takes whatever stands before the number.</summary>
    public IReadOnlyList<string> LayersPattern { get; init; } = [];

    /// <summary>Rank r of the update.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>Other ranks of some modules: the first pattern that matches a module's name, whole or after a dot, counts.</summary>
    public IReadOnlyList<KeyValuePair<string, int>> RankPattern { get; init; } = [];

    /// <summary>The update counts alpha / rank, or alpha / √rank with <see cref="UseRsLora"/>.</summary>
    public double Alpha { get; init; } = 8;

    /// <summary>Other alphas of some modules.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> AlphaPattern { get; init; } = [];

    /// <summary>Rank-stabilised scale (Kalajdzievski 2023).</summary>
    public bool UseRsLora { get; init; }

    /// <summary>Whether rows of the adapted weight have trained lengths (DoRA).</summary>
    public bool UseDora { get; init; }

    /// <summary>Probability of dropping an element of A's input in training.</summary>
    public double Dropout { get; init; }

    /// <summary>The base model, as the adapter's folder names it.</summary>
    public string? BaseModel { get; init; }

    /// <summary>Rank of a module.</summary>
    internal int RankOf(string module) => First(RankPattern, module, Rank);

    /// <summary>Scale of a module's update.</summary>
    internal float ScaleOf(string module)
    {
        double rank = RankOf(module);
        return (float)(First(AlphaPattern, module, Alpha) / (UseRsLora ? Math.Sqrt(rank) : rank));
    }

    private static T First<T>(IReadOnlyList<KeyValuePair<string, T>> patterns, string module, T fallback)
    {
        foreach ((string pattern, T value) in patterns)
        {
            if (ModulePattern.Of($@"(.*\.)?({pattern})").IsMatch(module)) return value;
        }

        return fallback;
    }
}
