using System.Runtime.InteropServices;

namespace Sirocco.Training;

/// <summary>How many queries make a step, how long a run is, and when it validates and saves: the <c>step_scheduler</c> section of a recipe.</summary>
public sealed record StepSchedulerOptions
{
    internal const int DefaultEpochs = 10;

    /// <summary>Queries in a step, over all micro-batches and ranks.</summary>
    public int GlobalBatchSize { get; init; } = 32;

    /// <summary>Queries in a micro-batch of one rank.</summary>
    public int LocalBatchSize { get; init; } = 1;

    /// <summary>Passes over the data; null takes as many as <see cref="MaxSteps"/> needs, or 10 where that is null too.</summary>
    public int? Epochs { get; init; } = DefaultEpochs;

    /// <summary>Steps at most; null ends with the last epoch.</summary>
    public int? MaxSteps { get; init; }

    /// <summary>Steps between checkpoints; null means an epoch.</summary>
    public int? CheckpointEverySteps { get; init; } = 100;

    /// <summary>Whether the last step of an epoch saves too.</summary>
    public bool CheckpointEveryEpoch { get; init; } = true;

    /// <summary>Whether a step that saves also validates.</summary>
    public bool ValidateOnCheckpoint { get; init; } = true;

    /// <summary>Steps between validations; null validates with checkpoints only.</summary>
    public int? ValidateEverySteps { get; init; }

    /// <summary>Steps between records that go to a tracking service.</summary>
    public int LogRemoteEverySteps { get; init; } = 1;

    /// <summary>Steps that the logged running mean of the loss reaches back.</summary>
    public int LossWindowSteps { get; init; } = 50;

    /// <summary>preemption_signal: signals after which the step in progress is finished and saved, and the run ends; for whoever listens to signals.</summary>
    public IReadOnlyList<PosixSignal> PreemptionSignals { get; init; } = [PosixSignal.SIGTERM];

    /// <summary>
    /// start_step: number of the first step. Counting alone begins there: the data do with their first batch, the schedule with its first rate.
    /// </summary>
    public int StartStep { get; init; }

    /// <summary>start_epoch: number of the first epoch.</summary>
    public int StartEpoch { get; init; }

    /// <summary>Micro-batches of a full step on one rank.</summary>
    /// <param name="ranks">Ranks that share a step.</param>
    /// <exception cref="ArgumentException">The sizes do not divide.</exception>
    public int Accumulation(int ranks)
    {
        long together = (long)LocalBatchSize * ranks, below = GlobalBatchSize / together * together;
        return GlobalBatchSize == below
            ? (int)(GlobalBatchSize / together)
            : throw new ArgumentException($"global_batch_size {GlobalBatchSize} is no multiple of local_batch_size {LocalBatchSize} times {ranks} rank(s); "
                + $"give {(below > 0 ? $"{below} or " : "")}{below + together}");
    }

    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    public void Validate()
    {
        Positive(GlobalBatchSize, "global_batch_size");
        Positive(LocalBatchSize, "local_batch_size");
        Positive(Epochs, "num_epochs");
        Positive(MaxSteps, "max_steps");
        Positive(CheckpointEverySteps, "ckpt_every_steps");
        Positive(ValidateEverySteps, "val_every_steps");
        Positive(LogRemoteEverySteps, "log_remote_every_steps");
        Positive(LossWindowSteps, "loss_average_window_steps");
        if (StartStep < 0) throw new ArgumentException($"start_step is {StartStep}; it must not be negative");
        if (StartEpoch < 0) throw new ArgumentException($"start_epoch is {StartEpoch}; it must not be negative");
    }

    private static void Positive(int? value, string key)
    {
        if (value <= 0) throw new ArgumentException($"{key} is {value}; it must be positive");
    }
}

/// <summary>Counts steps and epochs of a run and says what is due at each, as NeMo AutoModel's step scheduler does.</summary>
internal sealed class StepScheduler
{
    private readonly StepSchedulerOptions options;
    private int first;

