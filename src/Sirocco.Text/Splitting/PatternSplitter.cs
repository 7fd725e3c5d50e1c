using System.Runtime.CompilerServices;
using Sirocco.Text.Unicode;

namespace Sirocco.Text.Splitting;

/// <summary>
/// A published split pattern as a hand-written matcher over UTF-8. It follows a backtracking engine's choices exactly, but a piece is found in one pass
/// over it (plus one look-back), so a megabyte of one letter or of spaces costs what any other text costs.
/// </summary>
internal sealed class PatternSplitter(PublishedPattern pattern) : TextSplitter
{
    private const CharacterClass LetterNumber = CharacterClass.Letter | CharacterClass.Number;
    private const CharacterClass NoPunctuation = LetterNumber | CharacterClass.Space;

    public override int Next(ReadOnlySpan<byte> text, int start)
    {
        CharacterClass first = ClassAt(text, start, out int length);
        if (text[start] == '\'' && pattern.Contractions is Contractions.LowerCase or Contractions.AnyCase)
        {
            int contraction = ContractionLength(text[(start + 1)..], pattern.Contractions == Contractions.AnyCase);
            if (contraction > 0) return start + 1 + contraction;
        }

        int end = pattern.Words switch
        {
            Words.CaseAware => CaseAwareWord(text, start, first, length),
            Words.AnyPrefix => (first & (LetterNumber | CharacterClass.NewLine)) == 0
                ? Run(text, start + length, CharacterClass.Letter, start)
                : Run(text, start, CharacterClass.Letter, start),
            _ => text[start] == ' ' ? Run(text, start + 1, CharacterClass.Letter, start) : Run(text, start, CharacterClass.Letter, start),
        };
        if (end > start)
        {
            if (pattern.Contractions == Contractions.AfterWords && end < text.Length && text[end] == '\'')
            {
                int contraction = ContractionLength(text[(end + 1)..], anyCase: true);
                if (contraction > 0) return end + 1 + contraction;
            }
            return end;
        }

        end = Digits(text, start, first, length);
        if (end > start) return end;

        int punctuation = text[start] == ' ' ? start + 1 : start;
        end = RunWithout(text, punctuation, NoPunctuation);
        if (end > punctuation) return PunctuationEnd(text, end);

        return Spaces(text, start);
    }

    /// <summary>
    /// <c>P?U*W+|P?U+W*</c> with P neither letter, number nor line end, U <see cref="CharacterClass.WordStart"/>, W <see cref="CharacterClass.WordRest"/>.
    /// U and W overlap (marks, letters without case). With the run of U's taken whole, either a W follows and the word runs on through the W's; or the
    /// greedy U* gives characters back until the last one that is also a W; or there is none and the second alternative takes the run.
    /// </summary>
    private static int CaseAwareWord(ReadOnlySpan<byte> text, int start, CharacterClass first, int length)
    {
        bool prefix = (first & (LetterNumber | CharacterClass.NewLine)) == 0;
        int begin = prefix ? start + length : start;
        int at = begin, lastRest = -1;
        while (at < text.Length)
        {
            CharacterClass here = ClassAt(text, at, out int size);
            if ((here & CharacterClass.WordStart) == 0)
            {
                if ((here & CharacterClass.WordRest) != 0) return Run(text, at + size, CharacterClass.WordRest, at + size);
                break;
            }
            at += size;
            if ((here & CharacterClass.WordRest) != 0) lastRest = at;
        }
        if (lastRest >= 0) return lastRest;

        // The prefix may itself be a mark: without it as prefix, it is a W of its own.
        if (prefix && (first & CharacterClass.WordRest) != 0) return start + length;
        return at > begin ? at : start;
    }

    private int Digits(ReadOnlySpan<byte> text, int start, CharacterClass first, int length)
    {
        if (pattern.DigitsPerPiece == PublishedPattern.Unlimited)
        {
            return text[start] == ' ' ? Run(text, start + 1, CharacterClass.Number, start) : Run(text, start, CharacterClass.Number, start);
        }
        if ((first & CharacterClass.Number) == 0) return start;
        int end = start + length;
        for (int count = 1; count < pattern.DigitsPerPiece && end < text.Length; count++)
        {
            if ((ClassAt(text, end, out int size) & CharacterClass.Number) == 0) break;
            end += size;
        }
        return end;
    }

    private int PunctuationEnd(ReadOnlySpan<byte> text, int end)
    {
        if (pattern.Tail == PunctuationTail.None) return end;
        bool slashes = pattern.Tail == PunctuationTail.NewLinesAndSlashes;
        while (end < text.Length && (text[end] is (byte)'\r' or (byte)'\n' || (slashes && text[end] == '/'))) end++;
        return end;
    }

    /// <summary><c>\s*[\r\n]+|\s+(?!\S)|\s+</c>, or the last two alone.</summary>
    private int Spaces(ReadOnlySpan<byte> text, int start)
    {
        int end = start, last = start, lineEnd = -1;
        while (end < text.Length)
        {
            CharacterClass here = ClassAt(text, end, out int size);
            if ((here & CharacterClass.Space) == 0) break;
            last = end;
            end += size;
            if ((here & CharacterClass.NewLine) != 0) lineEnd = end;
        }
        if (pattern.NewLineRuns && lineEnd >= 0) return lineEnd;

        // The last space before a word is left to it.
        return end == text.Length || last == start ? end : last;
    }

    /// <summary>End of the run of a class from <paramref name="from"/>, or <paramref name="none"/> when the run is empty.</summary>
    private static int Run(ReadOnlySpan<byte> text, int from, CharacterClass wanted, int none)
    {
        int at = from;
        while (at < text.Length && (ClassAt(text, at, out int size) & wanted) != 0) at += size;
        return at == from ? none : at;
    }

    private static int RunWithout(ReadOnlySpan<byte> text, int from, CharacterClass unwanted)
    {
        int at = from;
        while (at < text.Length && (ClassAt(text, at, out int size) & unwanted) == 0) at += size;
        return at;
    }

    /// <summary>Length of <c>s|t|re|ve|m|ll|d</c> at the start of a text, 0 when it is none. Case folding takes U+017F (ſ) for s.</summary>
    private static int ContractionLength(ReadOnlySpan<byte> text, bool anyCase)
    {
        if (text.IsEmpty) return 0;
        int fold = anyCase ? 0x20 : 0;
        if (anyCase && text.StartsWith("ſ"u8)) return 2;
        if (text[0] >= 0x80) return 0;
        int first = text[0] | fold, second = text.Length > 1 && text[1] < 0x80 ? text[1] | fold : 0;
        return (first, second) switch
        {
            ('s' or 't' or 'm' or 'd', _) => 1,
            ('r' or 'v', 'e') or ('l', 'l') => 2,
            _ => 0,
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static CharacterClass ClassAt(ReadOnlySpan<byte> text, int index, out int length)
    {
        byte first = text[index];
        if (first < 0x80)
        {
            length = 1;
            return (CharacterClass)CharacterClasses.Ascii[first];
        }
        return CharacterClasses.Of(Utf8Text.Decode(text, index, out length));
    }
}
