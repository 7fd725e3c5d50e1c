namespace Sirocco.Text.Splitting;

/// <summary>How a published pattern treats <c>'s</c>, <c>'re</c> and their like before anything else.</summary>
internal enum Contractions
{
    None,
    LowerCase,
    AnyCase,

    /// <summary>Not by themselves but at the end of a word: <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)?</c></summary>
    AfterWords,
}

/// <summary>The alternative of a published pattern that matches words.</summary>
internal enum Words
{
    /// <summary><c>[^\r\n\p{L}\p{N}]?</c> then capitals then small letters: <c>eBay</c> falls into <c>e</c> and <c>Bay</c>.</summary>
    CaseAware,

    /// <summary><c>[^\r\n\p{L}\p{N}]?\p{L}+</c></summary>
    AnyPrefix,

    /// <summary><c> ?\p{L}+</c></summary>
    SpacePrefix,
}

/// <summary>What may follow a run of punctuation in the same piece.</summary>
internal enum PunctuationTail
{
    None,
    NewLines,
    NewLinesAndSlashes,
}

/// <summary>
/// The family of split patterns that tokenizers of large language models were published with, by its five choices. Every member ends in
/// <c>\s+(?!\S)|\s+</c>. They are facts of the vocabularies and chosen by the exact text of the pattern.
/// </summary>
/// <param name="Contractions">The first alternative, or the end of a word.</param>
/// <param name="Words">The alternative for words.</param>
/// <param name="DigitsPerPiece">1, 3 or unlimited; unlimited takes a leading space (<c> ?\p{N}+</c>).</param>
/// <param name="Tail">What follows punctuation.</param>
/// <param name="NewLineRuns">Whether <c>\s*[\r\n]+</c> comes before the alternatives for spaces.</param>
internal sealed record PublishedPattern(Contractions Contractions, Words Words, int DigitsPerPiece, PunctuationTail Tail, bool NewLineRuns)
{
    public const int Unlimited = int.MaxValue;

    /// <summary>Pattern of the Tekken vocabulary (Mistral Nemo to Ministral 3).</summary>
    public const string TekkenText =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
        + @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Pattern of Llama 3.</summary>
    public const string Llama3Text =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Pattern of GPT-4o, used by Llama 4.</summary>
    public const string Gpt4oText =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        + @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Pattern of GPT-2, built into the ByteLevel pre-tokenizer.</summary>
    public const string Gpt2Text = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    public static readonly PublishedPattern Tekken = new(Contractions.None, Words.CaseAware, 1, PunctuationTail.NewLinesAndSlashes, true);
    public static readonly PublishedPattern Llama3 = new(Contractions.AnyCase, Words.AnyPrefix, 3, PunctuationTail.NewLines, true);
    public static readonly PublishedPattern Gpt4o = Tekken with { Contractions = Contractions.AfterWords, DigitsPerPiece = 3 };
    public static readonly PublishedPattern Gpt2 = new(Contractions.LowerCase, Words.SpacePrefix, Unlimited, PunctuationTail.None, false);

    private static readonly Dictionary<string, PublishedPattern> ByText = new(StringComparer.Ordinal)
    {
        [TekkenText] = Tekken,
        [Llama3Text] = Llama3,
        [Gpt4oText] = Gpt4o,
        [Gpt2Text] = Gpt2,

        // Qwen 2: Llama 3 with single digits.
        [@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"] =
            Llama3 with { DigitsPerPiece = 1 },

        // Tekken with groups of three digits.
        [TekkenText.Replace(@"|\p{N}|", @"|\p{N}{1,3}|", StringComparison.Ordinal)] = Tekken with { DigitsPerPiece = 3 },
    };

    /// <summary>The pattern with exactly this text, or null when it is none of the published ones.</summary>
    public static PublishedPattern? Find(string text) => ByText.GetValueOrDefault(text);
}
