using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Sirocco.Training.Plots;

namespace Sirocco.Training;

/// <summary>What a run's curves lie over.</summary>
public enum HistoryAxis
{
    /// <summary>Steps, from 0.</summary>
    Step,

    /// <summary>Tokens so far; only runs of Sirocco record them.</summary>
    Tokens,

    /// <summary>Minutes in steps so far, without pauses and validations.</summary>
    Minutes,
}

/// <summary>
/// A run as its <c>training.jsonl</c> and <c>validation.jsonl</c> tell it, ours or those of NeMo AutoModel. What a resumed run did again counts once, as it was
/// done last.
/// </summary>
public sealed partial class RunHistory
{
    private readonly Table training, validation;

    private RunHistory(string path, Table training, Table validation) => (Path, this.training, this.validation) = (path, training, validation);

    /// <summary>The folder or file that was read.</summary>
    public string Path { get; }

    /// <summary>Everything measured, as recorded: of steps first, then of validations.</summary>
    public IReadOnlyList<string> Metrics => [.. training.Columns.Keys.Concat(validation.Columns.Keys).Where(name => name != "epoch").Distinct()];

    /// <summary>Reads a run.</summary>
    /// <param name="path">Its folder, or its training.jsonl; validations lie beside it.</param>
    /// <exception cref="FileNotFoundException">There is no such run.</exception>
    /// <exception cref="InvalidDataException">A line is no record; the message names file and line.</exception>
    public static RunHistory Read(string path)
    {
        string file = Directory.Exists(path) ? System.IO.Path.Combine(path, "training.jsonl") : path;
        if (!File.Exists(file)) throw new FileNotFoundException($"{path}: no run is here; name a folder with training.jsonl, or the file itself");
        string beside = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(file))!, "validation.jsonl");
        bool both = File.Exists(beside) && System.IO.Path.GetFullPath(file) != beside;
        return new RunHistory(path, ReadTable(file), both ? ReadTable(beside) : new Table());
    }

    /// <summary>A metric over the run; null where the run has not recorded it.</summary>
    /// <param name="metric">As its file names it.</param>
    /// <param name="name">What the legend shall call the curve.</param>
    /// <param name="axis">What it lies over.</param>
    public Curve? CurveOf(string metric, string name, HistoryAxis axis = HistoryAxis.Step)
    {
        bool ofSteps = training.Columns.ContainsKey(metric);
        Table table = ofSteps ? training : validation;
        if (!table.Columns.TryGetValue(metric, out List<double>? values)) return null;
        int[] present = [.. Enumerable.Range(0, values.Count).Where(i => ofSteps || double.IsFinite(values[i]))];
        double[] positions = Positions(table, axis);
        return new Curve { Name = name, X = Array.ConvertAll(present, i => positions[i]), Y = Array.ConvertAll(present, i => values[i]), Marked = !ofSteps };
    }

    private double[] Positions(Table table, HistoryAxis axis)
    {
        if (axis == HistoryAxis.Step) return [.. table.Steps];
        string column = axis == HistoryAxis.Tokens ? "tokens" : "time_per_step";
        if (!training.Columns.TryGetValue(column, out List<double>? amounts))
            throw new InvalidDataException($"{Path}: its steps have no '{column}'; plot it over steps");
        double[] totals = new double[amounts.Count];
        double sum = 0;
        for (int i = 0; i < totals.Length; i++) totals[i] = sum += double.IsFinite(amounts[i]) ? amounts[i] : 0;
        if (axis == HistoryAxis.Minutes) totals = Array.ConvertAll(totals, seconds => seconds / 60);
        if (ReferenceEquals(table, training)) return totals;
        return [.. table.Steps.Select(step =>
        {
            int at = training.Steps.BinarySearch(step);
            int before = at >= 0 ? at : ~at - 1;
            return before < 0 ? 0 : totals[before];
        })];
    }

    private static Table ReadTable(string path)
    {
        Table table = new();
        using StreamReader reader = new(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete)); // the run may go on
        string[] lines = reader.ReadToEnd().Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].Length == 0) continue;
            try
            {
                using JsonDocument record = JsonDocument.Parse(NonNumber().Replace(lines[i], "null"));
                table.Add(record.RootElement);
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
            {
                if (i == lines.Length - 1) break; // a run that was killed, or is just writing it
                throw new InvalidDataException(
                    $"{path}: line {(i + 1).ToString(CultureInfo.InvariantCulture)} is no record of a run; a JSON object with a number 'step' was expected");
            }
        }

        return table;
    }

    // Python writes what JSON lacks by these names.
    [GeneratedRegex(@"(?<=: ?)(NaN|-?Infinity)(?=\s*[,}])")]
    private static partial Regex NonNumber();

    /// <summary>Records of ascending steps by columns; NaN where a record lacks a value.</summary>
    private sealed class Table
    {
        public List<double> Steps { get; } = [];

        public Dictionary<string, List<double>> Columns { get; } = new(StringComparer.Ordinal);

        public void Add(JsonElement record)
        {
            double step = record.GetProperty("step").GetDouble();
            int kept = Steps.Count;
            while (kept > 0 && Steps[kept - 1] >= step) kept--;
            Steps.RemoveRange(kept, Steps.Count - kept);
            foreach (List<double> column in Columns.Values) column.RemoveRange(kept, column.Count - kept);
            Steps.Add(step);
            foreach (JsonProperty field in record.EnumerateObject())
            {
                if (field.Name == "step" || field.Value.ValueKind is not (JsonValueKind.Number or JsonValueKind.Null)) continue;
                if (!Columns.TryGetValue(field.Name, out List<double>? column)) Columns.Add(field.Name, column = [.. Enumerable.Repeat(double.NaN, kept)]);
                column.Add(field.Value.ValueKind == JsonValueKind.Number ? field.Value.GetDouble() : double.NaN);
            }

            foreach (List<double> column in Columns.Values)
            {
                while (column.Count < Steps.Count) column.Add(double.NaN);
            }
        }
    }
}
