using System.Globalization;
using System.Text;
using Sirocco.Text.Splitting;
using Sirocco.Text.Unicode;

namespace Sirocco.Text.Pipeline;

/// <summary>What happens to the matches of a split pattern; the names are those of tokenizer.json.</summary>
internal enum SplitBehavior
{
    Removed,
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

/// <summary>Part of a text that is still to be tokenized.</summary>
internal readonly record struct Slice(AlignedText Text, int Start, int Length)
{
    public ReadOnlySpan<byte> Bytes => Text.Bytes.Slice(Start, Length);

    public Slice Part(int start, int length) => new(Text, Start + start, length);

    /// <summary>Its own text, for steps that change it.</summary>
    public AlignedText ToText() => Start == 0 && Length == Text.Length ? Text : Text.Slice(Start, Length);
}

/// <summary>Cuts text into the pieces inside which merges happen.</summary>
internal abstract class PreTokenizer
{
    /// <summary>The splitter that does the same, when pieces cover the text and nothing is changed.</summary>
    public virtual TextSplitter? AsSplitter => null;

    /// <summary>Appends the pieces of a slice; empty ones are left out.</summary>
    public abstract void Split(Slice slice, List<Slice> pieces);

    /// <summary>Splits a slice at the matches of a pattern.</summary>
    protected static void SplitAt(Slice slice, TextPattern pattern, SplitBehavior behavior, bool invert, List<Slice> pieces)
    {
        List<(int Start, int End, bool IsMatch)> parts = [];
        int done = 0;
        foreach ((int start, int end) in pattern.Matches(slice.Bytes))
        {
            if (done < start) parts.Add((done, start, invert));
            parts.Add((start, end, !invert));
            done = end;
        }
        if (done < slice.Length) parts.Add((done, slice.Length, invert));
        if (behavior == SplitBehavior.MergedWithNext) parts.Reverse();

        List<(int Start, int End)> kept = [];
        bool previous = false;
        foreach ((int start, int end, bool isMatch) in parts)
        {
            bool join = behavior switch
            {
                SplitBehavior.Contiguous => isMatch == previous,
                SplitBehavior.MergedWithPrevious or SplitBehavior.MergedWithNext => isMatch && !previous,
                _ => false,
            };
            previous = isMatch;
            if (behavior == SplitBehavior.Removed && isMatch) continue;
            if (join && kept.Count > 0) kept[^1] = (Math.Min(kept[^1].Start, start), Math.Max(kept[^1].End, end));
            else kept.Add((start, end));
        }
        if (behavior == SplitBehavior.MergedWithNext) kept.Reverse();
        foreach ((int start, int end) in kept)
        {
            if (start < end) pieces.Add(slice.Part(start, end - start));
        }
    }

    /// <summary>The pieces of a splitter.</summary>
    protected static void SplitBy(Slice slice, TextSplitter splitter, List<Slice> pieces)
    {
        ReadOnlySpan<byte> text = slice.Bytes;
        for (int at = 0; at < text.Length;)
        {
            int end = splitter.Next(text, at);
            pieces.Add(slice.Part(at, end - at));
            at = end;
        }
    }
}

/// <summary>Split: at a literal or a regular expression. Punctuation, Digits, WhitespaceSplit and their like are the same with a class of characters.</summary>
internal sealed class PatternPreTokenizer(TextPattern pattern, SplitBehavior behavior, bool invert) : PreTokenizer
{
    public override TextSplitter? AsSplitter => behavior == SplitBehavior.Isolated ? pattern.AsSplitter : null;

    public override void Split(Slice slice, List<Slice> pieces) => SplitAt(slice, pattern, behavior, invert, pieces);

    /// <summary>Whitespace: words and runs of what is neither word nor space (<c>\w+|[^\w\s]+</c>).</summary>
    public static PatternPreTokenizer Words() => new(TextPattern.Runs(IsWord, c => !IsWord(c) && !WhiteSpace.Is(c)), SplitBehavior.Removed, true);

    public static PatternPreTokenizer Spaces() => new(TextPattern.Character(WhiteSpace.Is), SplitBehavior.Removed, false);

