using System.Text;
using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>Saves a run and takes it up again (layout and rules of NeMo AutoModel 0.7; weights, moments and position in forms of our own).</summary>
internal sealed class RunCheckpoints
{
    /// <summary>The effective recipe in a checkpoint.</summary>
    public const string Configuration = "config.yaml";

    private const string Weights = "optim/weights.safetensors", Moments = "optim/moments.safetensors";

    /// <summary>Files of a checkpoint without which nothing goes on.</summary>
    public static IReadOnlyList<string> Needed { get; } = [Weights, Moments, CheckpointState.FileName];

    private readonly RetrievalRecipe recipe;
    private readonly EncoderModel model;
    private readonly StudentProjection? projection;
    private readonly Optimizer optimizer;
    private readonly StepScheduler scheduler;
    private readonly EarlyStopping? stopping;
    private readonly string? configuration;
    private readonly RunFolder folder;
    private IReadOnlyList<SerialRange> abandoned = [];

    /// <param name="folder">The run's.</param>
    /// <param name="recipe">The run.</param>
    /// <param name="model">Its network.</param>
    /// <param name="projection">A distillation's, or null.</param>
    /// <param name="optimizer">Its weights and moments.</param>
    /// <param name="scheduler">Its position.</param>
    /// <param name="stopping">What ends it early, or null.</param>
    /// <param name="configuration">The recipe as YAML, for config.yaml; null: none.</param>
    public RunCheckpoints(
        RunFolder folder, RetrievalRecipe recipe, EncoderModel model, StudentProjection? projection, Optimizer optimizer, StepScheduler scheduler,
        EarlyStopping? stopping, string? configuration)
    {
        (this.folder, this.recipe, this.model, this.projection, this.optimizer, this.scheduler, this.stopping, this.configuration) =
            (folder, recipe, model, projection, optimizer, scheduler, stopping, configuration);
    }

    /// <summary>Learning rate and weight decay, as the recipe or the checkpoint that was resumed has them.</summary>
    public required ParameterSchedule Schedule { get; set; }

    /// <summary>The newest checkpoint that this run saved or started from, or null.</summary>
    public string? Last { get; private set; }

    /// <summary>
    /// Goes on from a checkpoint where there is one: weights, moments and position are those that were saved. Nothing has changed when it throws.
    /// </summary>
    /// <param name="checkpoint">What <see cref="CheckpointChoice"/> found.</param>
    /// <param name="warn">Told of what differs where restore_from asks for the checkpoint.</param>
    /// <exception cref="InvalidDataException">The checkpoint is damaged or another model's; the message names file and key.</exception>
    public void Resume(string? checkpoint, Action<string> warn)
    {
        if (checkpoint is not null) Restore(checkpoint, warn);
        Last = checkpoint;
        if (checkpoint is not null) PointToBest(); // a run that was killed while it saved may not have come so far
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
        if (Last is null) folder.SetAside(); // another model's, which this run would otherwise replace and prune
        CheckpointState state = State(validation);
        if (projection is not null) ModelArtifacts.WriteStudent(recipe, (BiEncoder)model, projection, folder.StudentOf(name), name, cancellation);
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
        Last = folder.PathOf(name);
        BestCheckpoints best = PointToBest();
        if (recipe.Checkpoint.KeepLast is { } recent) folder.Prune(recent, best.Kept);
    }

