using System.Text;

namespace Sirocco.Training;

/// <summary>How a text may be written in block YAML, and writing it so, by the rules of PyYAML's emitter.</summary>
/// <param name="AllowsPlain">without quotes</param>
/// <param name="AllowsSingleQuotes">in single quotes, which have no escapes</param>
/// <param name="HasLineEnds">holds line ends</param>
internal readonly record struct YamlText(bool AllowsPlain, bool AllowsSingleQuotes, bool HasLineEnds)
{
    private const string LineEnds = "\n\u0085\u2028\u2029";
    private const string Blanks = "\0 \t\r\n\u0085\u2028\u2029";

    public static YamlText Analyse(string text)
    {
        if (text.Length == 0) return new YamlText(true, true, false);
        bool lineEnds = text.AsSpan().ContainsAny(LineEnds);
        bool special = text.Any(c => c is not ('\n' or (>= ' ' and <= '~')));
        bool outerBlanks = IsSpaceOrEnd(text[0]) || IsSpaceOrEnd(text[^1]);
        bool spaceBeforeEnd = false, spaceAfterEnd = false;
        for (int i = 1; i < text.Length; i++)
        {
            spaceBeforeEnd |= text[i - 1] == ' ' && IsLineEnd(text[i]);
            spaceAfterEnd |= IsLineEnd(text[i - 1]) && text[i] == ' ';
        }

        return new YamlText(
            AllowsPlain: !(lineEnds || special || outerBlanks || HasIndicators(text)),
            AllowsSingleQuotes: !(special || spaceBeforeEnd || spaceAfterEnd),
            HasLineEnds: lineEnds);
    }

    /// <summary>
    /// Without quotes, or between those that the caller writes; single blanks become line ends where the line is longer than <paramref name="width"/>.
    /// </summary>
    public static void WriteWords(string text, int indent, int column, int width, StringBuilder output)
    {
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (IsLineEnd(c))
            {
                // A single line end is written as an empty line, which folding turns back into one.
                if (i == 0 || !IsLineEnd(text[i - 1])) output.Append('\n');
                output.Append(c);
                if (i + 1 < text.Length && IsLineEnd(text[i + 1])) continue;
                output.Append(' ', indent);
                column = indent;
            }
            else if (c == ' ' && column > width && i > 0 && i + 1 < text.Length && text[i - 1] != ' ' && text[i + 1] != ' ')
            {
                output.Append('\n').Append(' ', indent);
                column = indent;
            }
            else
            {
                output.Append(c);
                column++;
            }
        }
    }

    public static void WriteSingleQuoted(string text, int indent, int column, int width, StringBuilder output)
    {
        output.Append('\'');
        WriteWords(text.Replace("'", "''", StringComparison.Ordinal), indent, column + 1, width, output);
        output.Append('\'');
    }

    /// <summary>Escapes everything beyond printable ASCII. Lines longer than <paramref name="width"/> are broken at a blank or after an escape.</summary>
    public static void WriteDoubleQuoted(string text, int indent, int column, int width, StringBuilder output)
    {
        output.Append('"');
        column++;
        int last = text.Length - (text.Length > 1 && char.IsLowSurrogate(text[^1]) ? 2 : 1);
        int pending = 0; // printable characters since the last escape or break
        bool afterEscape = false;
        for (int i = 0; i < text.Length; i++)
        {
            bool inside = i > 0 && i < last;
            if (Escape(text, i) is { } escape)
            {
                output.Append(escape);
                column += pending + escape.Length;
                pending = 0;
                if (escape[1] == 'U') i++;
                if (inside && column - 1 > width) Fold(text[i + 1]);
                afterEscape = true;
                continue;
            }

            if (inside && (text[i] == ' ' || afterEscape) && column + pending > width) Fold(text[i]);
            output.Append(text[i]);
            pending++;
            afterEscape = false;
        }

        void Fold(char next)
        {
            output.Append("\\\n").Append(' ', indent);
            column = indent;
            pending = 0;
            if (next != ' ') return;
            output.Append('\\'); // a blank at the start of a line would be lost
            column++;
        }

        output.Append('"');
    }

    private static string? Escape(string text, int i)
    {
        char c = text[i];
        const string Letters = "0abtnvfre\"\\N_LP", Meanings = "\0\a\b\t\n\v\f\r\u001b\"\\\u0085\u00a0\u2028\u2029";
        int known = Meanings.IndexOf(c, StringComparison.Ordinal);
        if (known >= 0) return "\\" + Letters[known];
        if (c is >= ' ' and <= '~') return null;
        if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])) return $"\\U{char.ConvertToUtf32(c, text[i + 1]):X8}";
        return c <= 0xFF ? $"\\x{(int)c:X2}" : $"\\u{(int)c:X4}";
    }

    private static bool HasIndicators(string text)
    {
        if (text.StartsWith("---", StringComparison.Ordinal) || text.StartsWith("...", StringComparison.Ordinal)) return true;
        if ("#,[]{}&*!|>'\"%@`".Contains(text[0], StringComparison.Ordinal)) return true;
        if (text[0] is '?' or '-' && BlankFollows(text, 0)) return true;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == ':' && BlankFollows(text, i)) return true;
            if (text[i] == '#' && i > 0 && Blanks.Contains(text[i - 1], StringComparison.Ordinal)) return true;
        }

        return false;
    }

    private static bool BlankFollows(string text, int i) => i + 1 >= text.Length || Blanks.Contains(text[i + 1], StringComparison.Ordinal);

    private static bool IsLineEnd(char c) => LineEnds.Contains(c, StringComparison.Ordinal);

    private static bool IsSpaceOrEnd(char c) => c == ' ' || IsLineEnd(c);
}
