using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>
/// Runs recipes.
/// <code>
/// RunOutcome outcome = new RecipeRunner().Run(RecipeFile.ReadTraining("recipe.yaml", []).Recipe);
/// using Embedder embedder = Embedder.FromPretrained(outcome.ModelFolder!);
/// </code>
/// </summary>
public sealed class RecipeRunner
{
    private readonly ComputeOptions device;
    private readonly TrainingObserver observer;

    /// <param name="device">Threads and determinism; precision is the recipe's.</param>
    /// <param name="observer">Is told of every step; null: nobody is.</param>
    public RecipeRunner(ComputeOptions? device = null, TrainingObserver? observer = null)
    {
        this.device = device ?? new ComputeOptions();
        this.observer = observer ?? new TrainingObserver.Silent();
    }

    /// <summary>Where recipe and run come from, for the run's own records; null: put together in code.</summary>
    public RunOrigin? Origin { get; init; }

    /// <summary>
    /// Asks a run to end in order: the step in progress is finished and saved, whatever the schedule of checkpoints says. Before the first step there is
    /// nothing to save, and a download ends at once.
    /// </summary>
    public CancellationToken StopAfterStep { get; init; }

    /// <summary>
    /// Finds the folder of a model or tokenizer that the recipe names; by default hub ids are looked up in the cache, and downloaded where it lacks them.
    /// </summary>
    public Func<string, CancellationToken, string> Locate { get; init; } = HubModel.Resolve;

