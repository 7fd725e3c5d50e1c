using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Sirocco.Text.Splitting;

/// <summary>
/// Rewrites a regular expression of a tokenizer file, which is in Oniguruma's syntax (Oniguruma, doc/RE), for .NET's engine. Different there: <c>^</c> and
/// <c>$</c> are ends of lines, quantifiers may be possessive or follow one another, brackets nest and intersect, <c>\w</c> is alphabetic, mark, digit or
/// connector, <c>\h</c> a hexadecimal digit, the option m lets a dot match line ends, and the option i takes ſ (U+017F) for s. Of other letters that fold
/// together only .NET's are, and none folds to two.
/// </summary>
internal sealed class OnigurumaPattern
{
    /// <summary>A longer or deeper pattern is none of a tokenizer.</summary>
    private const int Longest = 1 << 16, DeepestNesting = 200;

    /// <summary>Alphabetic (circled letters are), mark, digit, connector.</summary>
    private const string WordInBrackets = @"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u24B6-\u24E9";

    /// <summary>Outside brackets Oniguruma finds the superscripts and fractions of Latin-1 in <c>\w</c> too.</summary>
    private const string Word = WordInBrackets + "²³¹¼½¾";

    private const string Hexadecimal = "0-9A-Fa-f";
    private const string AnyCharacter = @"[\s\S]";

    /// <summary>POSIX brackets; those for letters are left out, because .NET cannot name all alphabetic characters.</summary>
    private static readonly Dictionary<string, string> Brackets = new(StringComparer.Ordinal)
    {
        ["blank"] = @"\p{Zs}\t",
        ["cntrl"] = @"\p{Cc}",
        ["digit"] = @"\p{Nd}",
        ["punct"] = @"\p{P}\p{S}",
        ["space"] = @"\s",
        ["word"] = WordInBrackets,
        ["xdigit"] = Hexadecimal,
        ["ascii"] = @"\x00-\x7F",
    };

    private static readonly Dictionary<string, string> Properties = new(StringComparer.Ordinal)
    {
        ["letter"] = @"\p{L}",
        ["uppercaseletter"] = @"\p{Lu}",
        ["lowercaseletter"] = @"\p{Ll}",
        ["titlecaseletter"] = @"\p{Lt}",
        ["modifierletter"] = @"\p{Lm}",
        ["otherletter"] = @"\p{Lo}",
        ["mark"] = @"\p{M}",
        ["combiningmark"] = @"\p{M}",
        ["number"] = @"\p{N}",
        ["decimalnumber"] = @"\p{Nd}",
        ["punctuation"] = @"\p{P}",
        ["symbol"] = @"\p{S}",
        ["separator"] = @"\p{Z}",
        ["punct"] = @"\p{P}",
    };

    private readonly string source;
    private readonly StringBuilder result = new();
    private readonly Stack<(int Start, bool IgnoresCase)> groups = new();
    private int at;
    private bool ignoresCase;

    private OnigurumaPattern(string source) => this.source = source;

    /// <summary>The same expression in .NET's syntax.</summary>
    /// <exception cref="ArgumentException">It is not well formed or names something that .NET does not have.</exception>
    public static string ToDotNet(string pattern) =>
        pattern.Length <= Longest ? new OnigurumaPattern(pattern).Rewrite() : throw new ArgumentException($"{pattern.Length} characters are too many");

    private string Rewrite()
    {
        int atom = -1; // where the last atom starts in the result; -1: nothing that could be repeated
        while (at < source.Length)
        {
            int start = result.Length;
            char here = source[at];
            if (here == ')' && groups.Count > 0)
            {
                (atom, ignoresCase) = groups.Pop();
                at++;
                result.Append(')');
                continue;
            }
            if (here == '(')
            {
                groups.Push((start, ignoresCase));
                if (groups.Count > DeepestNesting) throw new ArgumentException($"groups nest deeper than {DeepestNesting}");
                Group();
                atom = -1;
                continue;
            }
            if (atom >= 0 && Quantifier() is { } quantifier)
            {
                Repeat(atom, quantifier);
                continue;
            }
            atom = start;
            switch (here)
            {
                case '|':
                    at++;
                    result.Append('|');
                    atom = -1;
                    break;
                case '^':
                    at++;
                    result.Append(@"(?:\A|(?<=\n)(?!\z))");
                    break;
                case '$':
                    at++;
                    result.Append(@"(?=\n|\z)");
                    break;
                case '[':
                    at++;
                    string set = Class(0);
                    result.Append(ignoresCase ? WithLongS(set) : set);
                    break;
                case '\\':
                    result.Append(Escape(inClass: false));
                    break;
                case '{':
                    at++;
                    result.Append(@"\{");
                    break;
                case 's' or 'S' or 'ſ' when ignoresCase:
                    at++;
                    result.Append("[sſ]");
                    break;
                default:
                    at++;
                    result.Append(here);
                    break;
            }
        }
        return result.ToString();
    }

