using Sirocco.Text.Bpe;

namespace Sirocco.Text.Pipeline;

/// <summary>Everything that a tokenizer file says.</summary>
internal sealed record TokenizerParts
{
    public required Vocabulary Vocabulary { get; init; }

    public required BytePairEncoder Encoder { get; init; }

    public required AddedVocabulary Added { get; init; }

    /// <summary>Whether added tokens are looked for in texts.</summary>
    public bool MatchesAdded { get; init; } = true;

    /// <summary>Whether each run of ordinary tokens between special ones is decoded on its own.</summary>
    public bool DecodesInRuns { get; init; }

    public Normalizer? Normalizer { get; init; }

    /// <summary>Pre-tokenizer steps; without <see cref="ByteSpelling"/> where the vocabulary is of bytes.</summary>
    public required IReadOnlyList<PreTokenizer> Steps { get; init; }

    public PostProcessor? PostProcessor { get; init; }

    /// <summary>Null in a file without one, and in tekken files, whose tokens are bytes.</summary>
    public TokenDecoder? Decoder { get; init; }

    public Truncation? Truncation { get; init; }

    public Padding? Padding { get; init; }

    public int? UnknownId { get; init; }

    public int? BeginId { get; init; }

    public int? EndId { get; init; }

    public int? PaddingId { get; init; }
}
