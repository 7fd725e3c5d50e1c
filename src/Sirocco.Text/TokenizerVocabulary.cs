namespace Sirocco.Text;

/// <summary>What a token of a GGUF vocabulary is (<c>tokenizer.ggml.token_type</c>).</summary>
public enum VocabularyTokenType
{
    /// <summary>Not said.</summary>
    Undefined = 0,

    /// <summary>Made by merges.</summary>
    Normal = 1,

    /// <summary>The unknown token.</summary>
    Unknown = 2,

    /// <summary>A special token.</summary>
    Control = 3,

    /// <summary>Found in texts as a string, but not special.</summary>
    UserDefined = 4,

    /// <summary>Not in use.</summary>
    Unused = 5,

    /// <summary>A byte.</summary>
    Byte = 6,
}

/// <summary>The vocabulary of a GGUF file (<c>tokenizer.ggml.*</c>, model <c>gpt2</c>: byte-level byte-pair encoding).</summary>
public sealed record TokenizerVocabulary
{
    /// <summary>Tokens by id, spelled in the byte alphabet (<c>Ġ</c> for a space); special ones as they are.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>Types by id; empty when the file has none.</summary>
    public IReadOnlyList<VocabularyTokenType> Types { get; init; } = [];

    /// <summary>Merges in order of rank: two tokens with a space between.</summary>
    public required IReadOnlyList<string> Merges { get; init; }

    /// <summary>Name of the split pattern (<c>tokenizer.ggml.pre</c>), such as <c>llama-bpe</c>, <c>tekken</c>, <c>smollm</c>.</summary>
    public required string PreTokenizer { get; init; }

    /// <summary>Beginning-of-sequence token.</summary>
    public int? BeginId { get; init; }

    /// <summary>End-of-sequence token.</summary>
    public int? EndId { get; init; }

    /// <summary>Padding token.</summary>
    public int? PaddingId { get; init; }

    /// <summary>Unknown token.</summary>
    public int? UnknownId { get; init; }

    /// <summary>Whether the beginning-of-sequence token is put in front of a text; null: as usual with this <see cref="PreTokenizer"/>.</summary>
    public bool? AddBegin { get; init; }

    /// <summary>Whether the end-of-sequence token is put behind a text.</summary>
    public bool AddEnd { get; init; }
}