    /// <summary>The opening of a group; of its options, Oniguruma's m is .NET's s.</summary>
    private void Group()
    {
        result.Append('(');
        at++;
        if (at >= source.Length || source[at] != '?') return;
        int end = at + 1;
        while (end < source.Length && source[end] is '-' or (>= 'a' and <= 'z')) end++;
        if (end < source.Length && source[end] is ':' or ')' && end > at + 1)
        {
            string options = source[at..end];
            int off = options.IndexOf('-', StringComparison.Ordinal), i = options.LastIndexOf('i');
            if (i >= 0) ignoresCase = off < 0 || i < off;
            if (source[end] == ')') groups.Push(groups.Pop() with { IgnoresCase = ignoresCase }); // options alone hold for the rest of the group around them
            result.Append(options.Replace('m', 's'));
            at = end;
        }
        if (source[at..].StartsWith("?#", StringComparison.Ordinal))
        {
            int close = source.IndexOf(')', at);
            if (close < 0) throw new ArgumentException("a comment is not closed");
            result.Append("?:");
            at = close;
        }
    }

    /// <summary>A quantifier, with its suffix ? or +, or null.</summary>
    private (string Text, char Suffix)? Quantifier()
    {
        string text;
        bool interval = source[at] == '{';
        if (source[at] is '*' or '+' or '?')
        {
            text = source[at++].ToString();
        }
        else
        {
            int end = interval ? source.IndexOf('}', at) : -1;
            if (end < 0) return null;
            string[] bounds = source[(at + 1)..end].Split(',');
            if (bounds.Length > 2 || bounds.All(bound => bound.Length == 0) || bounds.Any(bound => bound.Any(c => !char.IsAsciiDigit(c)))) return null;
            if (bounds[0].Length == 0) bounds[0] = "0";
            text = "{" + string.Join(',', bounds) + "}";
            at = end + 1;
        }
        char suffix = at < source.Length ? source[at] : '\0';
        bool taken = suffix == '?' || (suffix == '+' && !interval); // an interval has no possessive form: its + repeats the whole
        if (taken) at++;
        return (text, taken ? suffix : '\0');
    }

    private void Repeat(int atom, (string Text, char Suffix) quantifier)
    {
        result.Append(quantifier.Text);
        if (quantifier.Suffix == '?') result.Append('?');

        // Closed at once, so that a further quantifier repeats all of it.
        result.Insert(atom, quantifier.Suffix == '+' ? "(?>" : "(?:").Append(')');
    }

    /// <summary>A class in brackets, after its opening one, as one .NET class or a group that matches one character.</summary>
    private string Class(int depth)
    {
        if (depth > DeepestNesting) throw new ArgumentException($"brackets nest deeper than {DeepestNesting}");
        bool negated = Take("^");
        StringBuilder items = new();
        List<string> others = [], intersected = [];
        bool afterSet = false; // whether a class such as \w came last, which begins no range
        for (bool first = true; ; first = false)
        {
            if (at >= source.Length) throw new ArgumentException("a class in brackets is not closed");
            if (source[at] == ']' && !first)
            {
                at++;
                break;
            }
            if (Take("&&"))
            {
                intersected.Add(Union(items, others));
                items.Clear();
                others.Clear();
                afterSet = false;
                continue;
            }
            bool isSet = SetAhead(at);
            if (source[at] == '[')
            {
                if (!Bracket(items, others))
                {
                    at++;
                    others.Add(Class(depth + 1));
                }
            }
            else if (source[at] == '\\')
            {
                string escape = Escape(inClass: true);
                if (escape.StartsWith('[')) others.Add(escape);
                else items.Append(escape);
            }
            else
            {
                bool literal = source[at] == ']' || (source[at] == '-' && (afterSet || SetAhead(at + 1)));
                items.Append(literal ? "\\" : "").Append(source[at]);
                at++;
            }
            afterSet = isSet;
        }
        if (others.Count == 0 && intersected.Count == 0 && items.Length > 0) return $"[{(negated ? "^" : items[0] == '^' ? @"\" : "")}{items}]";
        string set = Union(items, others);
        foreach (string part in intersected) set = $"(?:(?={part}){set})";
        return negated ? $"(?:(?!{set}){AnyCharacter})" : set;
    }

