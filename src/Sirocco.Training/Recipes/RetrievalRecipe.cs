using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>
/// A training run: what all recipes share. A recipe file is read by <see cref="RecipeFile"/>; in code the same run is written with the records themselves.
/// </summary>
public abstract record RetrievalRecipe
{
    private readonly TokenizerOptions? tokenizer;

    /// <summary>Where the random start of weights, the order of rows and dropout come from (seed).</summary>
    public long Seed { get; init; } = 42;

    /// <summary>What scores are divided by before the softmax of the loss (temperature).</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>The model that trains, whatever its task.</summary>
    public abstract EncoderModelOptions Encoder { get; }

    /// <summary>How texts become tokens (tokenizer); unless given, by the model's own files.</summary>
    public TokenizerOptions Tokenizer
    {
        get => tokenizer ?? new TokenizerOptions { Path = Encoder.Path };
        init => tokenizer = value;
    }

    /// <summary>Questions with their passages to train on (dataset).</summary>
    public required RetrievalDatasetOptions Dataset { get; init; }

    /// <summary>How they are put into batches (dataloader).</summary>
    public DataLoaderOptions DataLoader { get; init; } = new();

    /// <summary>Held-out questions (validation_dataset); null validates on none.</summary>
    public RetrievalDatasetOptions? ValidationDataset { get; init; }

    /// <summary>How those are put into batches (validation_dataloader).</summary>
    public DataLoaderOptions ValidationDataLoader { get; init; } = new();

    /// <summary>How many queries make a step, how long the run is, when it validates and saves (step_scheduler).</summary>
    public StepSchedulerOptions StepScheduler { get; init; } = new();

    /// <summary>The rule by which gradients change weights (optimizer).</summary>
    public OptimizerOptions Optimizer { get; init; } = new();

    /// <summary>The course of learning rate and weight decay (lr_scheduler); null keeps both as they are.</summary>
    public ParameterScheduleOptions? ParameterSchedule { get; init; }

    /// <summary>The length that longer gradients are shortened to (clip_grad_norm.max_norm); null leaves them, which no recipe file can ask for.</summary>
    public double? ClipNorm { get; init; } = 1;

    /// <summary>Where and how the run keeps its state (checkpoint).</summary>
    public CheckpointOptions Checkpoint { get; init; } = new();

    /// <summary>How ranks share the work (distributed).</summary>
    public DistributedOptions Distributed { get; init; } = new();

    /// <summary>The run's record for Weights and Biases (wandb); null writes none.</summary>
    public WandbOptions? Wandb { get; init; }

    /// <summary>Adapters that train in place of the weights (peft); null trains the weights.</summary>
    public AdapterOptions? Adapter { get; init; }

    /// <summary>
    /// Modules whose weights stay as they are while the others train (freeze), by whole components of their names (<see cref="FrozenModules"/>).
    /// </summary>
    public IReadOnlyList<string> Frozen { get; init; } = [];

    /// <summary>The precision of products (precision); null: as the recipe's autocast says, else bf16 where weights are held so, else f32.</summary>
    public Precision? Precision { get; init; }

    /// <summary>Whether positions count the columns of the padded batch, as the original does, or real tokens (data.positions).</summary>
    public PositionCount Positions { get; init; }

    /// <summary>A corpus that is searched at every validation (evaluation); null searches none.</summary>
    public CorpusEvaluationOptions? Evaluation { get; init; }

    /// <summary>When a run ends that no longer becomes better (early_stopping); null: never before its time.</summary>
    public EarlyStoppingOptions? EarlyStopping { get; init; }

    /// <summary>A safetensors file with values of parameters that would start at random, by the names inside the wrapper; null leaves them random.</summary>
    public string? InitialWeights { get; init; }

    /// <summary>
    /// How weights that do not train are held beside an adapter; null: as <see cref="EncoderModelOptions.WeightType"/> says. FSDP2 casts them to its policy's
    /// type, bf16 unless given, whatever the type of the model and the number of ranks.
    /// </summary>
    public ElementType? FrozenType => Adapter is not null && Distributed.Strategy == DistributedStrategy.Fsdp2 ? Distributed.ParameterType : null;

    /// <summary>
    /// The type that decides the precision of products where <see cref="Precision"/> does not; null: that of the model's file. A distillation is computed as
    /// its weights are held.
    /// </summary>
    internal ElementType? ComputedType => (this is DistillationRecipe ? null : Distributed.AutocastType) ?? HeldType;