    public static PatternPreTokenizer Punctuation(SplitBehavior behavior) =>
        new(TextPattern.Character(c => (CharacterClasses.Of(c) & CharacterClass.Punctuation) != 0), behavior, false);

    /// <summary><c>\w</c>: alphabetic, mark, decimal digit, connector, joiner.</summary>
    public static bool IsWord(int codePoint)
    {
        if (codePoint is 0x200C or 0x200D) return true;
        if ((CharacterClasses.Of(codePoint) & (CharacterClass.Letter | CharacterClass.WordRest)) != 0) return true;
        return Rune.GetUnicodeCategory(new Rune(codePoint)) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber
            or UnicodeCategory.ConnectorPunctuation
            || IsCircled(codePoint);
    }

    /// <summary>Circled and squared letters: symbols, but alphabetic.</summary>
    public static bool IsCircled(int codePoint) =>
        codePoint is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);
}

/// <summary>A splitter as a step between others.</summary>
internal sealed class SplitterPreTokenizer(TextSplitter splitter) : PreTokenizer
{
    public override TextSplitter AsSplitter => splitter;

    public override void Split(Slice slice, List<Slice> pieces) => SplitBy(slice, splitter, pieces);
}

/// <summary>ByteLevel's splitting half: an optional space in front, GPT-2's pattern. Spelling bytes as characters is <see cref="ByteSpelling"/>.</summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex) : PreTokenizer
{
    private static readonly PatternSplitter Gpt2 = new(PublishedPattern.Gpt2);

    public override TextSplitter? AsSplitter => addPrefixSpace ? null : useRegex ? Gpt2 : WholeText.Instance;

    public override void Split(Slice slice, List<Slice> pieces)
    {
        if (addPrefixSpace && slice.Bytes[0] != ' ')
        {
            AlignedText text = PrependNormalizer.Prepend(slice.ToText(), " "u8);
            slice = new Slice(text, 0, text.Length);
        }
        if (useRegex) SplitBy(slice, Gpt2, pieces);
        else pieces.Add(slice);
    }
}

/// <summary>One piece.</summary>
internal sealed class WholeText : TextSplitter
{
    public static readonly WholeText Instance = new();

    public override int Next(ReadOnlySpan<byte> text, int start) => text.Length;
}

/// <summary>ByteLevel's other half, for vocabularies that are not treated as bytes.</summary>
internal sealed class ByteSpelling : PreTokenizer
{
    private static readonly ByteLevelNormalizer Speller = new();

    public override void Split(Slice slice, List<Slice> pieces)
    {
        AlignedText text = Speller.Normalize(slice.ToText());
        pieces.Add(new Slice(text, 0, text.Length));
    }
}

/// <summary>Where Metaspace puts its mark in front of a text that does not start with it.</summary>
internal enum PrependScheme
{
    Always,
    First,
    Never,
}

/// <summary>Spaces become a visible mark (SentencePiece's ▁), which starts each piece.</summary>
internal sealed class MetaspacePreTokenizer(Rune replacement, PrependScheme scheme, bool split) : PreTokenizer
{
    /// <summary>Whether it looks at where text comes from.</summary>
    public bool NeedsOrigin => scheme == PrependScheme.First;

    private readonly byte[] mark = System.Text.Encoding.UTF8.GetBytes(replacement.ToString());

    public override void Split(Slice slice, List<Slice> pieces)
    {
        AlignedText text = slice.ToText();
        bool atStart = text.Original(0, 1).Start == 0;
        text = text.Replace(TextPattern.Literal(" ").Matches(text.Bytes), mark);
        if (!text.Bytes.StartsWith(mark) && (scheme == PrependScheme.Always || (scheme == PrependScheme.First && atStart)))
            text = PrependNormalizer.Prepend(text, mark);
        Slice whole = new(text, 0, text.Length);
        if (split) SplitAt(whole, TextPattern.Literal(replacement.ToString()), SplitBehavior.MergedWithNext, false, pieces);
        else pieces.Add(whole);
    }
}
