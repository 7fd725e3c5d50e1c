using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Sirocco.Text.Pipeline;
using Sirocco.Text.Unicode;
using Utf8 = System.Text.Encoding;

namespace Sirocco.Text.Splitting;

/// <summary>Something that matches parts of a text, from left to right and without overlap.</summary>
internal abstract class TextPattern
{
    /// <summary>Byte ranges of the matches, in order; some patterns match the empty text.</summary>
    public abstract List<(int Start, int End)> Matches(ReadOnlySpan<byte> text);

    /// <summary>A literal string.</summary>
    public static TextPattern Literal(string text) => new LiteralPattern(Utf8.UTF8.GetBytes(text));

    /// <summary>A regular expression: a published one as hand-written matcher, any other on .NET's engine.</summary>
    /// <exception cref="ArgumentException">.NET cannot express it.</exception>
    public static TextPattern Expression(string text) =>
        PublishedPattern.Find(text) is { } known ? new SplitterPattern(new PatternSplitter(known)) : new RegexPattern(text);

    /// <summary>Every single character that satisfies a condition.</summary>
    public static TextPattern Character(Func<int, bool> condition) => new CharacterPattern(condition);

    /// <summary>Every longest run of characters that satisfy one of several conditions.</summary>
    public static TextPattern Runs(params Func<int, bool>[] conditions) => new RunPattern(conditions);

    /// <summary>The splitter, where this pattern's matches cover every text.</summary>
    public virtual TextSplitter? AsSplitter => null;

    private sealed class LiteralPattern(byte[] wanted) : TextPattern
    {
        public override List<(int Start, int End)> Matches(ReadOnlySpan<byte> text)
        {
            List<(int, int)> matches = [];
            if (wanted.Length == 0)
            {
                // The empty string stands between all characters.
                for (int at = 0; at < text.Length; at += Utf8Text.SequenceLength(text[at])) matches.Add((at, at));
                if (text.Length > 0) matches.Add((text.Length, text.Length));
                return matches;
            }
            for (int at = 0; at < text.Length;)
            {
                int found = text[at..].IndexOf(wanted);
                if (found < 0) break;
                at += found;
                matches.Add((at, at + wanted.Length));
                at += wanted.Length;
            }
            return matches;
        }
    }

    private sealed class SplitterPattern(TextSplitter splitter) : TextPattern
    {
        public override TextSplitter AsSplitter => splitter;

        public override List<(int Start, int End)> Matches(ReadOnlySpan<byte> text)
        {
            List<(int, int)> matches = [];
            for (int at = 0; at < text.Length;)
            {
                int end = splitter.Next(text, at);
                matches.Add((at, end));
                at = end;
            }
            return matches;
        }
    }

    private sealed class CharacterPattern(Func<int, bool> condition) : TextPattern
    {
        public override List<(int Start, int End)> Matches(ReadOnlySpan<byte> text)
        {
            List<(int, int)> matches = [];
            for (int at = 0, size; at < text.Length; at += size)
            {
                if (condition(Utf8Text.Decode(text, at, out size))) matches.Add((at, at + size));
            }
            return matches;
        }
    }

    private sealed class RunPattern(Func<int, bool>[] conditions) : TextPattern
    {
        public override List<(int Start, int End)> Matches(ReadOnlySpan<byte> text)
        {
            List<(int, int)> matches = [];
            int start = 0, current = -1;
            for (int at = 0, size; at <= text.Length; at += size)
            {
                size = 1;
                int kind = -1;
                if (at < text.Length)
                {
                    int codePoint = Utf8Text.Decode(text, at, out size);
                    for (int i = 0; i < conditions.Length && kind < 0; i++) kind = conditions[i](codePoint) ? i : -1;
                }
                if (kind == current && at < text.Length) continue;
                if (current >= 0) matches.Add((start, at));
                (start, current) = (at, kind);
            }
            return matches;
        }
    }

    /// <summary>
    /// Any other regular expression, on UTF-16. .NET's classes see a surrogate pair as two characters of category Cs, so where a text has any, each pair is
    /// replaced by one character of the same category before matching (the pattern must then not name such characters itself).
    /// </summary>
    private sealed class RegexPattern : TextPattern
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

        private readonly Regex regex;

        public RegexPattern(string source)
        {
            // Not NonBacktracking: of .NET 10.0 that engine passes over matches (the y of "mm -yYf-" for \s?[a-z]+), and look-around it does not have.
            regex = new Regex(OnigurumaPattern.ToDotNet(source), RegexOptions.CultureInvariant, Patience);
        }

        public override List<(int Start, int End)> Matches(ReadOnlySpan<byte> text)
        {
            string plain = Utf8.UTF8.GetString(text);
            string subject = plain.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') >= 0 ? WithoutSurrogates(text) : plain;
            List<(int, int)> matches = [];
            if (text.IsEmpty) return matches;
            int character = 0, at = 0, last = -1;
            try
            {
                foreach (ValueMatch match in regex.EnumerateMatches(subject))
                {
                    // An empty match cuts too, but not right behind another match.
                    if (match.Length == 0 && match.Index == last) continue;
                    last = match.Index + match.Length;
                    int start = Advance(text, subject, match.Index);
                    matches.Add((start, Advance(text, subject, last)));
                }
            }
            catch (RegexMatchTimeoutException)
            {
                throw new InvalidDataException($"the tokenizer's pattern '{regex}' needs more than {Patience.TotalSeconds} s for this text");
            }
            return matches;

            int Advance(ReadOnlySpan<byte> text, string subject, int target)
            {
                for (; character < target; character++)
                {
                    if (char.IsLowSurrogate(subject[character])) continue;
                    at += Utf8Text.SequenceLength(text[at]);
                }
                return at;
            }
        }

        private static string WithoutSurrogates(ReadOnlySpan<byte> text)
        {
            StringBuilder subject = new(text.Length);
            for (int at = 0, size; at < text.Length; at += size)
            {
                int codePoint = Utf8Text.Decode(text, at, out size);
                subject.Append(codePoint < 0x10000 ? (char)codePoint : PatternPreTokenizer.IsCircled(codePoint) ? 'Ⓐ'
                    : Representative(Rune.GetUnicodeCategory(new Rune(codePoint))));
            }
            return subject.ToString();
        }

        private static char Representative(UnicodeCategory category) => category switch
        {
            UnicodeCategory.UppercaseLetter => 'Ѡ',
            UnicodeCategory.LowercaseLetter => 'ѡ',
            UnicodeCategory.TitlecaseLetter => 'ǅ',
            UnicodeCategory.ModifierLetter => 'ʰ',
            UnicodeCategory.OtherLetter => '\u4E00',
            UnicodeCategory.NonSpacingMark => '\u0301',
            UnicodeCategory.SpacingCombiningMark => '\u0903',
            UnicodeCategory.DecimalDigitNumber => '\u0661',
            UnicodeCategory.LetterNumber => 'Ⅷ',
            UnicodeCategory.OtherNumber => '①', // of those in Latin-1 Oniguruma makes word characters
            UnicodeCategory.OtherPunctuation => '†',
            UnicodeCategory.DashPunctuation => '‐',
            UnicodeCategory.MathSymbol => '∑',
            UnicodeCategory.CurrencySymbol => '¤',
            UnicodeCategory.ModifierSymbol => '˂',
            UnicodeCategory.Format => '\u200D',
            UnicodeCategory.PrivateUse => '\uE000',
            UnicodeCategory.OtherNotAssigned => '\u0378',
            _ => '☃',
        };
    }
}
