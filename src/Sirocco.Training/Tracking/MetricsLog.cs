using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Sirocco.Training;

/// <summary>
/// <c>training.jsonl</c> and <c>validation.jsonl</c> of a run, with the original's keys in its order, then tokens and tokens a second. Lines are flushed as
/// they are written; a resumed run appends its own.
/// </summary>
internal sealed class MetricsLog : TrainingObserver, IDisposable
{
    private readonly StreamWriter training;
    private readonly StreamWriter validation;
    private readonly TimeProvider clock;

    /// <param name="folder">The run's folder; made where it is missing.</param>
    /// <param name="clock">Gives the time of a line; null: the system's.</param>
    public MetricsLog(string folder, TimeProvider? clock = null)
    {
        Directory.CreateDirectory(folder);
        this.clock = clock ?? TimeProvider.System;
        training = Open(Path.Combine(folder, "training.jsonl"));
        validation = Open(Path.Combine(folder, "validation.jsonl"));
    }

    /// <inheritdoc/>
    public override void Stepped(TrainingRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        Line line = Begin(record.Step, record.Epoch);
        line.Add("loss", record.Loss);
        line.Add("loss_avg_window", record.LossWindow);
        line.Add("grad_norm", record.GradientNorm);
        line.Add("lr", record.LearningRate);
        line.Add("mem", PeakMemory() / 1e9);
        line.Add("time_per_step", record.Seconds);
        foreach ((string name, double value) in record.Measures) line.Add(name, value);
        line.Add("tokens", record.Tokens);
        line.Add("tokens_per_second", record.TokensPerSecond);
        training.WriteLine(line.End());
    }

    /// <inheritdoc/>
    public override void Validated(ValidationRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        Line line = Begin(record.Step, record.Epoch);
        foreach ((string name, double value) in record.Metrics) line.Add(name, value);
        validation.WriteLine(line.End());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        training.Dispose();
        validation.Dispose();
    }

    /// <summary>Brings the records to the disk beside the checkpoint that they lead to.</summary>
    public override void Saved(string checkpoint)
    {
        ((FileStream)training.BaseStream).Flush(flushToDisk: true);
        ((FileStream)validation.BaseStream).Flush(flushToDisk: true);
    }

    /// <summary>A number as Python's json module writes it.</summary>
    internal static string Number(double value) => value switch
    {
        double.PositiveInfinity => "Infinity",
        double.NegativeInfinity => "-Infinity",
        double.NaN => "NaN",
        _ => PythonText.Real(value),
    };

    private static long PeakMemory()
    {
        using Process own = Process.GetCurrentProcess();
        return own.PeakWorkingSet64;
    }

    private static StreamWriter Open(string path) =>
        new(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read), new UTF8Encoding(false)) { AutoFlush = true, NewLine = "\n" };

    private Line Begin(int step, int epoch)
    {
        Line line = new();
        line.Add("step", step);
        line.Add("epoch", epoch);
        line.Add("timestamp", '"' + clock.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture) + '"');
        return line;
    }

    /// <summary>A JSON object as Python's json module spaces it; numbers that JSON lacks appear as NaN and Infinity.</summary>
    private sealed class Line
    {
        private readonly StringBuilder text = new("{");

        public void Add(string name, double value) => Add(name, Number(value));

        public void Add(string name, int value) => Add(name, value.ToString(CultureInfo.InvariantCulture));

        public void Add(string name, string json) => text.Append(text.Length > 1 ? ", " : "").Append('"').Append(name).Append("\": ").Append(json);

        public string End() => text.Append('}').ToString();
    }
}
