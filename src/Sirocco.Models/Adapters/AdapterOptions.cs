namespace Sirocco.Models;

/// <summary>Where training drops elements of an adapter.</summary>
public enum DropoutPosition
{
    /// <summary>Before A: elements of its input. With DoRA the base weight reads the same.</summary>
    Pre,

    /// <summary>After B: elements of what the adapter adds.</summary>
    Post,
}

/// <summary>How the first factor of an adapter starts; the second starts at zero, so that a fresh adapter changes nothing.</summary>
public enum AdapterInitialization
{
    /// <summary>Normal with variance 2 / (in + rank) (Glorot and Bengio 2010).</summary>
    XavierNormal,

    /// <summary>Uniform between ±1 / √in: He et al. 2015 with a = √5, as torch starts linear layers.</summary>
    KaimingUniform,
}

/// <summary>
/// A new adapter as NeMo AutoModel's <c>PeftConfig</c> describes it, with its rules of matching (specification of the retrieval recipes, §8).
/// </summary>
public sealed record AdapterOptions
{
    /// <summary>
    /// Modules to adapt: full names (<c>model.layers.0.self_attn.q_proj</c>), patterns where <c>*</c> is any run of characters, or last components
    /// (<c>q_proj</c>). Nothing at all means <c>*_proj</c>.
    /// </summary>
    public IReadOnlyList<string> TargetModules { get; init; } = [];

    /// <summary>Instead of targets: every linear layer but these full names and patterns; a last component alone excludes nothing.</summary>
    public IReadOnlyList<string> ExcludeModules { get; init; } = [];

    /// <summary>Instead of names: every linear layer, heads included.</summary>
    public bool MatchAllLinear { get; init; }

    /// <summary>Rank r of the update (<c>dim</c>).</summary>
    public int Rank { get; init; } = 8;

    /// <summary>The update counts alpha / rank.</summary>
    public double Alpha { get; init; } = 32;

    /// <summary>Whether rows of the adapted weight have trained lengths (DoRA).</summary>
    public bool UseDora { get; init; }

    /// <summary>Probability of dropping an element in training.</summary>
    public double Dropout { get; init; }

    /// <summary>What is dropped.</summary>
    public DropoutPosition DropoutPosition { get; init; } = DropoutPosition.Post;

    /// <summary>How A starts.</summary>
    public AdapterInitialization Initialization { get; init; } = AdapterInitialization.XavierNormal;

    /// <summary>What the adapter's folder repeats of the recipe that it was made with.</summary>
    public AutoModelAdapterFields AsWritten { get; init; } = new();

    /// <summary>Refuses contradictions, by the keys of a recipe.</summary>
    /// <exception cref="ArgumentException">A setting is out of range, or two exclude each other.</exception>
    public void Validate()
    {
        if (Rank < 1) throw new ArgumentException($"peft.dim is {Rank}, needed at least 1");
        if (!(Dropout >= 0 && Dropout < 1)) throw new ArgumentException($"peft.dropout is {Dropout}, needed at least 0 and less than 1");
        if (!double.IsFinite(Alpha)) throw new ArgumentException($"peft.alpha is {Alpha}, needed a finite number");
        if (MatchAllLinear && (TargetModules.Count > 0 || ExcludeModules.Count > 0))
            throw new ArgumentException("peft.match_all_linear adapts every linear layer; leave out target_modules and exclude_modules, or set it to false");
        if (TargetModules.Count > 0 && ExcludeModules.Count > 0)
            throw new ArgumentException("peft.target_modules and peft.exclude_modules exclude each other; give one of them");
    }
}
