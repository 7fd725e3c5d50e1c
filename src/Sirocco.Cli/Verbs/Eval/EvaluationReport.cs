using System.Globalization;
using System.Text.Json;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Training;

namespace Sirocco.Cli.Verbs.Eval;

/// <summary>The figures of all rows, for people and for programs.</summary>
internal sealed class EvaluationReport
{
    private const double Significant = 0.05, VerySignificant = 0.01;

    private readonly EvaluationData data;
    private readonly RetrievalMetric[] metrics;
    private readonly (string Name, RetrievalScores Scores)[] rows;

    public EvaluationReport(IReadOnlyList<EvaluationRow> rows, EvaluationData data, RetrievalMetric[] metrics, MissingQueries missing)
    {
        this.data = data;
        this.metrics = metrics;
        this.rows = [.. rows.Select(row => (row.Name, RetrievalScores.Of(row.Run, data.Judgements, metrics, missing)))];
    }

    public void WriteTable(Terminal terminal, bool compare)
    {
        TextWriter output = terminal.OutputWriter;
        int name = Math.Max(4, rows.Max(row => row.Name.Length));
        int[] widths = [.. metrics.Select(metric => Math.Max(10, metric.Name.Length + 4))];
        output.WriteLine((new string(' ', name) + string.Concat(metrics.Select((metric, m) => $"{metric.Name}  ".PadLeft(widths[m])))).TrimEnd());
        for (int row = 0; row < rows.Length; row++)
        {
            IEnumerable<string> cells = metrics.Select((_, m) => (Shown(rows[row].Scores.Mean(m)) + Stars(row, m).PadRight(2)).PadLeft(widths[m]));
            output.WriteLine((Failure.OneLine(rows[row].Name).PadRight(name) + string.Concat(cells)).TrimEnd());
        }

        string counts = string.Create(CultureInfo.InvariantCulture, $"{rows[0].Scores.Queries.Count:N0} "
            + $"queries{(data.Corpus is { } corpus ? string.Create(CultureInfo.InvariantCulture, $", {corpus.Count:N0} documents") : "")}");
        output.WriteLine(counts + (rows.Length > 1 ? "; * and **: another mean than the first row's with p < 0.05 and p < 0.01 (paired t-test)" : ""));
        if (compare) WriteComparisons(output);
    }

    public void WriteJson(Terminal terminal)
    {
        using Utf8JsonWriter json = new(terminal.Output, JsonRecord.WriterOptions);
        json.WriteStartObject();
        WriteMetrics(json, rows[0].Scores);
        json.WriteNumber("queries", rows[0].Scores.Queries.Count);
        if (data.Corpus is { } corpus) json.WriteNumber("documents", corpus.Count);
        json.WriteStartArray("rows");
        for (int row = 0; row < rows.Length; row++)
        {
            json.WriteStartObject();
            json.WriteString("name", rows[row].Name);
            WriteMetrics(json, rows[row].Scores);
            json.WriteNumber("queries", rows[row].Scores.Queries.Count);
            if (row > 0) WriteComparison(json, row);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        terminal.Output.Write("\n"u8);
    }

    public void WriteQueries(string path, Terminal terminal)
    {
        using OutputFile file = OutputFile.Open(path, terminal);
        using RecordWriter writer = new(file.Stream);
        foreach ((string name, RetrievalScores scores) in rows)
        {
            for (int q = 0; q < scores.Queries.Count; q++)
            {
                int query = q;
                writer.Write(json =>
                {
                    json.WriteString("name", name);
                    json.WriteString("query", scores.Queries[query]);
                    json.WriteStartObject("metrics");
                    for (int m = 0; m < metrics.Length; m++) json.WriteNumber(metrics[m].Name, scores.Values(m)[query]);
                    json.WriteEndObject();
                });
            }
        }

        writer.Flush();
        file.Commit();
    }

    private void WriteMetrics(Utf8JsonWriter json, RetrievalScores scores)
    {
        json.WriteStartObject("metrics");
        for (int m = 0; m < metrics.Length; m++) json.WriteNumber(metrics[m].Name, scores.Mean(m));
        json.WriteEndObject();
    }

    private void WriteComparison(Utf8JsonWriter json, int row)
    {
        json.WriteStartObject("compared_with_first");
        for (int m = 0; m < metrics.Length; m++)
        {
            PairedComparison comparison = Compare(row, m);
            json.WriteStartObject(metrics[m].Name);
            Number("difference", comparison.MeanDifference);
            Number("t", comparison.T);
            Number("p", comparison.P);
            Number("cohen_d", comparison.EffectSize);
            json.WriteEndObject();
        }

        json.WriteEndObject();

        void Number(string name, double value)
        {
            if (double.IsFinite(value)) json.WriteNumber(name, value);
            else json.WriteNull(name);
        }
    }

    private void WriteComparisons(TextWriter output)
    {
        int name = metrics.Max(metric => metric.Name.Length);
        for (int row = 1; row < rows.Length; row++)
        {
            output.WriteLine();
            output.WriteLine($"{Failure.OneLine(rows[row].Name)} against {Failure.OneLine(rows[0].Name)}");
            output.WriteLine($"  {"".PadRight(name)}{"difference",12}{"t",10}{"p",10}{"Cohen's d",12}");
            for (int m = 0; m < metrics.Length; m++)
            {
                PairedComparison comparison = Compare(row, m);
                string tested = double.IsNaN(comparison.T) ? "no query differs".PadLeft(32)
                    : string.Create(CultureInfo.InvariantCulture, $"{comparison.T,10:0.000}{comparison.P,10:0.0000}{comparison.EffectSize,12:0.000}");
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"  {metrics[m].Name.PadRight(name)}{comparison.MeanDifference,12:+0.0000;-0.0000;0.0000}{tested}"));
            }
        }
    }

    /// <summary>The row against the first, over the queries that both were measured on.</summary>
    private PairedComparison Compare(int row, int metric)
    {
        (RetrievalScores first, RetrievalScores other) = (rows[0].Scores, rows[row].Scores);
        Dictionary<string, double> values = first.Queries.Zip(first.Values(metric))
            .ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.Ordinal);
        (double Other, double First)[] common =
            [.. other.Queries.Zip(other.Values(metric)).Where(pair => values.ContainsKey(pair.First)).Select(pair => (pair.Second, values[pair.First]))];
        return PairedComparison.Of([.. common.Select(pair => pair.Other)], [.. common.Select(pair => pair.First)]);
    }

    private string Stars(int row, int metric) => row == 0 ? "" : Compare(row, metric).P switch { < VerySignificant => "**", < Significant => "*", _ => "" };

    private static string Shown(double value) => value.ToString(value > 1 ? "0.0" : "0.0000", CultureInfo.InvariantCulture);
}
