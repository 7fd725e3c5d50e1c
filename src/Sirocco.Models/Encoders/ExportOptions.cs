using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>What is written beside the weights when a model is saved.</summary>
public sealed record ExportOptions
{
    /// <summary>A folder whose tokenizer files, template and licence are copied, or a lone tokenizer.json; null writes no tokenizer.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>Element type of the weights; null keeps what they are held in (f32 after training).</summary>
    public ElementType? Type { get; init; }

    /// <summary>Tokens that texts are to be cut at; null takes what the model was loaded with, else its context.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Prompts by name (<c>query</c>, <c>document</c>); null keeps those that the model was loaded with.</summary>
    public IReadOnlyDictionary<string, string>? Prompts { get; init; }

    /// <summary>Whether, and how, the folder is written as NeMo AutoModel writes those of its checkpoints; null: as a plain model folder.</summary>
    public AutoModelLayout? AutoModel { get; init; }

    /// <summary>
    /// Put before the name of every weight of a bi-encoder, such as <c>student.model.</c> for what a distillation trains; sentence-transformers cannot read
    /// such a folder and gets no files in it.
    /// </summary>
    public string WeightPrefix { get; init; } = "";

    /// <summary>Weights beside those of a bi-encoder, by their own names.</summary>
    public IReadOnlyList<Parameter> FurtherWeights { get; init; } = [];
}
