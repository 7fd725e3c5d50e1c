using System.Globalization;
using System.Text.RegularExpressions;
using Sirocco.Formats;

namespace Sirocco.Training.Tests.Mining;

/// <summary>Recorded mining runs of NeMo AutoModel, repeated from their own configurations.</summary>
public sealed partial class MiningGoldenTests : IDisposable
{
    private const double ScoreTolerance = 3e-5, VectorTolerance = 2e-5; // from the recordings

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    public static TheoryData<string> Cases => ["mining-abs-exhausted", "mining-abs-supplied", "mining-ministral3", "mining-none", "mining-perc"];

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_configuration_gives_the_recorded_file_and_vectors(string name)
    {
        string goldens = GoldenFile.Retrieval, output = folder.File("output.json"), cache = folder.File("cache");
        MiningRecipe recipe = RecipeFile.ReadMining(Path.Combine(goldens, name, "run.yaml")).Recipe with { Output = output, CacheFolder = cache };
        new HardNegativeMiner { Locate = (path, _) => Path.Combine(goldens, path) }.Run(recipe with { Input = Path.Combine(goldens, recipe.Input) });

        string expected = File.ReadAllText(Path.Combine(goldens, name, "output.json"));
        string written = File.ReadAllText(output)
            .Replace(Path.Combine(goldens, recipe.Input), recipe.Input, StringComparison.Ordinal)
            .Replace(output, $"{name}/output.json", StringComparison.Ordinal)
            .Replace($"\"cache_embeddings_dir\": \"{cache}\"", "\"cache_embeddings_dir\": null", StringComparison.Ordinal);
        Assert.Equal(WithoutScores(expected), WithoutScores(written));
        foreach ((double score, double recorded) in Scores(written).Zip(Scores(expected)))
            Assert.True(score == recorded || Math.Abs(score - recorded) <= ScoreTolerance, $"{score} for {recorded}");

        using TensorArchive vectors = TensorArchive.Open(Path.Combine(goldens, name, "embeddings.safetensors"));
        Assert.True(Distance(vectors.Values("query_embeddings"), [Path.Combine(cache, "queries.safetensors")]) <= VectorTolerance);
        Assert.True(
            Distance(
                vectors.Values("document_embeddings"),
                Directory.GetFiles(Path.Combine(cache, "corpus_chunks")).Order(StringComparer.Ordinal)) <= VectorTolerance);
    }

    private static double Distance(float[] expected, IEnumerable<string> files)
    {
        float[] actual = [.. files.SelectMany(file =>
        {
            using TensorArchive archive = TensorArchive.Open(file);
            return archive.Values("embeddings");
        })];
        Assert.Equal(expected.Length, actual.Length);
        return expected.Zip(actual, (a, b) => (double)Math.Abs(a - b)).Max();
    }

    /// <summary>Scores are compared as numbers; which documents fill a list at −∞ is undefined.</summary>
    private static string WithoutScores(string json) =>
        Score().Replace(Filler().Replace(json, "\"id\": FILLER"), match => match.Value is "-1" or "-Infinity" ? match.Value : "SCORE");

    private static IEnumerable<double> Scores(string json) =>
        Score().Matches(json).Select(match => match.Value == "-Infinity" ? double.NegativeInfinity : double.Parse(match.Value, CultureInfo.InvariantCulture));

    [GeneratedRegex("(?<=\"score\": )(-Infinity|[-0-9.e]+)")]
    private static partial Regex Score();

    [GeneratedRegex("\"id\": \"[^\"]*\"(?=,\\s*\"score\": -Infinity)")]
    private static partial Regex Filler();
}
