using System.Globalization;
using System.Numerics.Tensors;
using System.Text.Json;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Training;

namespace Sirocco.Cli.Verbs.Eval;

/// <summary>Semantic similarity: how the cosine of two sentences goes together with the score that people gave them.</summary>
internal static class PairSimilarity
{
    public static int Run(Invocation invocation, string file, string[] models, EmbedderOptions encoder, EvaluationVariants variants, string? prompt)
    {
        IReadOnlyList<ScoredPair> pairs = ScoredPairs.Read(file);
        List<(string Name, double Spearman, double Pearson)> rows = [];
        foreach (string model in models)
        {
            string folder = invocation.Model(model);
            foreach (Precision? precision in variants.Precisions)
            {
                using Embedder embedder = Invocation.Load(() => Embedder.FromPretrained(folder, encoder with { Precision = precision }));
                if (embedder.Notice is { } notice) invocation.Notice("note: " + notice);
                using ProgressLine progress = invocation.Progress($"embedding with {model}", "texts", 2L * pairs.Count);
                string[] texts = [.. pairs.Select(pair => pair.First), .. pairs.Select(pair => pair.Second)];
                float[][] vectors = embedder.Embed(
                    texts, prompt: prompt, progress: new Callback<int>(done => progress.Report(done)), cancellation: invocation.Cancellation);
                foreach (int? length in variants.Vectors.Select(vector => vector.Dimensions).Distinct())
                {
                    if (length > embedder.Dimensions)
                    {
                        throw new UsageException(
                            $"{length} dimensions are asked for, but {model} gives vectors of {embedder.Dimensions}; ask for at most that many");
                    }
                    int width = length ?? embedder.Dimensions;
                    double[] cosines = [.. pairs.Select((_, i) => (double)TensorPrimitives.CosineSimilarity<float>(
                        vectors[i].AsSpan(0, width), vectors[pairs.Count + i].AsSpan(0, width)))];
                    double[] scores = [.. pairs.Select(pair => pair.Score)];
                    rows.Add((variants.Name(model, precision, length), Correlation.Spearman(cosines, scores), Correlation.Pearson(cosines, scores)));
                }
            }
        }

        if (invocation.Json) WriteJson(invocation.Terminal, rows, pairs.Count);
        else WriteTable(invocation.Terminal.OutputWriter, rows, pairs.Count);
        return ExitStatus.Success;
    }

    private static void WriteTable(TextWriter output, List<(string Name, double Spearman, double Pearson)> rows, int pairs)
    {
        int width = rows.Max(row => row.Name.Length);
        output.WriteLine($"{"".PadRight(width)}{"spearman",11}{"pearson",11}");
        foreach ((string name, double spearman, double pearson) in rows)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Failure.OneLine(name).PadRight(width)}{spearman,11:0.0000}{pearson,11:0.0000}"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{pairs:N0} pairs"));
    }

    private static void WriteJson(Terminal terminal, List<(string Name, double Spearman, double Pearson)> rows, int pairs)
    {
        using Utf8JsonWriter json = new(terminal.Output, JsonRecord.WriterOptions);
        json.WriteStartObject();
        Metrics(rows[0]);
        json.WriteNumber("pairs", pairs);
        json.WriteStartArray("rows");
        foreach ((string Name, double Spearman, double Pearson) row in rows)
        {
            json.WriteStartObject();
            json.WriteString("name", row.Name);
            Metrics(row);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        terminal.Output.Write("\n"u8);

        void Metrics((string Name, double Spearman, double Pearson) row)
        {
            json.WriteStartObject("metrics");
            Number("spearman", row.Spearman);
            Number("pearson", row.Pearson);
            json.WriteEndObject();
        }

        void Number(string name, double value)
        {
            if (double.IsNaN(value)) json.WriteNull(name);
            else json.WriteNumber(name, value);
        }
    }
}
