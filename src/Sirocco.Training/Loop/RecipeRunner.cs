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
        this.observer = observer ?? new Silent();
    }

    /// <summary>Where recipe and run come from, for the run's own records; null: put together in code.</summary>
    public RunOrigin? Origin { get; init; }

    /// <summary>Asks a run to end in order: the step in progress is finished and saved, whatever the schedule of checkpoints says.</summary>
    public CancellationToken StopAfterStep { get; init; }

    /// <summary>Finds the folder of a model or tokenizer that the recipe names; by default hub ids are looked up in the cache, and downloaded where it lacks them.</summary>
    public Func<string, string> Locate { get; init; } = HubModel.Resolve;

    /// <summary>Trains from the recipe's first step, or from where its folder's newest checkpoint stands, to its last. Mistakes that show without the model are found before it is read.</summary>
    /// <param name="recipe">From a file (<see cref="RecipeFile"/>) or put together in code.</param>
    /// <param name="cancellation">Stops between layers; the step in progress is dropped.</param>
    /// <returns>How the run ended, and where what it made is.</returns>
    /// <exception cref="InvalidDataException">A file that the recipe names cannot be used; the message says where and why.</exception>
    /// <exception cref="FileNotFoundException">A file, model or checkpoint that the recipe names is missing.</exception>
    /// <exception cref="ArgumentException">Settings contradict each other.</exception>
    /// <exception cref="TrainingDivergedException">The loss or a gradient is not finite.</exception>
    public RunOutcome Run(RetrievalRecipe recipe, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        recipe.Validate(); // before anything is downloaded
        recipe = Located(recipe);
        StopAfterStep.ThrowIfCancellationRequested(); // before the first step nothing is there to be saved
        recipe.Validate(); // with what the model's own configuration adds
        return recipe switch
        {
            BiEncoderRecipe bi => Train(bi, cancellation),
            CrossEncoderRecipe cross => Train(cross, cancellation),
            DistillationRecipe distillation => Train(distillation, cancellation),
            _ => throw new NotSupportedException($"a recipe of type {recipe.GetType().Name} cannot be run"),
        };
    }

    /// <summary>The recipe with the folders of its models and tokenizer, and with what a bi-encoder's folder says of a vector for each token.</summary>
    private RetrievalRecipe Located(RetrievalRecipe recipe)
    {
        string folder = Locate(recipe.Encoder.Path);
        recipe = recipe with { Tokenizer = recipe.Tokenizer with { Path = Locate(recipe.Tokenizer.Path) } };
        return recipe switch
        {
            BiEncoderRecipe { Model: { Pooling: null, MultiVector: false } model } bi when MultiVectorName(folder) is { } name =>
                bi with { Model = model with { Folder = folder, MultiVector = true, MultiVectorName = name } },
            BiEncoderRecipe bi => bi with { Model = bi.Model with { Folder = folder } },
            CrossEncoderRecipe cross => cross with { Model = cross.Model with { Folder = folder } },
            DistillationRecipe distillation => distillation with
            {
                Model = distillation.Model with { Folder = folder },
                Teacher = distillation is { Teacher: { } teacher, Collator.TeacherCache: null } ? teacher with { Folder = Locate(teacher.Path) } : null, // a cache takes its place
            },
            _ => recipe,
        };
    }

    private RunOutcome Train(BiEncoderRecipe recipe, CancellationToken cancellation)
    {
        BiEncoderModelOptions model = recipe.Model;
        SetupChecks.Check(recipe);
        TrainingTokenizer tokenizer = TrainingTokenizer.Load(recipe.Tokenizer);
        using RunSetup<RetrievalBatch> setup = RunSetup<RetrievalBatch>.Read(
            recipe, new BiEncoderCollator(tokenizer, recipe.Collator), new BiEncoderCollator(tokenizer, recipe.ValidationCollator ?? recipe.Collator), Origin?.Configuration, observer.Warned);
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
            QueriesAtOnce = recipe.GradientCache?.MicroBatchSize,
        };
        return Train(recipe, setup, context, encoder, new BiEncoderObjective(contrast, trained, recipe.Positions), precision, cancellation);
    }

    private RunOutcome Train(CrossEncoderRecipe recipe, CancellationToken cancellation)
    {
        CrossEncoderModelOptions model = recipe.Model;
        TrainingTokenizer tokenizer = TrainingTokenizer.Load(recipe.Tokenizer);
        using RunSetup<RerankingBatch> setup = RunSetup<RerankingBatch>.Read(
            recipe, new CrossEncoderCollator(tokenizer, recipe.Collator), new CrossEncoderCollator(tokenizer, recipe.ValidationCollator ?? recipe.Collator), Origin?.Configuration, observer.Warned);
        using CrossEncoder encoder = CrossEncoder.FromBackbone(model.Folder, Backbone(recipe) with { Labels = model.Labels, Temperature = (float?)model.Temperature });
        if (encoder.Labels != 1) throw new ArgumentException($"model.num_labels is {encoder.Labels}; a reranker is trained on one score for a pair, give 1");
        if (recipe.Temperature != 1 && encoder.Config.Temperature != 1)
            throw new ArgumentException($"temperature is {recipe.Temperature} and model.temperature {encoder.Config.Temperature}; scores would be divided by both, leave one of them at 1");
        using ComputeContext context = new(device);
        Precision precision = PrecisionOf(recipe, encoder);
        IReadOnlyList<Parameter> trained = Prepare(recipe, encoder);
        return Train(recipe, setup, context, encoder, new CrossEncoderObjective(context, encoder, trained, (float)recipe.Temperature, precision, recipe.Positions), precision, cancellation);
    }

    private RunOutcome Train(DistillationRecipe recipe, CancellationToken cancellation)
    {
        StudentModelOptions model = recipe.Model;
        SetupChecks.Check(recipe);
        TrainingTokenizer tokenizer = TrainingTokenizer.Load(recipe.Tokenizer);
        DistillationCollator collator = new(tokenizer, recipe.Collator);
        using RunSetup<DistillationBatch> setup = RunSetup<DistillationBatch>.Read(
            recipe, collator, recipe.ValidationCollator is { } other ? new DistillationCollator(tokenizer, other) : collator, Origin?.Configuration, observer.Warned);
        foreach ((string section, InfoNceLossOptions loss, double weight) in recipe.Losses.Contrasts)
        {
            if (loss.CrossDeviceNegatives && recipe.Distributed.Ranks > 1 && weight > 0)
                observer.Warned($"{section}.cross_device_negatives: of a distillation's ranks each has the negatives of its own micro-batch alone; raise local_batch_size for more");
            if (loss.LearnsTemperature && weight > 0)
                observer.Warned($"{section}.learnable_temperature: the optimizer of this recipe holds the model alone, so the temperature stays at {loss.Temperature}, as in the original");
        }

        using BiEncoder student = BiEncoder.FromBackbone(model.Folder, Backbone(recipe) with { Normalize = model.Normalize });
        using BiEncoder? teacher = recipe.Teacher is { } options ? Teacher(options) : null;
        using ComputeContext context = new(device);
        Precision precision = PrecisionOf(recipe, student);
        IReadOnlyList<Parameter> trained = Prepare(recipe, student);
        double rate = recipe.Optimizer.LearningRate;
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
            ProjectionLearningRateFactor = rate > 0 ? (recipe.ProjectionLearningRate ?? rate) / rate : 1,
            ScoreTemperature = student.EndsNormalized ? recipe.Temperature : 1,
        };
        return Train(recipe, setup, context, student, objective, precision, cancellation);
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
        where TBatch : ExampleBatch
    {
        StepScheduler scheduler = setup.Scheduler;
        TrainingValidation<TBatch>? validation = TrainingValidation<TBatch>.Of(setup, model, context, precision);
        model.Decoder.Recompute = recipe.Distributed.RecomputeActivations;
        ParameterArena arena = new(objective.Parameters);
        IReadOnlyList<Parameter> own = objective.Projection?.Parameters ?? [];
        if (recipe.InitialWeights is { } start) SetInitialWeights(start, model, own);
        Optimizer optimizer = Optimizer.Create(
            context, arena, recipe.Optimizer, parameter => recipe.ParameterSchedule is null ? objective.GroupOf(parameter) : objective.GroupOf(parameter).Scheduled(recipe.Optimizer.WeightDecay));
        EarlyStopping? stopping = recipe.EarlyStopping is { } options ? new EarlyStopping(options) : null;
        RunCheckpoints? checkpoints = setup.Folder is { } folder
            ? new RunCheckpoints(folder, recipe, model, objective.Projection, optimizer, scheduler, stopping, Origin?.Configuration) { Schedule = setup.Schedule }
            : null;
        StopAfterStep.ThrowIfCancellationRequested();
        checkpoints?.Resume(setup.Source, observer.Warned);
        using RetrievalTrainer<TBatch> trainer = new(
            context, objective, optimizer, checkpoints?.Schedule ?? setup.Schedule, scheduler, setup.Loader, recipe.ClipNorm, (ulong)recipe.Seed, recipe.StepScheduler.LossWindowSteps);
        if (setup.Source is { } source) observer.Resumed(source, scheduler.Step);
        using RunTracking tracking = RunTracking.Open(recipe, Origin, context, setup.Sets, scheduler.Step, observer);
        tracking.Started(new TrainingPlan(
            model.Parameters.Concat(own).Sum(parameter => parameter.Count), arena.Parameters.Sum(parameter => parameter.Count), setup.Loader.Dataset.Count, scheduler.TotalSteps, precision, recipe.Checkpoint.Folder));
        RunOutcome outcome;
        try
        {
            ValidationRecord? lastValidation = null;
            RunOutcome? ended = stopping?.Verdict is { } verdict ? new RunOutcome(RunStatus.StoppedEarly, verdict) : null;
            for (; !scheduler.IsDone && ended is null; scheduler.Advance())
            {
                // 1. Train.
                TrainingRecord record = trainer.Step(cancellation);
                tracking.Stepped(record);

                // 2. Validate, except where the run is asked to end.
                ValidationRecord? validated = null;
                if (validation is not null && scheduler.IsValidationStep && !StopAfterStep.IsCancellationRequested)
                {
                    lastValidation = validated = validation.Run(objective, scheduler.Step, scheduler.Epoch, tracking.Validating, cancellation);
                    tracking.Validated(validated);
                    if (stopping?.Observe(validated) is { } reason) ended = new RunOutcome(RunStatus.StoppedEarly, reason);
                }

                // 3. Save.
                bool isLast = scheduler.IsLast || ended is not null, asked = !isLast && StopAfterStep.IsCancellationRequested;
                if (checkpoints is not null && (scheduler.IsCheckpointStep || isLast || asked))
                {
                    checkpoints.Save(record, validated, isLast, cancellation);
                    tracking.Saved(checkpoints.Last!);
                }

                if (asked) ended = new RunOutcome(RunStatus.Cancelled, $"stopped after step {record.Step}{(checkpoints is null ? "" : $", saved as {checkpoints.Last}; the same command goes on from there")}");
            }

            tracking.Finished(model, arena.Parameters);
            outcome = (ended ?? new RunOutcome(RunStatus.Completed)) with
            {
                Steps = scheduler.Done,
                Checkpoint = checkpoints?.Last,
                ModelFolder = checkpoints?.Last is { } newest ? ModelArtifacts.Find(newest) : null,
                LastValidation = lastValidation,
            };
        }
        catch (Exception failure)
        {
            Exception told = failure is TrainingDivergedException && checkpoints is not null
                ? new TrainingDivergedException($"{failure.Message}; {(checkpoints.Last is { } last ? $"the last good checkpoint is {last}" : "no checkpoint was saved before")}", failure)
                : failure;
            tracking.Failed(told);
            if (told != failure) throw told;
            throw;
        }

        tracking.Ended(outcome);
        return outcome;
    }

    /// <summary>What config.json of a folder calls a vector for each token, where that is what it asks for; sentence-transformers' files would go before it.</summary>
    private static string? MultiVectorName(string folder)
    {
        if (!File.Exists(Path.Combine(folder, "config.json")) || File.Exists(Path.Combine(folder, "modules.json"))) return null;
        string? pooling = ModelConfig.Load(folder).Pooling;
        return PoolingNames.MultiVector.FirstOrDefault(name => name == pooling);
    }

    private static BackboneOptions Backbone(RetrievalRecipe recipe) => new()
    {
        Pooling = recipe is BiEncoderRecipe { Model.MultiVector: true } ? Pooling.Average : recipe.Encoder.Pooling, // a vector for each token needs none; the export of such a run names none
        IsCausal = recipe.Encoder.IsCausal,
        Seed = (ulong)recipe.Seed,
    };

    private static Precision PrecisionOf(RetrievalRecipe recipe, PretrainedModel model) => recipe.Precision ?? PrecisionOf(recipe.FrozenType ?? recipe.Encoder.WeightType, model);

    private static Precision PrecisionOf(ElementType? weights, PretrainedModel model) => weights switch
    {
        null => model.NaturalPrecision,
        ElementType.F32 => Precision.F32,
        _ => Precision.BF16,
    };

    /// <summary>Attaches the recipe's adapter, and says what trains.</summary>
    private static IReadOnlyList<Parameter> Prepare(RetrievalRecipe recipe, EncoderModel model) =>
        recipe.Adapter is { } options ? Adapter.Attach(model, options, (ulong)recipe.Seed).Parameters : [.. model.Parameters];

    /// <summary>Gives parameters that would start at random the values of a file.</summary>
    private static void SetInitialWeights(string path, EncoderModel model, IReadOnlyList<Parameter> own)
    {
        using TensorArchive archive = TensorArchive.Open(path);
        Dictionary<string, float[]> values = archive.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.ToSingleArray(), StringComparer.Ordinal);
        foreach (string name in model.Adapter?.SetParameters(values) ?? [.. values.Keys])
        {
            Parameter? parameter = model.Parameters.Concat(own).FirstOrDefault(candidate => InsideWrapper(candidate.Name, name));
            if (parameter is null) throw new InvalidDataException($"{path}: tensor '{name}' names no parameter of {model.Path}");
            parameter.SetValues(values[name]);
        }
    }

    /// <summary>Whether a recording's name, which may have the wrapper's <c>model.</c> or <c>student.model.</c> before it, means a parameter of the checkpoint.</summary>
    private static bool InsideWrapper(string parameter, string recorded) =>
        recorded == parameter || recorded == "model." + parameter || recorded == "model.model." + parameter || recorded == "student.model." + parameter;

    private sealed class Silent : TrainingObserver;
}
