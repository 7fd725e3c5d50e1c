using System.Buffers;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Sirocco.Training;

/// <summary>
/// The literals of Python that a recipe can hold: numbers (<c>1_000</c>, <c>0x1f</c>, <c>1e-6</c>), strings with their escapes, <c>None</c>, <c>True</c>,
/// <c>False</c>, and tuples, lists and dictionaries of them. Anything else (sets, bytes, complex numbers, characters by name) is no literal here, and the text
/// stays text. Whole numbers are <see cref="long"/> or <see cref="BigInteger"/>, tuples and lists <see cref="List{T}"/>, dictionaries lists of pairs.
/// </summary>
internal ref struct PythonLiteral
{
    private const int DepthLimit = 64;
    private static readonly SearchValues<char> FloatCharacters = SearchValues.Create("0123456789.eE+-");

    private readonly string text;
    private int at;
    private int depth;

    private PythonLiteral(string text)
    {
        this.text = text;
        at = text.Length - text.AsSpan().TrimStart(" \t").Length;
    }

    /// <summary>Reads a literal that is the whole of a text; comments and blank lines around it do not count.</summary>
    public static bool TryParse(string text, out object? value)
    {
        value = null;
        PythonLiteral reader = new(text);
        reader.Skip(true);
        if (!reader.Items('\0', out List<object?> items, out bool isTuple)) return false;
        reader.Skip(true);
        if (reader.at < text.Length || items.Count == 0) return false;
        value = isTuple ? items : items[0];
        return true;
    }

    /// <summary>Expressions between commas up to a closing bracket, which is left in place, or outside brackets up to the end of the line.</summary>
    private bool Items(char close, out List<object?> items, out bool isTuple)
    {
        items = [];
        isTuple = false;
        bool bracketed = close != '\0';
        while (true)
        {
            Skip(bracketed);
            if (Ends(close)) return items.Count == 0 || isTuple;
            if (!Value(bracketed, out object? item)) return false;
            items.Add(item);
            Skip(bracketed);
            if (at >= text.Length || text[at] != ',') return Ends(close);
            at++;
            isTuple = true;
        }
    }

    private readonly bool Ends(char close) => close == '\0' ? at >= text.Length || text[at] is '\n' or '\r' or '#' : at < text.Length && text[at] == close;

    private bool Value(bool bracketed, out object? value)
    {
        value = null;
        if (at >= text.Length || depth > DepthLimit) return false;
        char c = text[at];
        if (c is '[' or '(' or '{')
        {
            depth++;
            at++;
            bool read = c == '{' ? Dictionary(out value) : Sequence(c == '[' ? ']' : ')', out value);
            depth--;
            return read;
        }

        if (c is '-' or '+')
        {
            at++;
            Skip(bracketed);
            return Number(out value) && (c == '+' || Negate(ref value));
        }

        if (char.IsAsciiDigit(c) || c == '.') return Number(out value);
        if (c is '\'' or '"' || IsStringPrefix()) return Strings(bracketed, out value);
        return Name(out value);
    }

    private bool Sequence(char close, out object? value)
    {
        value = null;
        if (!Items(close, out List<object?> items, out bool isTuple)) return false;
        at++;
        value = close == ']' || isTuple || items.Count == 0 ? items : items[0];
        return true;
    }

    private bool Dictionary(out object? value)
    {
        List<KeyValuePair<object?, object?>> pairs = [];
        value = pairs;
        while (true)
        {
            Skip(true);
            if (at < text.Length && text[at] == '}') break;
            if (!Value(true, out object? key) || key is System.Collections.ICollection) return false;
            Skip(true);
            if (at >= text.Length || text[at++] != ':') return false;
            Skip(true);
            if (!Value(true, out object? item)) return false;
            pairs.RemoveAll(pair => Equals(pair.Key, key));
            pairs.Add(new(key, item));
            Skip(true);
            if (at >= text.Length || text[at] is not (',' or '}')) return false;
            if (text[at] == ',') at++;
        }

        at++;
        return true;
    }

    private bool Name(out object? value)
    {
        value = null;
        int start = at;
        while (at < text.Length && (char.IsLetterOrDigit(text[at]) || text[at] == '_')) at++;
        switch (text.AsSpan(start, at - start))
        {
            case "None":
                return true;
            case "True":
                value = true;
                return true;
            case "False":
                value = false;
                return true;
            default:
                return false;
        }
    }

    private bool Number(out object? value)
    {
        int start = at;
        while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] is '.' or '_'
            || (text[at] is '+' or '-' && text[at - 1] is 'e' or 'E' && !IsHexadecimal(start)))) at++;
        ReadOnlySpan<char> digits = text.AsSpan(start, at - start);
        value = null;
        if (!UnderscoresStandBetweenDigits(digits)) return false;
        string plain = digits.ToString().Replace("_", "", StringComparison.Ordinal);
        BigInteger? whole = plain switch
        {
            ['0', 'x' or 'X', ..] => YamlScalar.InBase(plain.AsSpan(2), 16),
            ['0', 'o' or 'O', ..] => YamlScalar.InBase(plain.AsSpan(2), 8),
            ['0', 'b' or 'B', ..] => YamlScalar.InBase(plain.AsSpan(2), 2),
            ['0', _, ..] when plain.AsSpan().ContainsAnyExcept('0') => null,
            _ => YamlScalar.InBase(plain, 10),
        };
        if (whole is not null)
        {
            value = YamlScalar.Narrow(whole.Value);
            return true;
        }

        bool isFloat = plain.Length > 0 && plain.AsSpan().ContainsAny('.', 'e', 'E') && plain.AsSpan().ContainsAnyInRange('0', '9')
            && plain.AsSpan().IndexOfAnyExcept(FloatCharacters) < 0;
        if (!isFloat || !double.TryParse(plain, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double number))
            return false;
        value = number;
        return true;
    }

    private readonly bool IsHexadecimal(int start) => start + 1 < text.Length && text[start] == '0' && text[start + 1] is 'x' or 'X';

    private static bool UnderscoresStandBetweenDigits(ReadOnlySpan<char> digits)
    {
        for (int i = 0; i < digits.Length; i++)
        {
            if (digits[i] != '_') continue;
            // "0x_f" is right, "1__0", "_1", "1_" and "1_.0" are not.
            bool before = i > 0 && (char.IsAsciiHexDigit(digits[i - 1]) || (i == 2 && digits[0] == '0' && digits[1] is 'x' or 'X' or 'o' or 'O' or 'b' or 'B'));
            bool after = i + 1 < digits.Length && char.IsAsciiHexDigit(digits[i + 1]);
            if (!before || !after) return false;
        }

        return true;
    }

    private static bool Negate(ref object? value)
    {
        value = value switch
        {
            long number => YamlScalar.Narrow(-(BigInteger)number),
            BigInteger number => YamlScalar.Narrow(-number),
            double number => -number,
            _ => value,
        };
        return true;
    }

    private readonly bool IsStringPrefix() => text[at] is 'r' or 'R' or 'u' or 'U' && at + 1 < text.Length && text[at + 1] is '\'' or '"';

    /// <summary>One string or several beside each other, which Python joins.</summary>
    private bool Strings(bool bracketed, out object? value)
    {
        StringBuilder joined = new();
        do
        {
            bool raw = text[at] is 'r' or 'R';
            if (text[at] is not ('\'' or '"')) at++;
            if (!QuotedString(raw, joined))
            {
                value = null;
                return false;
            }

            Skip(bracketed);
        }
        while (at < text.Length && (text[at] is '\'' or '"' || IsStringPrefix()));
        value = joined.ToString();
        return true;
    }

    private bool QuotedString(bool raw, StringBuilder result)
    {
        char quote = text[at];
        bool triple = text.AsSpan(at).StartsWith([quote, quote, quote]);
        int width = triple ? 3 : 1;
        at += width;
        while (at < text.Length)
        {
            char c = text[at];
            if (c == quote && (!triple || text.AsSpan(at).StartsWith([quote, quote, quote])))
            {
                at += width;
                return true;
            }

            if (c == '\n' && !triple) return false;
            if (c == '\\' && at + 1 < text.Length)
            {
                if (raw) result.Append(c).Append(text[at + 1]);
                at += 2;
                if (!raw && !Escape(text[at - 1], result)) return false;
            }
            else
            {
                result.Append(c);
                at++;
            }
        }

        return false;
    }

    private bool Escape(char c, StringBuilder result)
    {
        switch (c)
        {
            case '\n':
                return true;
            case 'x':
                return CodePoint(2, result);
            case 'u':
                return CodePoint(4, result);
            case 'U':
                return CodePoint(8, result);
            case 'N':
                return false; // names of characters
            case >= '0' and <= '7':
                int value = c - '0';
                for (int i = 0; i < 2 && at < text.Length && text[at] is >= '0' and <= '7'; i++) value = (value * 8) + text[at++] - '0';
                result.Append((char)value);
                return true;
        }

        const string Letters = "\\'\"abfnrtv", Meanings = "\\'\"\a\b\f\n\r\t\v";
        int known = Letters.IndexOf(c, StringComparison.Ordinal);
        if (known >= 0) result.Append(Meanings[known]);
        else result.Append('\\').Append(c);
        return true;
    }

    private bool CodePoint(int digits, StringBuilder result)
    {
        if (at + digits > text.Length || !int.TryParse(text.AsSpan(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code)
            || !Rune.IsValid(code)) return false;
        at += digits;
        result.Append(char.ConvertFromUtf32(code));
        return true;
    }

    /// <summary>Blanks, and between brackets also line ends and comments.</summary>
    private void Skip(bool bracketed)
    {
        while (at < text.Length)
        {
            if (text[at] is ' ' or '\t' or '\f' || (bracketed && text[at] is '\n' or '\r')) at++;
            else if (text[at] == '\\' && at + 2 < text.Length && text[at + 1] == '\n') at += 2; // the line goes on
            else if (bracketed && text[at] == '#') SkipComment();
            else return;
        }
    }

    private void SkipComment()
    {
        while (at < text.Length && text[at] != '\n') at++;
    }
}
