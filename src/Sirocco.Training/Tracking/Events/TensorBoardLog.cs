using System.Globalization;

namespace Sirocco.Training;

/// <summary>
/// A TensorBoard event file of a run's scalars: <c>train/loss</c>, <c>train/lr</c>, … and <c>val/loss</c>, <c>val/ndcg@10</c>, …, flushed after every step. A
/// resumed run writes on in the same file; TensorBoard then drops what it had of the steps that are done again.
/// </summary>
/// <remarks>Fields as in tensorflow/core/util/event.proto and framework/summary.proto.</remarks>
internal sealed class TensorBoardLog : TrainingObserver, IDisposable
{
    private const string Prefix = "events.out.tfevents.", Version = "brain.Event:2";
    private const int WallTime = 1, Step = 2, FileVersion = 3, Summary = 5, SessionLog = 7; // Event
    private const int SummaryValue = 1, ValueTag = 1, SimpleValue = 2;
    private const int SessionStatus = 1, SessionStart = 1;

    private readonly FileStream file;
    private readonly TimeProvider clock;

    /// <param name="folder">The file's folder; made where it is missing.</param>
    /// <param name="firstStep">The step that the run begins with or goes on from.</param>
    /// <param name="clock">Gives the time of an event; null: the system's.</param>
    public TensorBoardLog(string folder, int firstStep, TimeProvider? clock = null)
    {
        this.clock = clock ?? TimeProvider.System;
        Directory.CreateDirectory(folder);
        string? earlier = firstStep == 0 ? null : Directory.EnumerateFiles(folder, Prefix + "*").Order(StringComparer.Ordinal).LastOrDefault();
        file = new FileStream(earlier ?? Path.Combine(folder, NewName()), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        if (earlier is not null) KeepWholeRecords(file);
        if (file.Length == 0) Write(new ProtobufMessage().Add(WallTime, Now).Add(FileVersion, Version));
        if (firstStep > 0)
        {
            Write(new ProtobufMessage().Add(WallTime, Now).Add(Step, (long)firstStep)
                .Add(SessionLog, new ProtobufMessage().Add(SessionStatus, (long)SessionStart)));
        }
        file.Flush();
    }

    private double Now => (clock.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalSeconds;

    /// <inheritdoc/>
    public override void Stepped(TrainingRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        Write(record.Step, "train/",
        [
            new("loss", record.Loss), new("grad_norm", record.GradientNorm), new("lr", record.LearningRate), new("tokens_per_second", record.TokensPerSecond),
            new("epoch", record.Epoch),
            .. record.Measures.Select(measure => KeyValuePair.Create(Short(measure.Key, "train_"), measure.Value)),
        ]);
    }

    /// <inheritdoc/>
    public override void Validated(ValidationRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        Write(record.Step, "val/", record.Metrics.Select(metric => KeyValuePair.Create(Short(metric.Key, "val_"), metric.Value)));
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    private static string Short(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;

    private void Write(int step, string prefix, IEnumerable<KeyValuePair<string, double>> values)
    {
        ProtobufMessage summary = new();
        foreach ((string name, double value) in values)
            summary.Add(SummaryValue, new ProtobufMessage().Add(ValueTag, prefix + name).AddPresent(SimpleValue, (float)value));
        Write(new ProtobufMessage().Add(WallTime, Now).Add(Step, (long)step).Add(Summary, summary));
        file.Flush();
    }

    private void Write(ProtobufMessage message) => TfRecord.Write(file, message.Bytes);

    // As TensorFlow names them: seconds first, so that names sort by time.
    private string NewName()
    {
        string host = string.Concat(
            Environment.MachineName.Select(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.' ? character : '-'));
        return string.Create(CultureInfo.InvariantCulture, $"{Prefix}{clock.GetUtcNow().ToUnixTimeSeconds():0000000000}.{host}.{Environment.ProcessId}.0");
    }

    /// <summary>Cuts off a record that a killed run left incomplete.</summary>
    private static void KeepWholeRecords(FileStream file)
    {
        long whole = 0;
        while (TfRecord.Read(file) is not null) whole = file.Position;
        file.SetLength(whole);
        file.Position = whole;
    }
}
