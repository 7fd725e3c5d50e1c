using Sirocco.Text;

namespace Sirocco.Training;

/// <summary>Which of the reference's tokenizer classes a training run uses; they differ in padding and in what a missing padding token means.</summary>
public enum TokenizerBackend
{
    /// <summary>NeMo's choice: the Mistral backend for models of that family that have a tekken.json, else <see cref="Wrapped"/>.</summary>
    Automatic,

    /// <summary>The Hugging Face tokenizer in NeMo's wrapper: a missing padding token becomes id 0.</summary>
    Wrapped,

    /// <summary>The Hugging Face tokenizer itself: a missing padding token becomes the end token, with padding on the left.</summary>
    Transformers,

    /// <summary>tokenizer.json read directly; as <see cref="Transformers"/> where this program is concerned.</summary>
    Tokenizers,
}

/// <summary>The tokenizer section of a recipe.</summary>
public sealed record TokenizerOptions
{
    /// <summary>A model folder, or a tokenizer file.</summary>
    public required string Path { get; init; }

    /// <summary>The reference's tokenizer class.</summary>
    public TokenizerBackend Backend { get; init; }

    /// <summary>
    /// add_bos_token: true replaces the file's special tokens by the begin token (and the end token, if asked for too); false changes nothing.
    /// </summary>
    public bool AddBeginToken { get; init; }

    /// <summary>
    /// add_eos_token: true replaces the file's special tokens by the end token (and the begin token, if asked for too); false changes nothing.
    /// </summary>
    public bool AddEndToken { get; init; }

    /// <summary>The side that padding goes to; null: as the tokenizer's files say, else right (left for the Mistral backend).</summary>
    public TextSide? PaddingSide { get; init; }

    /// <summary>The side that is cut; null: as the tokenizer's files say, else right.</summary>
    public TextSide? TruncationSide { get; init; }

    /// <summary>model_max_length; null: as the tokenizer's files say.</summary>
    public int? MaxLength { get; init; }
}