    /// <summary>A class under the option i with ſ where it has s, and without where it has not.</summary>
    private static string WithLongS(string set) =>
        Regex.IsMatch("s", set, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant) ? $"(?:{set}|ſ)" : $"(?:(?!ſ){set})";

    /// <summary>Whether what follows stands for several characters and so ends no range.</summary>
    private bool SetAhead(int index) =>
        index < source.Length && (source[index] is '[' or ']'
            || (source[index] == '\\' && index + 1 < source.Length && "wWdDsShHpP".Contains(source[index + 1], StringComparison.Ordinal)));

    private static string Union(StringBuilder items, List<string> others)
    {
        if (items.Length > 0) others = [$"[{(items[0] == '^' ? @"\" : "")}{items}]", .. others];
        return others.Count switch
        {
            0 => throw new ArgumentException("a class in brackets is empty"),
            1 => others[0],
            _ => $"(?:{string.Join('|', others)})",
        };
    }

    /// <summary>A POSIX bracket such as <c>[:alpha:]</c>.</summary>
    private bool Bracket(StringBuilder items, List<string> others)
    {
        if (!source[at..].StartsWith("[:", StringComparison.Ordinal)) return false;
        int end = source.IndexOf(":]", at, StringComparison.Ordinal);
        if (end < 0) return false;
        string name = source[(at + 2)..end];
        bool negated = name.StartsWith('^');
        if (name.Any(c => !char.IsAsciiLetter(c) && c != '^')) return false;
        if (!Brackets.TryGetValue(negated ? name[1..] : name, out string? members)) throw new ArgumentException($"[:{name}:] is not supported");
        at = end + 2;
        if (negated) others.Add($"[^{members}]");
        else items.Append(members);
        return true;
    }

    /// <summary>An escape; inside brackets what is no list of members comes as a class of its own.</summary>
    private string Escape(bool inClass)
    {
        if (at + 1 >= source.Length) throw new ArgumentException("ends in a backslash");
        char kind = source[at + 1];
        at += 2;
        switch (kind)
        {
            case 'w':
                return inClass ? WordInBrackets : $"[{Word}]";
            case 'W':
                return inClass ? $"[^{WordInBrackets}]" : $"[^{Word}]";
            case 'h':
                return inClass ? Hexadecimal : $"[{Hexadecimal}]";
            case 'H':
                return $"[^{Hexadecimal}]";
            case 'b' when !inClass:
                return $"(?:(?<=[{Word}])(?![{Word}])|(?<![{Word}])(?=[{Word}]))";
            case 'B' when !inClass:
                return $"(?:(?<=[{Word}])(?=[{Word}])|(?<![{Word}])(?![{Word}]))";
            case 'Z' when !inClass:
                return @"(?=\n?\z)";
            case 'x' when at < source.Length && source[at] == '{':
                return CodePoint();
            case 'p' or 'P' when at < source.Length && source[at] == '{':
                return Property(kind == 'P');
            default:
                return $@"\{kind}";
        }
    }

    private string CodePoint()
    {
        int end = source.IndexOf('}', at);
        if (end < 0 || !int.TryParse(source.AsSpan(at + 1, end - at - 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
            || value > 0xFFFF)
        {
            throw new ArgumentException(@"\x{...} must hold a code point up to FFFF");
        }
        at = end + 1;
        return string.Create(CultureInfo.InvariantCulture, $@"\u{value:X4}");
    }

    private string Property(bool negated)
    {
        int end = source.IndexOf('}', at);
        if (end < 0) throw new ArgumentException(@"\p{ is not closed");
        string name = source[(at + 1)..end];
        at = end + 1;
        if (name.StartsWith('^')) (negated, name) = (!negated, name[1..]);
        string plain = name.Replace("_", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant();
        string found = Properties.GetValueOrDefault(plain, $@"\p{{{name}}}");
        return negated ? $@"\P{found[2..]}" : found;
    }

    private bool Take(string text)
    {
        if (string.CompareOrdinal(source, at, text, 0, text.Length) != 0) return false;
        at += text.Length;
        return true;
    }
}
