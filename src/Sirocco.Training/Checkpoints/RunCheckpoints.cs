using System.Text;
using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>Saves a run and takes it up again (layout and rules of NeMo AutoModel 0.7; weights, moments and position in forms of our own).</summary>
internal sealed class RunCheckpoints : IDisposable
{
    /// <summary>The effective recipe in a checkpoint.</summary>
    public const string Configuration = "config.yaml";

    private const string Weights = "optim/weights.safetensors", Moments = "optim/moments.safetensors";

    private readonly RetrievalRecipe recipe;
    private readonly EncoderModel model;
    private readonly StudentProjection? projection;
    private readonly Optimizer optimizer;
    private readonly StepScheduler scheduler;
    private readonly EarlyStopping? stopping;
    private readonly string? configuration;
    private readonly RunFolder folder;

    /// <summary>Takes the run's folder.</summary>
    /// <param name="recipe">The run.</param>
    /// <param name="model">Its network.</param>
    /// <param name="projection">A distillation's, or null.</param>
    /// <param name="optimizer">Its weights and moments.</param>
    /// <param name="scheduler">Its position.</param>
    /// <param name="stopping">What ends it early, or null.</param>
    /// <param name="configuration">The recipe as YAML, for config.yaml; null: none.</param>
    /// <exception cref="IOException">Another process trains in it, or it cannot be written.</exception>
    public RunCheckpoints(
        RetrievalRecipe recipe, EncoderModel model, StudentProjection? projection, Optimizer optimizer, StepScheduler scheduler, EarlyStopping? stopping, string? configuration)
    {
        (this.recipe, this.model, this.projection, this.optimizer, this.scheduler, this.stopping, this.configuration) = (recipe, model, projection, optimizer, scheduler, stopping, configuration);
        folder = RunFolder.Open(recipe.Checkpoint.Folder);
    }

    /// <summary>Learning rate and weight decay, as the recipe or the checkpoint that was resumed has them.</summary>
    public required ParameterSchedule Schedule { get; set; }

    /// <summary>The newest checkpoint that this run saved or started from, or null.</summary>
    public string? Last { get; private set; }

    /// <summary>Goes on from a checkpoint where there is one: weights, moments and position are those that were saved. Nothing has changed when it throws.</summary>
    /// <param name="warn">Told of checkpoints that are passed over.</param>
    /// <exception cref="InvalidDataException">The checkpoint is damaged or another model's; the message names file and key.</exception>
    /// <exception cref="FileNotFoundException">restore_from names no checkpoint.</exception>
    public void Resume(Action<string> warn)
    {
        if (CheckpointChoice.Find(folder, recipe.Checkpoint.RestoreFrom, configuration, warn) is { } checkpoint)
        {
            Restore(checkpoint);
            Last = checkpoint;
        }

        AbandonedRecords.Move(folder.Path, scheduler.Step);
    }

    /// <summary>Saves the run after the step that the scheduler stands at.</summary>
    /// <param name="record">What the step did.</param>
    /// <param name="validation">The validation after it, or null.</param>
    /// <param name="isLast">Whether the run ends with it.</param>
    /// <param name="cancellation">Leaves earlier checkpoints as they were, and nothing of this one.</param>
    public void Save(TrainingRecord record, ValidationRecord? validation, bool isLast, CancellationToken cancellation)
    {
        CheckpointName name = new(record.Epoch, record.Step);
        bool export = recipe.Checkpoint.Export == ConsolidatedExport.Every || (recipe.Checkpoint.Export == ConsolidatedExport.Final && isLast);
        CheckpointState state = State(validation);
        folder.Publish(name, staged =>
        {
            Directory.CreateDirectory(Path.Combine(staged, "optim"));
            ArenaFile.Write(Path.Combine(staged, Weights), optimizer.Arena, WeightBlocks, cancellation);
            ArenaFile.Write(Path.Combine(staged, Moments), optimizer.Arena, MomentBlocks, cancellation);
            ModelArtifacts.Write(recipe, model, projection, staged, export, cancellation);
            if (configuration is not null) AtomicFile.WriteAllText(Path.Combine(staged, Configuration), configuration);
            AtomicFile.WriteAllText(Path.Combine(staged, "losses.json"), Losses(record, validation));
            state.Write(staged);
        });
        if (projection is not null && export) ModelArtifacts.WriteStudent(recipe, (BiEncoder)model, projection, folder.StudentOf(name), name, cancellation);
        Last = folder.PathOf(name);
        BestCheckpoints best = BestCheckpoints.Of(folder, recipe.Checkpoint);
        if (best.Best is { } lowest) folder.LowestValidation.PointTo(lowest);
        if (recipe.Checkpoint.KeepLast is { } recent) folder.Prune(recent, best.Kept);
    }

