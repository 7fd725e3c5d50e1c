using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>A training run: what all recipes share. A recipe file is read by <see cref="RecipeFile"/>; in code the same run is written with the records themselves.</summary>
public abstract record RetrievalRecipe
{
    /// <summary>seed of weights, order and dropout.</summary>
    public int Seed { get; init; } = 42;

    /// <summary>Scores are divided by this.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>The model that trains, whatever its task.</summary>
    public abstract EncoderModelOptions Encoder { get; }

    /// <summary>tokenizer</summary>
    public required TokenizerOptions Tokenizer { get; init; }

    /// <summary>dataset</summary>
    public required RetrievalDatasetOptions Dataset { get; init; }

    /// <summary>dataloader</summary>
    public DataLoaderOptions DataLoader { get; init; } = new();

    /// <summary>validation_dataset, or null for no validation.</summary>
    public RetrievalDatasetOptions? ValidationDataset { get; init; }

    /// <summary>validation_dataloader</summary>
    public DataLoaderOptions ValidationDataLoader { get; init; } = new();

    /// <summary>step_scheduler</summary>
    public StepSchedulerOptions StepScheduler { get; init; } = new();

    /// <summary>optimizer</summary>
    public OptimizerOptions Optimizer { get; init; } = new();

    /// <summary>lr_scheduler; null keeps learning rate and weight decay as they are.</summary>
    public ParameterScheduleOptions? ParameterSchedule { get; init; }

    /// <summary>clip_grad_norm.max_norm: longer gradients are shortened to this length; null leaves them.</summary>
    public double? ClipNorm { get; init; } = 1;

    /// <summary>checkpoint</summary>
    public CheckpointOptions Checkpoint { get; init; } = new();

    /// <summary>distributed</summary>
    public DistributedOptions Distributed { get; init; } = new();

    /// <summary>wandb, or null.</summary>
    public WandbOptions? Wandb { get; init; }

    /// <summary>peft: adapters that train in place of the weights, or null.</summary>
    public AdapterOptions? Adapter { get; init; }

    /// <summary>precision of products; null: bf16 where weights are held so, else f32.</summary>
    public Precision? Precision { get; init; }

    /// <summary>data.positions: whether positions count the columns of the padded batch, as the original does, or real tokens.</summary>
    public PositionCount Positions { get; init; }

    /// <summary>evaluation: search of a corpus at every validation, or null.</summary>
    public CorpusEvaluationOptions? Evaluation { get; init; }

    /// <summary>early_stopping, or null.</summary>
    public EarlyStoppingOptions? EarlyStopping { get; init; }

    /// <summary>safetensors with values of parameters that would start at random, by the names inside the wrapper; null for none.</summary>
    public string? InitialWeights { get; init; }

    /// <summary>
    /// How weights that do not train are held beside an adapter; null: as <see cref="EncoderModelOptions.WeightType"/> says. FSDP2 casts them to its policy's type, bf16 unless given,
    /// whatever the type of the model and the number of ranks.
    /// </summary>
    public ElementType? FrozenType => Adapter is not null && Distributed.Strategy == DistributedStrategy.Fsdp2 ? Distributed.ParameterType : null;
}

/// <summary>Training of a bi-encoder by contrast of a positive with negatives.</summary>
public sealed record BiEncoderRecipe : RetrievalRecipe
{
    /// <summary>model</summary>
    public required BiEncoderModelOptions Model { get; init; }

    /// <inheritdoc/>
    public override EncoderModelOptions Encoder => Model;

    /// <summary>dataloader.collate_fn</summary>
    public BiEncoderCollatorOptions Collator { get; init; } = new();

    /// <summary>validation_dataloader.collate_fn; null: as in training.</summary>
    public BiEncoderCollatorOptions? ValidationCollator { get; init; }

    /// <summary>grad_cache, or null.</summary>
    public GradientCacheOptions? GradientCache { get; init; }

    /// <summary>matryoshka, or null.</summary>
    public MatryoshkaOptions? Matryoshka { get; init; }

    /// <summary>false_negatives</summary>
    public FalseNegativeOptions FalseNegatives { get; init; } = new();
}

/// <summary>Training of a cross-encoder: cross-entropy of the positive among the passages of a query.</summary>
public sealed record CrossEncoderRecipe : RetrievalRecipe
{
    /// <summary>model</summary>
    public required CrossEncoderModelOptions Model { get; init; }

    /// <inheritdoc/>
    public override EncoderModelOptions Encoder => Model;

    /// <summary>dataloader.collate_fn</summary>
    public required CrossEncoderCollatorOptions Collator { get; init; }

    /// <summary>validation_dataloader.collate_fn; null: as in training.</summary>
    public CrossEncoderCollatorOptions? ValidationCollator { get; init; }
}

/// <summary>Training of a student to give a teacher's vectors.</summary>
public sealed record DistillationRecipe : RetrievalRecipe
{
    /// <summary>model: the student.</summary>
    public required StudentModelOptions Model { get; init; }

    /// <inheritdoc/>
    public override EncoderModelOptions Encoder => Model;

    /// <summary>teacher_model; null where the collator's cache takes its place.</summary>
    public TeacherModelOptions? Teacher { get; init; }

    /// <summary>dataloader.collate_fn</summary>
    public DistillationCollatorOptions Collator { get; init; } = new();

    /// <summary>validation_dataloader.collate_fn; null: as in training.</summary>
    public DistillationCollatorOptions? ValidationCollator { get; init; }

    /// <summary>The terms of the loss.</summary>
    public DistillationLosses Losses { get; init; } = new();

    /// <summary>projection_lr: learning rate of the projection; null: the optimizer's.</summary>
    public double? ProjectionLearningRate { get; init; }
}
