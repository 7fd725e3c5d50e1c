namespace Sirocco.Training;

/// <summary>What a run trains and validates on, and how many steps that makes: read before any model, so that mistakes in a recipe's data and sizes show at once.</summary>
/// <typeparam name="TBatch">A collator's batches.</typeparam>
internal sealed class TrainingData<TBatch>
    where TBatch : ExampleBatch
{
    private TrainingData(
        RetrievalDataLoader<TBatch> loader, RetrievalDataLoader<TBatch>? validation, TrainingTokenizer tokenizer, StepScheduler scheduler, ParameterSchedule schedule, RetrievalRecipe recipe)
    {
        (Loader, Validation, Tokenizer, Scheduler, Schedule) = (loader, validation, tokenizer, scheduler, schedule);
        Sets = [("training", recipe.Dataset, loader.Dataset)];
        if (validation is not null) Sets.Add(("validation", recipe.ValidationDataset!, validation.Dataset));
    }

    public RetrievalDataLoader<TBatch> Loader { get; }

    public RetrievalDataLoader<TBatch>? Validation { get; }

    /// <summary>Of the validation's collator, which a search of a corpus uses too.</summary>
    public TrainingTokenizer Tokenizer { get; }

    public StepScheduler Scheduler { get; }

    public ParameterSchedule Schedule { get; }

    /// <summary>Every data set with its role, for the run's own records.</summary>
    public List<(string Role, RetrievalDatasetOptions Options, RetrievalDataset Set)> Sets { get; }

    /// <param name="recipe">Names the data and the sizes.</param>
    /// <param name="collator">Of training.</param>
    /// <param name="validationCollator">Of validation.</param>
    /// <param name="warn">Is told what the user should know of the data.</param>
    /// <exception cref="InvalidDataException">A record cannot be used; the message says where and why.</exception>
    /// <exception cref="ArgumentException">Sizes contradict each other; the message names the keys.</exception>
    public static TrainingData<TBatch> Load(RetrievalRecipe recipe, Collator<TBatch> collator, Collator<TBatch> validationCollator, Action<string> warn)
    {
        RetrievalDataLoader<TBatch> loader = Loaded(recipe.Dataset, recipe.DataLoader, collator, recipe, warn);
        StepScheduler scheduler = new(recipe.StepScheduler, loader.Count);
        ParameterSchedule schedule = recipe.ParameterSchedule is { } section
            ? ParameterSchedule.Resolve(section, recipe.Optimizer.LearningRate, recipe.Optimizer.WeightDecay, scheduler.TotalSteps)
            : ParameterSchedule.Constant(recipe.Optimizer.LearningRate, recipe.Optimizer.WeightDecay);
        RetrievalDataLoader<TBatch>? validation = recipe.ValidationDataset is { } heldOut ? Loaded(heldOut, recipe.ValidationDataLoader, validationCollator, recipe, warn) : null;
        return new TrainingData<TBatch>(loader, validation, validationCollator.Tokenizer, scheduler, schedule, recipe);
    }

    private static RetrievalDataLoader<TBatch> Loaded(RetrievalDatasetOptions data, DataLoaderOptions options, Collator<TBatch> collator, RetrievalRecipe recipe, Action<string> warn)
    {
        RetrievalDataset dataset = RetrievalDataset.Load(data);
        foreach (string warning in dataset.Warnings) warn(warning);
        return new RetrievalDataLoader<TBatch>(dataset, collator, new BatchSampler(dataset.Count, options, recipe.StepScheduler.LocalBatchSize, recipe.Seed), options.Prefetch);
    }
}