    /// <param name="options">Sizes and intervals.</param>
    /// <param name="batchesPerEpoch">Micro-batches that a rank's loader gives in an epoch.</param>
    /// <param name="ranks">Ranks that share a step.</param>
    /// <exception cref="ArgumentException">The sizes do not divide, or there is no batch.</exception>
    public StepScheduler(StepSchedulerOptions options, int batchesPerEpoch, int ranks = 1)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (batchesPerEpoch < 1) throw new ArgumentException("the data do not fill a single batch");
        this.options = options;
        BatchesPerEpoch = batchesPerEpoch;
        Accumulation = options.Accumulation(ranks);
        EpochLength = (batchesPerEpoch + Accumulation - 1) / Accumulation;
        Epochs = options.Epochs ?? (options.MaxSteps is { } most ? (int)(((long)most + EpochLength - 1) / EpochLength) : StepSchedulerOptions.DefaultEpochs);
        TotalSteps = (int)Math.Min(options.MaxSteps ?? int.MaxValue, Math.Min(int.MaxValue, (long)Epochs * EpochLength));
        Step = first = options.StartStep;
        Epoch = options.StartEpoch;
    }

    /// <summary>Micro-batches of an epoch.</summary>
    public int BatchesPerEpoch { get; }

    /// <summary>Micro-batches of a full step.</summary>
    public int Accumulation { get; }

    /// <summary>Steps of an epoch; the last may have fewer micro-batches.</summary>
    public int EpochLength { get; }

    /// <summary>Epochs of the run.</summary>
    public int Epochs { get; }

    /// <summary>Steps of the run, counted from 0 wherever it starts.</summary>
    public int TotalSteps { get; }

    /// <summary>Number of the step that the run began with.</summary>
    public int First => first;

    /// <summary>Steps that the run has done, those before it was resumed included.</summary>
    public int Done => Step - first;

    /// <summary>The step in progress, or the next, from 0.</summary>
    public int Step { get; private set; }

    /// <summary>The epoch in progress, from 0.</summary>
    public int Epoch { get; private set; }

    /// <summary>Whether nothing is left to do.</summary>
    public bool IsDone => Step >= TotalSteps || Epoch >= Epochs;

    /// <summary>Place of <see cref="Step"/> within its epoch.</summary>
    public int StepInEpoch => Done % EpochLength;

    /// <summary>Micro-batches of the epoch that steps before this one have taken.</summary>
    public int BatchesConsumed => StepInEpoch * Accumulation;

    /// <summary>Micro-batches of this step: an epoch's last step makes do with what is left.</summary>
    public int MicroBatches => Math.Min(Accumulation, BatchesPerEpoch - BatchesConsumed);

    /// <summary>Whether this step is the last of its epoch.</summary>
    public bool IsLastOfEpoch => StepInEpoch == EpochLength - 1;

    /// <summary>Whether this step is the last of the run.</summary>
    public bool IsLast => Step + 1 >= TotalSteps || (Epoch == Epochs - 1 && IsLastOfEpoch);

    /// <summary>Whether a checkpoint is due after this step.</summary>
    public bool IsCheckpointStep => Due(options.CheckpointEverySteps ?? EpochLength) || (options.CheckpointEveryEpoch && IsLastOfEpoch) || IsLast;

    /// <summary>Whether validation is due after this step.</summary>
    public bool IsValidationStep => (options.ValidateEverySteps is { } every && Due(every)) || (options.ValidateOnCheckpoint && IsCheckpointStep);

    /// <summary>The step after this one, and its epoch.</summary>
    public (int Step, int Epoch) Next => (Step + 1, IsLastOfEpoch ? Epoch + 1 : Epoch);

    /// <summary>Goes on to the next step.</summary>
    public void Advance() => (Step, Epoch) = Next;

    /// <summary>Takes over the counts of a saved run.</summary>
    /// <param name="step">The next step.</param>
    /// <param name="epoch">The epoch it belongs to.</param>
    /// <param name="first">The step that the run began with.</param>
    public void Restore(int step, int epoch, int first = 0) => (Step, Epoch, this.first) = (step, epoch, first);

    private bool Due(int every) => Step % every == every - 1;
}