    /// <summary>The type that the recipe asks weights to be held in where they do not train; null: that of the model's file.</summary>
    internal ElementType? HeldType => FrozenType ?? Encoder.WeightType;

    /// <summary>Refuses settings that are out of range or contradict each other, before anything is loaded.</summary>
    /// <exception cref="ArgumentException">Says by its first word which key is wrong, and what to give.</exception>
    internal virtual void Validate()
    {
        if (!(Temperature > 0 && double.IsFinite(Temperature))) throw new ArgumentException($"temperature is {Temperature}; give a number above 0");
        if (ClipNorm is { } norm && !(norm > 0)) throw new ArgumentException($"clip_grad_norm.max_norm is {norm}; give a number above 0");
        Section("step_scheduler", () =>
        {
            StepScheduler.Validate();
            StepScheduler.Accumulation(Distributed.Ranks);
        });
        Section("optimizer", Optimizer.Validate);
        if (ParameterSchedule is { } schedule) Section("lr_scheduler", () => ValidateSchedule(schedule));
        Adapter?.Validate();
        if (Adapter is not null && Frozen.Count > 0)
            throw new ArgumentException("freeze has no place beside peft, which freezes every weight of the model; leave it out");
        ValidateMetrics();
    }

    /// <summary>Puts a section's name before the key of what is wrong in it.</summary>
    private protected static void Section(string name, Action validate)
    {
        try
        {
            validate();
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"{name}.{e.Message}", e);
        }
    }

    // How long the run is, is known when the data are read. It has max_steps at most; where the course has a length of its own, a shorter run may miss what
    // would be wrong at its end.
    private void ValidateSchedule(ParameterScheduleOptions schedule) => Training.ParameterSchedule.Resolve(
        schedule, Optimizer.LearningRate, Optimizer.WeightDecay, schedule.DecaySteps is null ? StepScheduler.MaxSteps ?? int.MaxValue : 0);

    private void ValidateMetrics()
    {
        string[] ofGroups = [ValidationRecord.LossName, ValidationRecord.AccuracyName, ValidationRecord.ReciprocalRankName];
        IReadOnlyList<string> ofCorpus = Evaluation?.Metrics ?? [];
        string best = Checkpoint.BestMetric;
        if (best != CheckpointOptions.DefaultMetric && !ofGroups.Contains(best) && !ofCorpus.Contains(best))
        {
            throw new ArgumentException(
                $"checkpoint.best_metric_key is '{Visible.Short(best)}'; give default, {string.Join(", ", ofGroups)}, or a metric of an evaluation section");
        }
        if (Checkpoint.KeepBest is not null)
        {
            if (Checkpoint.KeepLast is null)
                throw new ArgumentException("checkpoint.keep_best needs max_recent_checkpoints beside it: without that every checkpoint stays");
            if (!ofCorpus.Contains(best) && ValidationDataset is null)
            {
                throw new ArgumentException("checkpoint.keep_best has nothing to go by; give best_metric_key a metric of an evaluation section, "
                    + "such as ndcg@10, or the recipe a validation_dataset");
            }
        }

        if (EarlyStopping is not { } stopping) return;
        if (StepScheduler is { ValidateOnCheckpoint: false, ValidateEverySteps: null })
            throw new ArgumentException("early_stopping has no validation to watch; give step_scheduler.val_every_steps or validate_on_checkpoint: true");
        if (stopping.Patience < 1) throw new ArgumentException($"early_stopping.patience is {stopping.Patience}; give a whole number from 1 up");
        if (!ofCorpus.Contains(stopping.Metric) && !(ofGroups.Contains(stopping.Metric) && ValidationDataset is not null))
        {
            throw new ArgumentException($"early_stopping.metric is '{Visible.Short(stopping.Metric)}'; "
                + $"give {string.Join(", ", ofGroups)} with a validation_dataset, or a metric of an evaluation section");
        }
    }
}

/// <summary>Training of a bi-encoder by contrast of a positive with negatives.</summary>
public sealed record BiEncoderRecipe : RetrievalRecipe
{
    /// <summary>What trains (model).</summary>
    public required BiEncoderModelOptions Model { get; init; }

    /// <inheritdoc/>
    public override EncoderModelOptions Encoder => Model;

    /// <summary>How texts become batches (dataloader.collate_fn).</summary>
    public BiEncoderCollatorOptions Collator { get; init; } = new();

