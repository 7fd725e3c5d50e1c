using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace Sirocco.Training;

/// <summary>
/// The type of a plain scalar under YAML 1.1, by the expressions of its type repository as PyYAML has them: <c>yes</c> is true, <c>010</c> is 8, <c>1:30</c>
/// is 90, and a float needs a point and a signed exponent, so that <c>1e-6</c> is text. Dates stay text.
/// </summary>
internal static partial class YamlScalar
{
    private const int DigitLimit = 4300; // Python's own limit for whole numbers from text

    /// <summary>The value of a plain scalar without a tag.</summary>
    public static object? Resolve(string text)
    {
        if (IsNull(text)) return null;
        if (Truth(text) is { } truth) return truth;
        if (text[0] is not ('-' or '+' or '.' or (>= '0' and <= '9'))) return text;
        if (IntegerForm().IsMatch(text)) return Integer(text) ?? (object)text;
        return FloatForm().IsMatch(text) ? Float(text) : text;
    }

    public static bool IsNull(string text) => text is "" or "~" or "null" or "Null" or "NULL";

    public static bool? Truth(string text) => text switch
    {
        "yes" or "Yes" or "YES" or "true" or "True" or "TRUE" or "on" or "On" or "ON" => true,
        "no" or "No" or "NO" or "false" or "False" or "FALSE" or "off" or "Off" or "OFF" => false,
        _ => null,
    };

    /// <summary>Whether a date's form would be taken for a date by PyYAML, which then writes it in quotes.</summary>
    public static bool IsTimestamp(string text) => TimestampForm().IsMatch(text);

    /// <summary>A whole number in any base, or null where it is none or has too many digits.</summary>
    public static object? Integer(string text)
    {
        string digits = text.Replace("_", "", StringComparison.Ordinal);
        bool negative = digits.StartsWith('-');
        if (digits is ['-' or '+', ..]) digits = digits[1..];
        if (digits.Length is 0 or > DigitLimit) return null;
        BigInteger? value = digits switch
        {
            "0" => BigInteger.Zero,
            ['0', 'b', ..] => InBase(digits.AsSpan(2), 2),
            ['0', 'x', ..] => InBase(digits.AsSpan(2), 16),
            ['0', ..] => InBase(digits.AsSpan(1), 8),
            _ when digits.Contains(':', StringComparison.Ordinal) => Sexagesimal(digits),
            _ => InBase(digits, 10),
        };
        return value is null ? null : Narrow(negative ? -value.Value : value.Value);
    }

    /// <summary>A number that is not whole, or null where the text is none.</summary>
    public static object? Float(string text)
    {
        string digits = text.Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();
        double sign = digits.StartsWith('-') ? -1 : 1;
        if (digits is ['-' or '+', ..]) digits = digits[1..];
        if (digits == ".inf") return sign * double.PositiveInfinity;
        if (digits == ".nan") return double.NaN;
        double value = 0;
        foreach (string part in digits.Split(':'))
        {
            if (!double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)) return null;
            value = (value * 60) + number;
        }

        return sign * value;
    }

    /// <summary>The smallest of our types that holds a whole number.</summary>
    public static object Narrow(BigInteger value) => value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;

    /// <summary>Digits in a base up to 16, or null where one is not a digit of that base.</summary>
    public static BigInteger? InBase(ReadOnlySpan<char> digits, int radix)
    {
        if (digits.IsEmpty) return null;
        if (radix == 10) return BigInteger.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out BigInteger whole) ? whole : null;
        BigInteger value = 0;
        foreach (char c in digits)
        {
            int digit = char.IsAsciiHexDigit(c) ? Convert.ToInt32(c.ToString(), 16) : radix;
            if (digit >= radix) return null;
            value = (value * radix) + digit;
        }

        return value;
    }

    private static BigInteger? Sexagesimal(string digits)
    {
        BigInteger value = 0;
        foreach (string part in digits.Split(':'))
        {
            if (InBase(part, 10) is not { } number) return null;
            value = (value * 60) + number;
        }

        return value;
    }

    [GeneratedRegex(@"^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)\z")]
    private static partial Regex IntegerForm();

    [GeneratedRegex(
        @"^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
        + @"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\z")]
    private static partial Regex FloatForm();

    [GeneratedRegex(
        @"^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
        + @"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)\z")]
    private static partial Regex TimestampForm();
}
