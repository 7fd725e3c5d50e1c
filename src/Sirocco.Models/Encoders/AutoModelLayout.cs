using Sirocco.Text;

namespace Sirocco.Models;

/// <summary>
/// What NeMo AutoModel 0.7 writes into <c>model/consolidated</c> of a checkpoint beyond a plain model folder: the same keys, file names and metadata.
/// </summary>
public sealed record AutoModelLayout
{
    /// <summary>The base model as the recipe names it: <c>_name_or_path</c> of config.json.</summary>
    public string Source { get; init; } = "";

    /// <summary>Where the base model is on this machine, which says how the weights are spread over files; null: nowhere.</summary>
    public string? SourceFolder { get; init; }

    /// <summary>
    /// Whether weights that fill one file go into <c>model-00001-of-00001.safetensors</c>; a distillation's student has <c>model.safetensors</c>. An index is
    /// beside either.
    /// </summary>
    public bool NumbersLoneFile { get; init; } = true;

    /// <summary>
    /// Whether sentence-transformers gets its files. Not where queries or passages carry instructions of their corpus, which these files cannot express.
    /// </summary>
    public bool HasModules { get; init; } = true;

    /// <summary>
    /// The name (<see cref="PoolingNames.MultiVector"/>) under which a bi-encoder gives a vector for each token, for which sentence-transformers has no files
    /// either; null where it does not.
    /// </summary>
    public string? MultiVector { get; init; }

    /// <summary>The side that the recipe pads on, for tokenizer_config.json; null leaves what the tokenizer's files say.</summary>
    public TextSide? PaddingSide { get; init; }

    /// <summary>The text of a reranker's pair with <c>{query}</c> and <c>{passage}</c>, or null.</summary>
    public string? PromptTemplate { get; init; }

    /// <summary>v4_compatible: config.json is the source's own, and the one that describes the model config.v5.json.</summary>
    public bool KeepSourceConfig { get; init; }
}
