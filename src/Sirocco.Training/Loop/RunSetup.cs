using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// What a run trains and validates on, how many steps that makes, and where it goes on: read before any model, so that mistakes in a recipe's files and sizes
/// show at once.
/// </summary>
/// <typeparam name="TBatch">A collator's batches.</typeparam>
internal sealed class RunSetup<TBatch> : IDisposable
    where TBatch : ExampleBatch
{
    private RunSetup(
        RetrievalDataLoader<TBatch> loader,
        RetrievalDataLoader<TBatch>? validation,
        StepScheduler scheduler,
        ParameterSchedule schedule,
        RetrievalRecipe recipe)
    {
        (Loader, Validation, Scheduler, Schedule) = (loader, validation, scheduler, schedule);
        Sets = [("training", recipe.Dataset, loader.Dataset)];
        if (validation is not null) Sets.Add(("validation", recipe.ValidationDataset!, validation.Dataset));
    }

    public RetrievalDataLoader<TBatch> Loader { get; }

    public RetrievalDataLoader<TBatch>? Validation { get; }

    /// <summary>The corpus that is searched at every validation, or null.</summary>
    public CorpusEvaluation? Corpus { get; private init; }

    public StepScheduler Scheduler { get; }

    public ParameterSchedule Schedule { get; }

    /// <summary>Every data set with its role, for the run's own records.</summary>
    public List<(string Role, RetrievalDatasetOptions Options, RetrievalDataset Set)> Sets { get; }

    /// <summary>Where the run's checkpoints go; null where it keeps none.</summary>
    public RunFolder? Folder { get; private init; }

    /// <summary>The run's folder, taken: two runs that wrote their records into one would spoil them.</summary>
    public required RunFolder Held { get; init; }

    /// <summary>The checkpoint that the run goes on from, or null.</summary>
    public string? Source { get; private init; }

    /// <param name="recipe">Names the data and the sizes.</param>
    /// <param name="collator">Of training.</param>
    /// <param name="validationCollator">Of validation, and of a searched corpus.</param>
    /// <param name="configuration">The recipe as YAML, which a checkpoint's is compared with, or null.</param>
    /// <param name="observer">Is told of downloads, and what the user should know.</param>
    /// <param name="cancellation">Stops the download of a data set, and between records.</param>
    /// <exception cref="InvalidDataException">A record or a checkpoint cannot be used; the message says where and why.</exception>
    /// <exception cref="FileNotFoundException">A file or checkpoint is missing.</exception>
    /// <exception cref="ArgumentException">Sizes contradict each other; the message names the keys.</exception>
    public static RunSetup<TBatch> Read(
        RetrievalRecipe recipe,
        Collator<TBatch> collator,
        Collator<TBatch> validationCollator,
        string? configuration,
        TrainingObserver observer,
        CancellationToken cancellation = default)
    {
        if (recipe.InitialWeights is { } values) TensorArchive.Open(values).Dispose();
        if (collator.Tokenizer.Notice is { } notice) observer.Warned(notice);
        RetrievalDataLoader<TBatch> loader = Loaded(recipe.Dataset, recipe.DataLoader, collator, recipe, observer, cancellation);
        RequireBatches(loader, "dataset", "dataloader");
        StepScheduler scheduler = new(recipe.StepScheduler, loader.Count, loader.Ranks);
        ParameterSchedule schedule = recipe.ParameterSchedule is { } section
            ? ParameterSchedule.Resolve(section, recipe.Optimizer.LearningRate, recipe.Optimizer.WeightDecay, scheduler.TotalSteps)
            : ParameterSchedule.Constant(recipe.Optimizer.LearningRate, recipe.Optimizer.WeightDecay);
        RetrievalDataLoader<TBatch>? validation = recipe.ValidationDataset is { } heldOut
            ? Loaded(heldOut, recipe.ValidationDataLoader, validationCollator, recipe, observer, cancellation)
            : null;
        if (validation is not null) RequireBatches(validation, "validation_dataset", "validation_dataloader");
        CorpusEvaluation? corpus = recipe.Evaluation is { } evaluation
            ? CorpusEvaluation.Load(evaluation, validationCollator.Tokenizer, TextsOf(recipe), cancellation)
            : null;
        RunFolder held = RunFolder.Open(recipe.Checkpoint.Folder);
        RunFolder? folder = recipe.Checkpoint.Enabled ? held : null;
        try
        {
            return new RunSetup<TBatch>(loader, validation, scheduler, schedule, recipe)
            {
                Corpus = corpus,
                Held = held,
                Folder = folder,
                Source = folder is null ? null : CheckpointChoice.Find(folder, recipe.Checkpoint.RestoreFrom, configuration, observer.Warned),
            };
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Gives the run's folder back.</summary>
    public void Dispose() => Held.Dispose();

    private static void RequireBatches(RetrievalDataLoader<TBatch> loader, string section, string loaderSection)
    {
        if (loader.Count > 0) return;
        string problem = loader.Dataset.Count == 0
            ? "there is no row: the sources hold none, or num_samples, max_train_samples and train_data_select_offset leave none"
            : $"{loader.Dataset.Count} rows make no batch for each of {loader.Ranks} ranks; give more, or set {loaderSection}.drop_last to false";
        throw new ArgumentException($"{section}: {problem}");
    }

    /// <summary>How texts of a searched corpus are made.</summary>
    private static BiEncoderCollatorOptions TextsOf(RetrievalRecipe recipe) => recipe switch
    {
        BiEncoderRecipe { Model.MultiVector: true } => throw new ArgumentException(
            "evaluation searches with one vector for a text, but the pooling colbert (multi_vector) gives one for each token; leave the section out"),
        BiEncoderRecipe bi => bi.ValidationCollator ?? bi.Collator,
        DistillationRecipe distillation => distillation.ValidationCollator ?? distillation.Collator,
        _ => throw new ArgumentException("evaluation searches a corpus by vectors, which a cross-encoder does not give; leave the section out"),
    };

    private static RetrievalDataLoader<TBatch> Loaded(
        RetrievalDatasetOptions data,
        DataLoaderOptions options,
        Collator<TBatch> collator,
        RetrievalRecipe recipe,
        TrainingObserver observer,
        CancellationToken cancellation)
    {
        RetrievalDataset dataset = RetrievalDataset.Load(data, progress: new Downloads(observer), cancellation: cancellation);
        foreach (string warning in dataset.Warnings) observer.Warned(warning);
        int count = recipe.Distributed.Ranks;
        BatchSampler[] ranks = [.. Enumerable.Range(0, count)
            .Select(rank => new BatchSampler(dataset.Count, options, recipe.StepScheduler.LocalBatchSize, recipe.Seed, rank, count))];
        return new RetrievalDataLoader<TBatch>(dataset, collator, ranks, options.Prefetch);
    }

    /// <summary>Tells an observer at once, on the thread that downloads.</summary>
    private sealed class Downloads(TrainingObserver observer) : IProgress<HubProgress>
    {
        public void Report(HubProgress value) => observer.Downloading(value);
    }
}
