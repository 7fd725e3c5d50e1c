using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// <c>run.json</c>: what it takes to repeat a run and to know what came of it. Configuration, command, seeds, versions, machine and fingerprints of the data
/// are written before the first step, outcome and last metrics when the run ends. Each time it went on is a part of its own.
/// </summary>
internal sealed class RunFile : TrainingObserver
{
    public const string Name = "run.json";

    private readonly string path;
    private readonly TimeProvider clock;
    private readonly JsonObject content;
    private readonly JsonObject part;
    private TrainingRecord? lastStep;
    private ValidationRecord? lastValidation;

    /// <param name="recipe">What runs.</param>
    /// <param name="command">The command line that starts it again, or null.</param>
    /// <param name="configuration">The effective configuration, or null.</param>
    /// <param name="context">The device.</param>
    /// <param name="data">The data and what they are for.</param>
    /// <param name="firstStep">The step that this part of the run begins with.</param>
    /// <param name="clock">Gives the time; null: the system's.</param>
    public RunFile(
        RetrievalRecipe recipe,
        IReadOnlyList<string>? command,
        JsonObject? configuration,
        ComputeContext context,
        IEnumerable<(string Use, RetrievalDatasetOptions Options, RetrievalDataset Dataset)> data,
        int firstStep,
        TimeProvider? clock = null)
    {
        path = Path.Combine(recipe.Checkpoint.Folder, Name);
        this.clock = clock ?? TimeProvider.System;
        JsonObject? earlier = firstStep > 0 ? Earlier(path) : null;
        part = new JsonObject { ["started"] = Time(), ["ended"] = null, ["first_step"] = firstStep, ["status"] = "running" };
        content = new JsonObject
        {
            ["status"] = "running",
            ["command"] = command is null ? null : string.Join(' ', command.Select(Quoted)),
            ["working_directory"] = Environment.CurrentDirectory,
            ["seeds"] = new JsonObject
            {
                ["recipe"] = recipe.Seed,
                ["dataset"] = recipe.Dataset.Seed,
                ["validation_dataset"] = recipe.ValidationDataset?.Seed,
            },
            ["versions"] = new JsonObject
            {
                ["sirocco"] = typeof(RunFile).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion,
                ["dotnet"] = Environment.Version.ToString(),
                ["os"] = RuntimeInformation.OSDescription,
                ["architecture"] = RuntimeInformation.ProcessArchitecture.ToString(),
            },
            ["machine"] = new JsonObject
            {
                ["host"] = Environment.MachineName,
                ["cpu"] = Processor(),
                ["cores"] = Environment.ProcessorCount,
                ["threads"] = context.Threads,
                ["kernels"] = context.KernelDescription,
                ["deterministic"] = context.Deterministic,
            },
            ["data"] = new JsonArray([.. data.SelectMany(set => Describe(set.Use, set.Options, set.Dataset))]),
            ["configuration"] = configuration?.DeepClone(),
            ["parts"] = new JsonArray([.. earlier?["parts"] is JsonArray parts ? parts.OfType<JsonObject>().Select(one => one.DeepClone()) : [], part]),
            ["metrics"] = earlier?["metrics"]?.DeepClone(), // until this part has some
        };
    }

    public override void Started(TrainingPlan plan)
    {
        content["plan"] = new JsonObject
        {
            ["parameters"] = plan.Parameters,
            ["trained_parameters"] = plan.Trained,
            ["examples"] = plan.Examples,
            ["steps"] = plan.Steps,
            ["precision"] = plan.Precision.ToString().ToLowerInvariant(),
        };
        Write();
    }

    public override void Stepped(TrainingRecord record) => lastStep = record;

    public override void Validated(ValidationRecord record) => lastValidation = record;

    public override void Ended(RunOutcome outcome)
    {
        string status = outcome.Status switch
        {
            RunStatus.Completed => "completed",
            RunStatus.StoppedEarly => "stopped early",
            RunStatus.Cancelled => "cancelled",
            _ => "failed",
        };
        content["status"] = status;
        part["status"] = status;
        part["ended"] = Time();
        if (outcome.Reason is not null) part["reason"] = outcome.Reason;
        if (lastStep is { } step)
        {
            part["last_step"] = step.Step;
            JsonObject metrics = new()
            {
                ["loss"] = Number(step.Loss),
                ["loss_avg_window"] = Number(step.LossWindow),
                ["grad_norm"] = Number(step.GradientNorm),
                ["lr"] = Number(step.LearningRate),
                ["tokens_per_second"] = Number(step.TokensPerSecond),
            };
            foreach ((string name, double value) in step.Measures.Concat(lastValidation?.Metrics ?? [])) metrics[name] = Number(value);
            content["metrics"] = metrics;
        }

        Write();
    }

    private void Write() => AtomicFile.Write(path, stream =>
    {
        using Utf8JsonWriter writer = new(
            stream, new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        content.WriteTo(writer);
    });

    private string Time() => clock.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>What JSON has no number for is null.</summary>
    private static JsonValue? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;

    /// <summary>Sources and corpora of a data set: rows, and fingerprints of what was read.</summary>
    internal static IEnumerable<JsonNode> Describe(string use, RetrievalDatasetOptions options, RetrievalDataset dataset)
    {
        foreach (RetrievalSource source in options.Sources)
        {
            dataset.Readings.TryGetValue(source.Path, out SourceReading? read);
            yield return Describe(use, source.Path, read?.Rows, read?.Place ?? source.Path);
        }

        foreach (Corpus corpus in dataset.Corpora) yield return Describe($"{use} corpus", corpus.Description.Path, corpus.Count, corpus.Description.Path);
    }

    /// <param name="use">What the data are for.</param>
    /// <param name="path">As the recipe names them.</param>
    /// <param name="rows">Records.</param>
    /// <param name="place">Where they lie on this machine; a snapshot of the hub is named after its revision.</param>
    private static JsonObject Describe(string use, string path, int? rows, string place)
    {
        JsonObject described = new() { ["use"] = use, ["path"] = path, ["rows"] = rows };
        if (path.StartsWith(HubSource.Prefix, StringComparison.Ordinal) && place != path) described["revision"] = Path.GetFileName(place);
        if (DataFingerprint.Of(place) is not { } fingerprint) return described;
        described["files"] = fingerprint.Files;
        described["bytes"] = fingerprint.Bytes;
        described["sha256"] = fingerprint.Sha256;
        return described;
    }

    /// <summary>An earlier run.json; a damaged one is no reason not to go on.</summary>
    private static JsonObject? Earlier(string path)
    {
        try
        {
            return File.Exists(path) ? JsonNode.Parse(File.ReadAllText(path)) as JsonObject : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>A word as a POSIX shell takes it.</summary>
    private static string Quoted(string word) =>
        word.Length > 0 && word.All(character => char.IsAsciiLetterOrDigit(character) || "-_./=:,@%+".Contains(character, StringComparison.Ordinal)) ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static string Processor()
    {
        const string Cpus = "/proc/cpuinfo";
        string? line = File.Exists(Cpus) ? File.ReadLines(Cpus).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER")
            ?? RuntimeInformation.ProcessArchitecture.ToString();
    }
}
