using System.Globalization;
using System.Text.Json.Nodes;

namespace Sirocco.Training;

/// <summary>
/// A run in Weights &amp; Biases' offline form: <c>wandb/offline-run-TIME-ID/run-ID.wandb</c>, which <c>wandb sync</c> uploads. Nothing is sent from here,
/// whatever the mode. A step and the validation after it are one row of its history.
/// </summary>
/// <remarks>
/// Records as wandb/proto/wandb_internal.proto has them, in the file version 0 that wandb reads from 0.12 to 0.30. Wandb keeps one row for a step, and rows of
/// ascending steps: a run that goes on is a run of its own there.
/// </remarks>
internal sealed class WandbLog : TrainingObserver, IDisposable
{
    private const int Number = 1, History = 2, Summary = 3, Run = 17, Exit = 18; // Record
    // RunRecord
    private const int RunId = 1, Entity = 2, Project = 3, Configuration = 4, Group = 6, DisplayName = 8, Notes = 9, Tags = 10, Host = 13, StartTime = 17;
    private const int Item = 1, HistoryStep = 2; // HistoryRecord, SummaryRecord, ConfigRecord
    private const int Key = 1, Json = 16; // their items
    private const int FailedExit = 1;

    private readonly Dictionary<string, double> row = [], summary = [];
    private readonly WandbFile file;
    private readonly TimeProvider clock;
    private readonly DateTimeOffset started;
    private readonly int everySteps;
    private readonly string folder;
    private readonly Action<string> tell;
    private long records;
    private int? rowStep;

    /// <param name="options">The section.</param>
    /// <param name="recipe">The run.</param>
    /// <param name="configuration">Its configuration, or null.</param>
    /// <param name="tell">Takes what the user should do with the files.</param>
    /// <param name="clock">Gives the time; null: the system's.</param>
    public WandbLog(WandbOptions options, RetrievalRecipe recipe, JsonObject? configuration, Action<string> tell, TimeProvider? clock = null)
    {
        this.tell = tell;
        this.clock = clock ?? TimeProvider.System;
        started = this.clock.GetUtcNow();
        everySteps = Math.Max(1, recipe.StepScheduler.LogRemoteEverySteps);
        string id = Guid.NewGuid().ToString("N")[..8];
        string time = this.clock.GetLocalNow().ToString("yyyyMMdd_HHmmss", CultureInfo.InvariantCulture);
        folder = Path.Combine(options.Folder ?? recipe.Checkpoint.Folder, "wandb", $"offline-run-{time}-{id}");
        Directory.CreateDirectory(Path.Combine(folder, "files"));
        file = new WandbFile(Path.Combine(folder, $"run-{id}.wandb"));
        ProtobufMessage config = new();
        foreach ((string key, JsonNode? value) in configuration ?? []) config.Add(Item, Entry(key, value?.ToJsonString() ?? "null"));
        ProtobufMessage run = new ProtobufMessage()
            .Add(RunId, id).Add(Entity, options.Entity).Add(Project, options.Project).Add(Configuration, config).Add(Group, options.Group)
            .Add(DisplayName, options.Name ?? NameOf(recipe.Encoder.Path)).Add(Notes, options.Notes);
        foreach (string tag in options.Tags) run.Add(Tags, tag);
        run.Add(Host, Environment.MachineName)
            .Add(StartTime, new ProtobufMessage().Add(1, started.ToUnixTimeSeconds()).Add(2, (long)(started.Millisecond * 1_000_000)));
        Write(Run, run);
    }

    /// <summary>Whether a section asks for files: its own mode, else that of the environment, is not <c>disabled</c>.</summary>
    public static bool IsWanted(WandbOptions options) => (options.Mode ?? Environment.GetEnvironmentVariable("WANDB_MODE")) != "disabled";

    public override void Stepped(TrainingRecord record)
    {
        WriteRow();
        if (record.Step % everySteps != 0) return;
        rowStep = record.Step;
        row["epoch"] = record.Epoch;
        row["loss"] = record.Loss;
        row["loss_avg_window"] = record.LossWindow;
        row["grad_norm"] = record.GradientNorm;
        row["lr"] = record.LearningRate;
        row["mem"] = Environment.WorkingSet / 1e9;
        row["time_per_step"] = record.Seconds;
        row["tokens_per_second"] = record.TokensPerSecond;
        foreach ((string name, double value) in record.Measures) row[name] = value;
    }

    public override void Validated(ValidationRecord record)
    {
        rowStep = record.Step;
        foreach ((string name, double value) in record.Metrics) row[name] = value;
    }

    public override void Ended(RunOutcome outcome)
    {
        WriteRow();
        ProtobufMessage last = new();
        foreach ((string name, double value) in summary) last.Add(Item, Entry(name, Text(value)));
        Write(Summary, last);
        bool success = outcome.Status is RunStatus.Completed or RunStatus.StoppedEarly;
        Write(Exit, new ProtobufMessage().Add(1, success ? 0L : FailedExit).Add(2, (long)(clock.GetUtcNow() - started).TotalSeconds));
        tell($"the run in Weights & Biases is uploaded by: wandb sync {folder}");
    }

    public void Dispose() => file.Dispose();

    /// <summary>The last two parts of the model's path, as the original names runs.</summary>
    private static string NameOf(string model) => string.Join('_', model.Split(['/', '\\'], StringSplitOptions.RemoveEmptyEntries).TakeLast(2));

    private static ProtobufMessage Entry(string key, string json) => new ProtobufMessage().Add(Key, key).Add(Json, json);

    // Wandb's spelling of what JSON lacks.
    private static string Text(double value) => double.IsFinite(value) ? value.ToString("R", CultureInfo.InvariantCulture) : $"\"{MetricsLog.Number(value)}\"";

    private void WriteRow()
    {
        if (rowStep is not { } step) return;
        DateTimeOffset now = clock.GetUtcNow();
        row["_step"] = step;
        row["_timestamp"] = now.ToUnixTimeMilliseconds() / 1000.0;
        row["_runtime"] = (now - started).TotalSeconds;
        ProtobufMessage history = new();
        foreach ((string name, double value) in row)
        {
            history.Add(Item, Entry(name, Text(value)));
            summary[name] = value;
        }

        Write(History, history.Add(HistoryStep, new ProtobufMessage().Add(1, (long)step)));
        row.Clear();
        rowStep = null;
    }

    private void Write(int kind, ProtobufMessage content) => file.Write(new ProtobufMessage().Add(Number, ++records).Add(kind, content).Bytes);
}
