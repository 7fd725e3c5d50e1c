using System.Globalization;
using System.Numerics;
using System.Text;

namespace Sirocco.Training;

/// <summary>
/// Writes a configuration as PyYAML's <c>safe_dump</c> does with keys in their order: block style, the same quotes, numbers and line folding, ASCII only.
/// </summary>
internal static class YamlWriter
{
    private const int Width = 80;

    /// <summary>The whole document, with a line end.</summary>
    public static string Write(RecipeMapping root)
    {
        StringBuilder output = new();
        if (root.Keys.Count == 0) return "{}\n";
        Mapping(root, 0, output);
        return output.ToString();
    }

    /// <summary>A number, a truth value or null.</summary>
    public static string Plain(object? value) => value switch
    {
        null => "null",
        bool truth => truth ? "true" : "false",
        long number => number.ToString(CultureInfo.InvariantCulture),
        BigInteger number => number.ToString(CultureInfo.InvariantCulture),
        double number => Float(number),
        _ => (string)value,
    };

    /// <summary>A text as it stands in YAML, on one line.</summary>
    public static string Line(string text)
    {
        StringBuilder output = new();
        Text(text, 0, int.MaxValue, output, isKey: true);
        return output.ToString();
    }

    private static void Mapping(RecipeMapping mapping, int indent, StringBuilder output)
    {
        foreach (string key in mapping.Keys)
        {
            output.Append(' ', indent);
            Text(key, indent, int.MaxValue, output, isKey: true);
            output.Append(':');
            switch (mapping[key])
            {
                case RecipeMapping { Keys.Count: 0 }:
                    output.Append(" {}\n");
                    break;
                case RecipeMapping inner:
                    output.Append('\n');
                    Mapping(inner, indent + 2, output);
                    break;
                case RecipeSequence { Items.Count: 0 }:
                    output.Append(" []\n");
                    break;
                case RecipeSequence sequence:
                    output.Append('\n');
                    Sequence(sequence, indent, output); // lists are not indented under their key
                    break;
                case RecipeScalar scalar:
                    output.Append(' ');
                    Scalar(scalar, indent + 2, output);
                    output.Append('\n');
                    break;
            }
        }
    }

    private static void Sequence(RecipeSequence sequence, int indent, StringBuilder output)
    {
        foreach (RecipeNode item in sequence.Items)
        {
            output.Append(' ', indent).Append("- ");
            switch (item)
            {
                case RecipeMapping { Keys.Count: > 0 } mapping:
                    Compact(inner => Mapping(mapping, indent + 2, inner), indent + 2, output);
                    break;
                case RecipeSequence { Items.Count: > 0 } inner:
                    Compact(nested => Sequence(inner, indent + 2, nested), indent + 2, output);
                    break;
                case RecipeScalar scalar:
                    Scalar(scalar, indent + 2, output);
                    output.Append('\n');
                    break;
                default:
                    output.Append(item is RecipeMapping ? "{}\n" : "[]\n");
                    break;
            }
        }
    }

    // The first line of a nested collection stands beside its dash.
    private static void Compact(Action<StringBuilder> write, int indent, StringBuilder output)
    {
        StringBuilder block = new();
        write(block);
        output.Append(block, indent, block.Length - indent);
    }

    private static void Scalar(RecipeScalar scalar, int indent, StringBuilder output)
    {
        if (scalar.Written is string text) Text(text, indent, Width, output, isKey: false);
        else output.Append(Plain(scalar.Written));
    }

    private static void Text(string text, int indent, int width, StringBuilder output, bool isKey)
    {
        int column = output.Length - (LastLineEnd(output) + 1);
        YamlText form = YamlText.Analyse(text);
        if (form.AllowsPlain && YamlScalar.Resolve(text) is string && text is not ("=" or "<<") && !YamlScalar.IsTimestamp(text))
            YamlText.WriteWords(text, indent, column, width, output);
        else if (form.AllowsSingleQuotes && !(isKey && form.HasLineEnds)) YamlText.WriteSingleQuoted(text, indent, column, width, output);
        else YamlText.WriteDoubleQuoted(text, indent, column, width, output);
    }

    private static int LastLineEnd(StringBuilder output)
    {
        for (int i = output.Length - 1; i >= 0; i--)
        {
            if (output[i] == '\n') return i;
        }

        return -1;
    }

    /// <summary>Python's shortest form that reads back the same, with the point that YAML wants before an exponent.</summary>
    internal static string Float(double value)
    {
        if (double.IsNaN(value)) return ".nan";
        if (double.IsInfinity(value)) return value > 0 ? ".inf" : "-.inf";
        if (value == 0) return double.IsNegative(value) ? "-0.0" : "0.0";
        string shortest = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture);
        int exponentAt = shortest.IndexOf('E', StringComparison.Ordinal);
        string mantissa = exponentAt < 0 ? shortest : shortest[..exponentAt];
        int shift = exponentAt < 0 ? 0 : int.Parse(shortest.AsSpan(exponentAt + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        int point = mantissa.IndexOf('.', StringComparison.Ordinal);
        string all = mantissa.Replace(".", "", StringComparison.Ordinal);
        string leading = all.TrimStart('0');
        string digits = leading.TrimEnd('0');
        int exponent = (point < 0 ? mantissa.Length : point) - (all.Length - leading.Length) - 1 + shift; // of the first digit
        string sign = value < 0 ? "-" : "";
        if (exponent is < -4 or >= 16)
        {
            string rest = digits.Length > 1 ? digits[1..] : "0";
            return $"{sign}{digits[0]}.{rest}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }

        if (exponent < 0) return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        return digits.Length <= exponent + 1 ? $"{sign}{digits.PadRight(exponent + 1, '0')}.0" : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }
}
