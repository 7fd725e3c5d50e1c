using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;

namespace Sirocco.Training.Tests;

/// <summary>Values of recipes in a form that compares: type and content.</summary>
internal static class RecipeText
{
    /// <summary>A value that PyYAML or Python read, from its record.</summary>
    public static string Expected(JsonElement value) => value.GetProperty("k").GetString() switch
    {
        "null" => "null",
        "bool" => value.GetProperty("v").GetBoolean() ? "true" : "false",
        "int" => "int " + value.GetProperty("v").GetString(),
        "float" => "float " + Number(value.GetProperty("v").GetString()!),
        "text" => "text " + value.GetProperty("v").GetString(),
        "list" => $"[{string.Join("; ", value.GetProperty("v").EnumerateArray().Select(Expected))}]",
        _ => $"{{{string.Join("; ", value.GetProperty("v").EnumerateArray().Select(pair => $"{pair[0].GetString()} = {Expected(pair[1])}"))}}}",
    };

    public static string Of(RecipeNode node) => node switch
    {
        RecipeScalar scalar => Of(scalar.Value),
        RecipeSequence sequence => $"[{string.Join("; ", sequence.Items.Select(Of))}]",
        RecipeMapping mapping => $"{{{string.Join("; ", mapping.Keys.Select(key => $"{key} = {Of(mapping[key]!)}"))}}}",
        _ => throw new InvalidOperationException(),
    };

    /// <summary>The tree that a record describes, to be written.</summary>
    public static RecipeNode Tree(JsonElement value)
    {
        ValueOrigin origin = ValueOrigin.Default;
        switch (value.GetProperty("k").GetString())
        {
            case "null":
                return new RecipeScalar(null, origin);
            case "bool":
                return new RecipeScalar(value.GetProperty("v").GetBoolean(), origin);
            case "int":
                return new RecipeScalar(YamlScalar.Narrow(BigInteger.Parse(value.GetProperty("v").GetString()!, CultureInfo.InvariantCulture)), origin);
            case "float":
                return new RecipeScalar(Float(value.GetProperty("v").GetString()!), origin);
            case "text":
                return new RecipeScalar(value.GetProperty("v").GetString(), origin);
            case "list":
                return new RecipeSequence([.. value.GetProperty("v").EnumerateArray().Select(Tree)], origin);
            default:
                RecipeMapping mapping = new(origin);
                foreach (JsonElement pair in value.GetProperty("v").EnumerateArray()) mapping.Set(pair[0].GetString()!, Tree(pair[1]));
                return mapping;
        }
    }

    public static string Shown(string text) => text.Length > 60 ? text[..60] + "…" : new StringBuilder(text).Replace("\n", "\\n").ToString();

    private static string Of(object? value) => value switch
    {
        null => "null",
        bool truth => truth ? "true" : "false",
        long or BigInteger => "int " + string.Create(CultureInfo.InvariantCulture, $"{value}"),
        double number => "float " + number.ToString("R", CultureInfo.InvariantCulture),
        string text => "text " + text,
        _ => throw new InvalidOperationException(),
    };

    private static string Number(string python) => Float(python).ToString("R", CultureInfo.InvariantCulture);

    private static double Float(string python) => python switch
    {
        "inf" => double.PositiveInfinity,
        "-inf" => double.NegativeInfinity,
        "nan" => double.NaN,
        _ => double.Parse(python, CultureInfo.InvariantCulture),
    };
}
