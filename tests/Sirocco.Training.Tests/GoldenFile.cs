using System.Globalization;
using System.Text.Json;
using Sirocco.Formats;

namespace Sirocco.Training.Tests;

/// <summary>Numbers of the reference libraries, beside the tests.</summary>
internal static class GoldenFile
{
    public static string Path(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, "Goldens", name);

    /// <summary>The recorded runs of recipes, with the models and data that they share in <c>common/</c>.</summary>
    public static string Retrieval { get; } = Path("retrieval");

    public static TensorArchive Tensors(string name) => TensorArchive.Open(Path(name));

    public static JsonElement Json(string name) => JsonDocument.Parse(File.ReadAllBytes(Path(name))).RootElement;

    public static float[] Values(this TensorArchive archive, string name) => archive[name].ToSingleArray();

    public static int[] Extents(this JsonElement shape) => [.. shape.EnumerateArray().Select(extent => extent.GetInt32())];

    public static double[] Doubles(this JsonElement values) => [.. values.EnumerateArray().Select(value => value.GetDouble())];

    /// <summary>A number that may be written as text ("inf", "nan").</summary>
    public static float Number(this JsonElement value) => value.ValueKind == JsonValueKind.Number
        ? value.GetSingle()
        : value.GetString() switch { "inf" => float.PositiveInfinity, "nan" => float.NaN, var text => float.Parse(text!, CultureInfo.InvariantCulture) };

    /// <summary>Largest |a − b| / max(|b|, floor).</summary>
    public static double RelativeError(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double floor)
    {
        Assert.Equal(expected.Length, actual.Length);
        double worst = 0;
        for (int i = 0; i < actual.Length; i++) worst = Math.Max(worst, Math.Abs(actual[i] - expected[i]) / Math.Max(Math.Abs(expected[i]), floor));
        return worst;
    }
}
