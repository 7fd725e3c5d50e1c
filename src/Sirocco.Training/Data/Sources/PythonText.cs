using System.Globalization;
using System.Text.Json;

namespace Sirocco.Training;

/// <summary>Texts as Python's functions make them.</summary>
internal static class PythonText
{
    /// <summary>str() of a scalar, as ids and texts of a data file may be numbers; null for objects and lists.</summary>
    /// <exception cref="InvalidOperationException">A string holds half a surrogate pair.</exception>
    public static string? Of(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.True => "True",
        JsonValueKind.False => "False",
        JsonValueKind.Null => "None",
        JsonValueKind.Number => Number(value.GetRawText()),
        _ => null,
    };

    private static string Number(string json)
    {
        bool isInteger = json.AsSpan().IndexOfAny('.', 'e', 'E') < 0;
        if (isInteger) return json == "-0" ? "0" : json;
        return Real(double.Parse(json, NumberStyles.Float, CultureInfo.InvariantCulture));
    }

    /// <summary>str.strip(): without the white space at both ends, to which Python counts the separators U+001C to U+001F.</summary>
    public static string Strip(string text)
    {
        static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F';
        int start = 0, end = text.Length;
        while (start < end && IsSpace(text[start])) start++;
        while (end > start && IsSpace(text[end - 1])) end--;
        return text[start..end];
    }

    /// <summary>repr(float): the shortest digits that read back, with an exponent below 1e-4 and from 1e16.</summary>
    public static string Real(double value)
    {
        if (double.IsInfinity(value)) return value > 0 ? "inf" : "-inf";
        if (value == 0) return double.IsNegative(value) ? "-0.0" : "0.0";
        string text = value.ToString("E16", CultureInfo.InvariantCulture);
        string shortest = value.ToString("R", CultureInfo.InvariantCulture);
        int exponent = int.Parse(text.AsSpan(text.IndexOf('E') + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        string sign = value < 0 ? "-" : "";
        string digits = Digits(shortest);
        if (exponent is >= -4 and < 16)
        {
            if (exponent < 0) return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
            return digits.Length <= exponent + 1 ? $"{sign}{digits.PadRight(exponent + 1, '0')}.0"
                : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
        }

        string mantissa = digits.Length == 1 ? digits : $"{digits[0]}.{digits[1..]}";
        return string.Create(CultureInfo.InvariantCulture, $"{sign}{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
    }

    private static string Digits(string number)
    {
        int exponent = number.IndexOf('E', StringComparison.Ordinal);
        string mantissa = exponent < 0 ? number : number[..exponent];
        string digits = mantissa.TrimStart('-').Replace(".", "", StringComparison.Ordinal).TrimStart('0').TrimEnd('0');
        return digits.Length == 0 ? "0" : digits;
    }
}