    public void Dispose() => folder.Dispose();

    private IReadOnlyList<(string Prefix, ArenaSlice Values)> WeightBlocks => [("", optimizer.Arena.Masters)];

    private IReadOnlyList<(string Prefix, ArenaSlice Values)> MomentBlocks => [.. optimizer.States.Select(state => (state.Name + ".", state.Values))];

    private CheckpointState State(ValidationRecord? validation)
    {
        (int step, int epoch) = scheduler.Next;
        return new CheckpointState
        {
            Serial = folder.NextSerial(),
            Step = step,
            FirstStep = scheduler.First,
            Epoch = epoch,
            BatchesPerEpoch = scheduler.BatchesPerEpoch,
            Accumulation = scheduler.Accumulation,
            Seed = recipe.Seed,
            Optimizer = optimizer.Options.Kind.ToString(),
            Updates = optimizer.Arena.Parameters.Zip(optimizer.Steps).ToDictionary(pair => pair.First.Name, pair => pair.Second, StringComparer.Ordinal),
            Validation = new Dictionary<string, double>(validation?.Metrics ?? []),
            Course = recipe.ParameterSchedule is null ? null : SavedCourse.Of(Schedule),
            EarlyStopping = stopping?.State,
        };
    }

    private void Restore(string checkpoint)
    {
        // 1. Everything is read as far as it can be wrong.
        CheckpointState state = CheckpointState.Read(checkpoint);
        Check(state, Path.Combine(checkpoint, CheckpointState.FileName));
        using TensorArchive weights = SafetensorsFile.Open(Path.Combine(checkpoint, Weights)), moments = SafetensorsFile.Open(Path.Combine(checkpoint, Moments));
        ParameterArena arena = optimizer.Arena;
        Action readWeights = ArenaFile.Bind(weights, arena, WeightBlocks), readMoments = ArenaFile.Bind(moments, arena, MomentBlocks);

        ParameterSchedule course = state.Course is { } saved && recipe.ParameterSchedule is { } options ? saved.Apply(Schedule, options, Path.Combine(checkpoint, CheckpointState.FileName)) : Schedule;

        // 2. From here on nothing fails.
        Schedule = course;
        readWeights();
        readMoments();
        arena.MastersChanged();
        optimizer.RestoreSteps([.. arena.Parameters.Select(parameter => state.Updates[parameter.Name])]);
        scheduler.Restore(state.Step, state.Epoch, state.FirstStep);
        if (state.EarlyStopping is { } seen) stopping?.Restore(seen);
    }

    private void Check(CheckpointState state, string file)
    {
        string rule = optimizer.Options.Kind.ToString();
        if (state.Seed != recipe.Seed) throw Different(file, "seed", state.Seed, recipe.Seed);
        if (state.Optimizer != rule) throw Different(file, "optimizer", state.Optimizer, rule);
        if (state.BatchesPerEpoch != scheduler.BatchesPerEpoch) throw Different(file, "batches_per_epoch", state.BatchesPerEpoch, scheduler.BatchesPerEpoch);
        if (state.Accumulation != scheduler.Accumulation) throw Different(file, "accumulation", state.Accumulation, scheduler.Accumulation);
        if (optimizer.Arena.Parameters.FirstOrDefault(parameter => !state.Updates.ContainsKey(parameter.Name)) is { } missing)
            throw new InvalidDataException($"{file}: updates has no '{missing.Name}'; the checkpoint belongs to another model or adapter, name another checkpoint.checkpoint_dir or restore_from");
    }

    private static InvalidDataException Different<T>(string file, string key, T saved, T own) =>
        new($"{file}: {key} is {saved}, this run has {own}; give the recipe and the data that the checkpoint was made with, or another checkpoint.checkpoint_dir");

    private static string Losses(TrainingRecord record, ValidationRecord? validation)
    {
        StringBuilder text = new("{\"train_loss\": ");
        text.Append(MetricsLog.Number(record.Loss));
        if (validation?[ValidationRecord.LossName] is { } loss) text.Append(", \"val_loss\": ").Append(MetricsLog.Number(loss));
        return text.Append('}').ToString();
    }
}