    /// <summary>
    /// Trains from the recipe's first step, or from where its folder's newest checkpoint stands, to its last. Mistakes that show without the model are found
    /// before it is read.
    /// </summary>
    /// <param name="recipe">From a file (<see cref="RecipeFile"/>) or put together in code.</param>
    /// <param name="cancellation">Stops downloads, and between layers; the step in progress is dropped.</param>
    /// <returns>How the run ended, and where what it made is.</returns>
    /// <exception cref="InvalidDataException">A file that the recipe names cannot be used; the message says where and why.</exception>
    /// <exception cref="FileNotFoundException">A file, model or checkpoint that the recipe names is missing.</exception>
    /// <exception cref="ArgumentException">Settings contradict each other.</exception>
    /// <exception cref="TrainingDivergedException">The loss or a gradient is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled, or asked to end before its first step.</exception>
    public RunOutcome Run(RetrievalRecipe recipe, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        recipe.Validate(); // before anything is downloaded
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, StopAfterStep);
        recipe = Located(recipe, either.Token);
        either.Token.ThrowIfCancellationRequested();
        recipe.Validate(); // with what the model's own configuration adds
        if (Candidates(recipe) == 1)
        {
            observer.Warned("dataset.n_passages is 1: a query has nothing to tell its positive from, so the loss stays at 0 and nothing is learnt; "
                + "give 2 or more" + (recipe is BiEncoderRecipe { Model.InBatchNegatives: false } ? ", or model.do_distributed_inbatch_negative: true" : ""));
        }
        return recipe switch
        {
            BiEncoderRecipe bi => Train(bi, cancellation),
            CrossEncoderRecipe cross => Train(cross, cancellation),
            DistillationRecipe distillation => Train(distillation, cancellation),
            _ => throw new NotSupportedException($"a recipe of type {recipe.GetType().Name} cannot be run"),
        };
    }

    /// <summary>Passages that the contrast of a query is over; a distillation learns from its teacher too.</summary>
    private static int Candidates(RetrievalRecipe recipe) => recipe switch
    {
        DistillationRecipe => int.MaxValue,
        BiEncoderRecipe { Model.InBatchNegatives: true } => recipe.Dataset.PassagesPerQuery * recipe.StepScheduler.LocalBatchSize * recipe.Distributed.Ranks,
        _ => recipe.Dataset.PassagesPerQuery,
    };

    /// <summary>The recipe with the folders of its models and tokenizer, and with what a bi-encoder's folder says of a vector for each token.</summary>
    private RetrievalRecipe Located(RetrievalRecipe recipe, CancellationToken cancellation)
    {
        string folder = Locate(recipe.Encoder.Path, cancellation);
        recipe = recipe with { Tokenizer = recipe.Tokenizer with { Path = Locate(recipe.Tokenizer.Path, cancellation) } };
        return recipe switch
        {
            BiEncoderRecipe { Model: { Pooling: null, MultiVector: false } model } bi when MultiVectorName(folder) is { } name =>
                bi with { Model = model with { Folder = folder, MultiVector = true, MultiVectorName = name } },
            BiEncoderRecipe bi => bi with { Model = bi.Model with { Folder = folder } },
            CrossEncoderRecipe cross => cross with { Model = cross.Model with { Folder = folder } },
            DistillationRecipe distillation => distillation with
            {
                Model = distillation.Model with { Folder = folder },
                // a cache takes its place
                Teacher = distillation is { Teacher: { } teacher, Collator.TeacherCache: null }
                    ? teacher with { Folder = Locate(teacher.Path, cancellation) }
                    : null,
            },
            _ => recipe,
        };
    }

    private RunOutcome Train(BiEncoderRecipe recipe, CancellationToken cancellation)
    {
        BiEncoderModelOptions model = recipe.Model;
        SetupChecks.Check(recipe);
        TrainingTokenizer tokenizer = TrainingTokenizer.Load(recipe.Tokenizer);
        using RunSetup<RetrievalBatch> setup = Setup(
            recipe,
            new BiEncoderCollator(tokenizer, recipe.Collator),
            new BiEncoderCollator(tokenizer, recipe.ValidationCollator ?? recipe.Collator),
            cancellation);
        using BiEncoder encoder = BiEncoder.FromBackbone(model.Folder, Backbone(recipe) with { Normalize = model.Normalize });
        using ComputeContext context = new(device);
        Precision precision = PrecisionOf(recipe, encoder);
        IReadOnlyList<Parameter> trained = Prepare(recipe, encoder);
        ContrastiveLoss loss = new()
        {
            Temperature = encoder.EndsNormalized ? (float)recipe.Temperature : 1,
            InBatchNegatives = model.InBatchNegatives,
            ExcludeSameDocument = recipe.FalseNegatives.Rule != FalseNegativeRule.Keep,
            FalseNegativeMargin = recipe.FalseNegatives.Rule == FalseNegativeRule.Margin ? recipe.FalseNegatives.Margin : null,
            MarginIsAbsolute = recipe.FalseNegatives.Absolute,
            Matryoshka = recipe.Matryoshka,
            NormalizeCuts = encoder.EndsNormalized,
        };
        loss.Validate();
        ContrastiveObjective contrast = new(context, encoder, loss, precision)
        {
            MultiVector = model.MultiVector,
            DetachesRemoteNegatives = model.DetachRemoteNegatives,
            ScoringPrecision = recipe.Precision ?? PrecisionOf(recipe.HeldType, encoder), // the original's validation is outside autocast
            QueriesAtOnce = recipe.GradientCache?.MicroBatchSize,
        };
        return Train(recipe, setup, context, encoder, new BiEncoderObjective(contrast, trained, recipe.Positions), precision, cancellation);
    }

    private RunOutcome Train(CrossEncoderRecipe recipe, CancellationToken cancellation)
    {
        CrossEncoderModelOptions model = recipe.Model;
        TrainingTokenizer tokenizer = TrainingTokenizer.Load(recipe.Tokenizer);
        using RunSetup<RerankingBatch> setup = Setup(
            recipe,
            new CrossEncoderCollator(tokenizer, recipe.Collator),
            new CrossEncoderCollator(tokenizer, recipe.ValidationCollator ?? recipe.Collator),
            cancellation);
        using CrossEncoder encoder = CrossEncoder.FromBackbone(
            model.Folder, Backbone(recipe) with { Labels = model.Labels, Temperature = (float?)model.Temperature });
        if (encoder.Labels != 1) throw new ArgumentException($"model.num_labels is {encoder.Labels}; a reranker is trained on one score for a pair, give 1");
        if (recipe.Temperature != 1 && encoder.Config.Temperature != 1)
        {
            throw new ArgumentException($"temperature is {recipe.Temperature} and model.temperature {encoder.Config.Temperature}; "
                + "scores would be divided by both, leave one of them at 1");
        }
        using ComputeContext context = new(device);
        Precision precision = PrecisionOf(recipe, encoder);
        IReadOnlyList<Parameter> trained = Prepare(recipe, encoder);
        return Train(
            recipe,
            setup,
            context,
            encoder,
            new CrossEncoderObjective(context, encoder, trained, (float)recipe.Temperature, precision, recipe.Positions),
            precision,
            cancellation);
    }

    private RunOutcome Train(DistillationRecipe recipe, CancellationToken cancellation)
    {
        StudentModelOptions model = recipe.Model;
        SetupChecks.Check(recipe);
        TrainingTokenizer tokenizer = TrainingTokenizer.Load(recipe.Tokenizer);
        using DistillationCollator collator = new(tokenizer, recipe.Collator);
        using DistillationCollator? other = recipe.ValidationCollator is { } validation ? new DistillationCollator(tokenizer, validation) : null;
        using RunSetup<DistillationBatch> setup = Setup(recipe, collator, other ?? collator, cancellation);
        foreach ((string section, InfoNceLossOptions loss, double weight) in recipe.Losses.Contrasts)
        {
            if (loss.LearnsTemperature && weight > 0)
            {
                observer.Warned($"{section}.learnable_temperature: "
                    + $"the optimizer of this recipe holds the model alone, so the temperature stays at {loss.Temperature}, as in the original");
            }
        }

        using BiEncoder student = BiEncoder.FromBackbone(model.Folder, Backbone(recipe) with { Normalize = model.Normalize });
        using BiEncoder? teacher = recipe.Teacher is { } options ? Teacher(options) : null;
        using ComputeContext context = new(device);
        Precision precision = PrecisionOf(recipe, student);
        IReadOnlyList<Parameter> trained = Prepare(recipe, student);
        DistillationObjective objective = new(
            context,
            student,
            StudentProjection.Create(student.Features, model.TeacherHiddenSize, recipe.Seed),
            teacher is null ? null : new DistillationTeacher(teacher, recipe.Precision ?? PrecisionOf(recipe.Teacher!.WeightType, teacher)),
            recipe.Losses,
            trained,
            precision,
            recipe.Positions)
        {
            ProjectionGroup = ProjectionGroup(recipe),
            ScoreTemperature = student.EndsNormalized ? recipe.Temperature : 1,
        };
        return Train(recipe, setup, context, student, objective, precision, cancellation);
    }

    private RunSetup<TBatch> Setup<TBatch>(
        RetrievalRecipe recipe, Collator<TBatch> collator, Collator<TBatch> validationCollator, CancellationToken cancellation)
        where TBatch : ExampleBatch
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, StopAfterStep);
        return RunSetup<TBatch>.Read(recipe, collator, validationCollator, Origin?.Configuration, observer, either.Token);
    }

    /// <summary>
    /// The projection does not decay. Its learning rate is its own where the others' stays as it is; a schedule multiplies by the ratio of the two, and as
    /// there is none to 0, it then is 1 (NeMo AutoModel 0.7).
    /// </summary>
    private static ParameterGroup ProjectionGroup(DistillationRecipe recipe)
    {
        double rate = recipe.Optimizer.LearningRate, own = recipe.ProjectionLearningRate ?? rate;
        return recipe.ParameterSchedule is null
            ? new ParameterGroup(1, 0) { OwnLearningRate = own }
            : new ParameterGroup(rate > 0 ? own / rate : 1, 0);
    }

    private static BiEncoder Teacher(TeacherModelOptions options) =>
        BiEncoder.FromBackbone(options.Folder, new BackboneOptions { Pooling = options.Pooling, IsCausal = options.IsCausal, Normalize = options.Normalize });

    private RunOutcome Train<TBatch>(
        RetrievalRecipe recipe,
        RunSetup<TBatch> setup,
        ComputeContext context,
        EncoderModel model,
        TrainingObjective<TBatch> objective,
        Precision precision,
        CancellationToken cancellation)
        where TBatch : ExampleBatch =>
        new TrainingRun<TBatch>(recipe, setup, context, model, objective, precision)
        {
            Observer = observer,
            Origin = Origin,
            StopAfterStep = StopAfterStep,
        }.Run(cancellation);

    /// <summary>
    /// What config.json of a folder calls a vector for each token, where that is what it asks for; sentence-transformers' files would go before it.
    /// </summary>
    private static string? MultiVectorName(string folder)
    {
        if (!File.Exists(Path.Combine(folder, "config.json")) || File.Exists(Path.Combine(folder, "modules.json"))) return null;
        string? pooling = ModelConfig.Load(folder).Pooling;
        return PoolingNames.MultiVector.FirstOrDefault(name => name == pooling);
    }

    private static BackboneOptions Backbone(RetrievalRecipe recipe) => new()
    {
        // a vector for each token needs none; the export of such a run names none
        Pooling = recipe is BiEncoderRecipe { Model.MultiVector: true } ? Pooling.Average : recipe.Encoder.Pooling,
        IsCausal = recipe.Encoder.IsCausal,
        Seed = (ulong)recipe.Seed,
    };

    private static Precision PrecisionOf(RetrievalRecipe recipe, PretrainedModel model) =>
        recipe.Precision ?? PrecisionOf(recipe.ComputedType, model);

    private static Precision PrecisionOf(ElementType? weights, PretrainedModel model) => weights switch
    {
        null => model.NaturalPrecision,
        ElementType.F32 => Precision.F32,
        _ => Precision.BF16,
    };

    /// <summary>Attaches the recipe's adapter, and says what trains.</summary>
    private static IReadOnlyList<Parameter> Prepare(RetrievalRecipe recipe, EncoderModel model) =>
        recipe.Adapter is { } options ? Adapter.Attach(model, options, (ulong)recipe.Seed).Parameters : FrozenModules.TrainedBeside(model, recipe.Frozen);
}