    /// <summary>The same in validation (validation_dataloader.collate_fn); null: as in training.</summary>
    public BiEncoderCollatorOptions? ValidationCollator { get; init; }

    /// <summary>In what pieces a micro-batch is encoded (grad_cache); null: in one.</summary>
    public GradientCacheOptions? GradientCache { get; init; }

    /// <summary>Shorter vectors that the loss is taken over too (matryoshka); null: none.</summary>
    public MatryoshkaOptions? Matryoshka { get; init; }

    /// <summary>Which passages of other queries are no negatives (false_negatives).</summary>
    public FalseNegativeOptions FalseNegatives { get; init; } = new();

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        if (GradientCache is { MicroBatchSize: < 1 and var size })
            throw new ArgumentException($"grad_cache.micro_batch_size is {size}; give a whole number from 1 up");
        Matryoshka?.Validate();
        if (FalseNegatives.Rule != FalseNegativeRule.Identity && !Model.InBatchNegatives)
        {
            throw new ArgumentException(
                "false_negatives needs model.do_distributed_inbatch_negative: true; without it no passage of another query is a candidate");
        }
        if (!Model.MultiVector) return;
        foreach ((string section, object? given) in ((string, object?)[])[("matryoshka", Matryoshka), ("grad_cache", GradientCache),
            ("evaluation", Evaluation)])
        {
            if (given is not null)
            {
                throw new ArgumentException(
                    $"{section} needs one vector for a text, but model.pooling {Model.MultiVectorName} keeps one for each token; leave the section out");
            }
        }
    }
}

/// <summary>Training of a cross-encoder: cross-entropy of the positive among the passages of a query.</summary>
public sealed record CrossEncoderRecipe : RetrievalRecipe
{
    /// <summary>What trains (model).</summary>
    public required CrossEncoderModelOptions Model { get; init; }

    /// <inheritdoc/>
    public override EncoderModelOptions Encoder => Model;

    /// <summary>How pairs of texts become batches (dataloader.collate_fn).</summary>
    public required CrossEncoderCollatorOptions Collator { get; init; }

    /// <summary>The same in validation (validation_dataloader.collate_fn); null: as in training.</summary>
    public CrossEncoderCollatorOptions? ValidationCollator { get; init; }

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        if (Model.Labels is > 1 and var labels) throw new ArgumentException($"model.num_labels is {labels}; give 1: a passage has one score in training");
        if (Temperature != 1 && Model.Temperature is { } own && own != 1)
            throw new ArgumentException($"temperature is {Temperature} and model.temperature {own}; leave one of them at 1, or scores are divided twice");
        if (Evaluation is not null)
            throw new ArgumentException("evaluation searches a corpus by vectors, which a cross-encoder does not give; leave the section out");
    }
}

/// <summary>Training of a student to give a teacher's vectors.</summary>
public sealed record DistillationRecipe : RetrievalRecipe
{
    /// <summary>The student (model).</summary>
    public required StudentModelOptions Model { get; init; }

    /// <inheritdoc/>
    public override EncoderModelOptions Encoder => Model;

    /// <summary>What it follows (teacher_model); null where the collator's cache takes its place.</summary>
    public TeacherModelOptions? Teacher { get; init; }

    /// <summary>How texts become batches (dataloader.collate_fn).</summary>
    public DistillationCollatorOptions Collator { get; init; } = new();

    /// <summary>The same in validation (validation_dataloader.collate_fn); null: as in training.</summary>
    public DistillationCollatorOptions? ValidationCollator { get; init; }

    /// <summary>The terms of the loss.</summary>
    public DistillationLosses Losses { get; init; } = new();

    /// <summary>Learning rate of the projection (projection_lr); null: the optimizer's.</summary>
    public double? ProjectionLearningRate { get; init; }

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        if (Model.TeacherHiddenSize < 1)
            throw new ArgumentException($"model.teacher_hidden_size is {Model.TeacherHiddenSize}; give the teacher's number of features");
        if (Teacher is null && Collator.TeacherCache is null) throw new ArgumentException("teacher_model is missing; give it, or a teacher_embeddings_cache");
        if (ProjectionLearningRate < 0) throw new ArgumentException($"projection_lr is {ProjectionLearningRate}; give a number from 0 up");
        if (Collator.TeacherCache is not null && Losses.IntermediateWeight > 0)
        {
            throw new ArgumentException(
                "intermediate_loss_weight is above 0, but cached embeddings have no layers; give 0, or a teacher_model in place of the cache");
        }
        Losses.Validate();
    }
}