    private BestCheckpoints PointToBest()
    {
        BestCheckpoints best = BestCheckpoints.Of(folder, recipe.Checkpoint, abandoned);
        if (best.Best is { } lowest) folder.LowestValidation.PointTo(lowest);
        else folder.LowestValidation.Remove();
        return best;
    }

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
            Abandoned = abandoned,
        };
    }

    private void Restore(string checkpoint, Action<string> warn)
    {
        // 1. Everything is read as far as it can be wrong.
        CheckpointState state = CheckpointState.Read(checkpoint);
        Check(state, Path.Combine(checkpoint, CheckpointState.FileName), warn);
        using TensorArchive weights = SafetensorsFile.Open(Path.Combine(checkpoint, Weights)),
            moments = SafetensorsFile.Open(Path.Combine(checkpoint, Moments));
        ParameterArena arena = optimizer.Arena;
        Action readWeights = ArenaFile.Bind(weights, arena, WeightBlocks);
        Action? readMoments = BindMoments(moments, warn);

        ParameterSchedule course = state.Course is { } saved && recipe.ParameterSchedule is { } options
            ? saved.Apply(Schedule, options, Path.Combine(checkpoint, CheckpointState.FileName))
            : Schedule;
        if (SavedCourse.Of(course) != SavedCourse.Of(Schedule))
        {
            warn($"{checkpoint}: its learning-rate course goes on (max_lr {course.Maximum}, lr_decay_steps {course.DecaySteps}), not the recipe's "
                + $"(max_lr {Schedule.Maximum}, lr_decay_steps {Schedule.DecaySteps}); lr_scheduler.override_opt_param_scheduler: true takes the recipe's");
        }

        // 2. From here on nothing fails.
        Schedule = course;
        readWeights();
        readMoments?.Invoke();
        arena.MastersChanged();
        if (readMoments is not null) optimizer.RestoreSteps([.. arena.Parameters.Select(parameter => state.Updates[parameter.Name])]);
        scheduler.Restore(state.Step, state.Epoch, state.FirstStep);
        if (state.EarlyStopping is { } seen) stopping?.Restore(seen);
        abandoned = Abandoned(checkpoint, state);
    }

    /// <summary>What the run leaves behind by going on from a checkpoint: all that was saved after it, and everything where it comes from elsewhere.</summary>
    private IReadOnlyList<SerialRange> Abandoned(string checkpoint, CheckpointState state)
    {
        bool isOwn = Path.GetFullPath(Path.GetDirectoryName(checkpoint) ?? ".") == Path.GetFullPath(folder.Path);
        SerialRange left = new(isOwn ? state.Serial + 1 : 0, folder.NextSerial() - 1);
        IReadOnlyList<SerialRange> before = isOwn ? state.Abandoned : [];
        return left.First <= left.Last ? [.. before, left] : before;
    }

    /// <summary>
    /// Compares a checkpoint with this run. By itself a run goes on only where it was; whoever names a checkpoint in restore_from gets it, and is told what
    /// differs, as in the original.
    /// </summary>
    private void Check(CheckpointState state, string file, Action<string> warn)
    {
        if (optimizer.Arena.Parameters.FirstOrDefault(parameter => !state.Updates.ContainsKey(parameter.Name)) is { } missing)
        {
            throw new InvalidDataException($"{file}: updates has no '{missing.Name}'; "
                + "the checkpoint belongs to another model or adapter, name another checkpoint.checkpoint_dir or restore_from");
        }
        Compare("seed", state.Seed, recipe.Seed);
        Compare("optimizer", state.Optimizer, optimizer.Options.Kind.ToString());
        Compare("batches_per_epoch", state.BatchesPerEpoch, scheduler.BatchesPerEpoch);
        Compare("accumulation", state.Accumulation, scheduler.Accumulation);

        void Compare<T>(string key, T saved, T own)
        {
            if (EqualityComparer<T>.Default.Equals(saved, own)) return;
            string difference = $"{file}: {key} is {saved}, this run has {own}";
            if (!IsAskedFor)
            {
                throw new InvalidDataException($"{difference}; give the recipe and the data that the checkpoint was made with, "
                    + "or another checkpoint.checkpoint_dir, or name the checkpoint in checkpoint.restore_from");
            }
            warn($"{difference}; it is used because restore_from asks for it");
        }
    }

    /// <summary>
    /// Copies the moments of a checkpoint; null where they are of an optimizer that keeps others, which is allowed where restore_from asks for the checkpoint.
    /// </summary>
    private Action? BindMoments(TensorArchive moments, Action<string> warn)
    {
        IReadOnlyList<(string Prefix, ArenaSlice Values)> blocks = MomentBlocks;
        string any = optimizer.Arena.Parameters[0].Name;
        bool same = moments.Tensors.Count == blocks.Count * optimizer.Arena.Parameters.Count && blocks.All(block => moments.Contains(block.Prefix + any));
        if (same || !IsAskedFor) return ArenaFile.Bind(moments, optimizer.Arena, blocks);
        warn($"{moments.Path}: holds the moments of another optimizer; this run's start at zero");
        return null;
    }

    private bool IsAskedFor => recipe.Checkpoint.RestoreFrom is not null;

    private static string Losses(TrainingRecord record, ValidationRecord? validation)
    {
        StringBuilder text = new("{\"train_loss\": ");
        text.Append(MetricsLog.Number(record.Loss));
        if (validation?[ValidationRecord.LossName] is { } loss) text.Append(", \"val_loss\": ").Append(MetricsLog.Number(loss));
        return text.Append('}').ToString();
    }
}
