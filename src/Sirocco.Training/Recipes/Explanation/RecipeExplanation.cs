using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>What a recipe will do, worked out without training: batches, steps, parameters, memory, time. What is not known before the run is null.</summary>
public sealed record RecipeExplanation
{
    /// <summary>Queries of a micro-batch.</summary>
    public required int LocalBatchSize { get; init; }

    /// <summary>Micro-batches of a step.</summary>
    public required int MicroBatches { get; init; }

    /// <summary>Queries of a step.</summary>
    public required int GlobalBatchSize { get; init; }

    /// <summary>Passages of a query, the positive included.</summary>
    public required int PassagesPerQuery { get; init; }

    /// <summary>Tokens of a step, were every text as long as its limit.</summary>
    public required long MostTokensPerStep { get; init; }

    /// <summary>Tokens of a micro-batch (or of a piece of it under grad_cache), were every text as long as its limit.</summary>
    public required long MostTokensAtOnce { get; init; }

    /// <summary>Examples of the data set; null where it is not on this machine.</summary>
    public int? Examples { get; init; }

    /// <summary>Steps of the run.</summary>
    public int? Steps { get; init; }

    /// <summary>Weights of the model; null where it is not on this machine.</summary>
    public long? Parameters { get; init; }

    /// <summary>Weights that train.</summary>
    public long? TrainedParameters { get; init; }

    /// <summary>Bytes for weights, gradients and moments.</summary>
    public long? StateBytes { get; init; }

    /// <summary>Bytes of activations kept for the backward pass, were every text as long as its limit.</summary>
    public long? MostActivationBytes { get; init; }

    /// <summary>Longest time, from a product measured on this machine, were every text as long as its limit.</summary>
    public TimeSpan? MostTime { get; init; }

    /// <summary>Works out what can be known. Data sets and models that are not on this machine are not fetched.</summary>
    /// <param name="recipe">The run.</param>
    /// <param name="model">Folder of the model, or null where it is not on this machine.</param>
    /// <param name="threads">Threads of the run; 0 for one a core.</param>
    /// <exception cref="InvalidDataException">The data set, the model or their sizes are wrong.</exception>
    public static RecipeExplanation Of(RetrievalRecipe recipe, string? model, int threads = 0)
    {
        int microBatches = recipe.StepScheduler.Accumulation(recipe.Distributed.Ranks), ranks = recipe.Distributed.Ranks;
        int microBatch = recipe.DataLoader.BatchSize ?? recipe.StepScheduler.LocalBatchSize;
        int inStep = recipe.DataLoader.BatchSize is null ? recipe.StepScheduler.GlobalBatchSize : checked(microBatch * microBatches * ranks);
        long perQuery = MostTokensPerQuery(recipe);
        bool meet = recipe is BiEncoderRecipe { Model.InBatchNegatives: true } or DistillationRecipe { Losses.RanksMeet: true };
        int together = meet ? ranks : 1; // passages of all ranks meet in one loss
        int atOnce = checked(microBatch * together);
        if (recipe is BiEncoderRecipe { GradientCache: { } cache }) atOnce = Math.Min(cache.MicroBatchSize, atOnce);
        int? examples = recipe.Dataset.Sources.All(source => File.Exists(source.Path) || Directory.Exists(source.Path))
            ? RetrievalDataset.Load(recipe.Dataset).Count
            : null;
        RecipeExplanation explanation = new()
        {
            LocalBatchSize = microBatch,
            MicroBatches = microBatches,
            GlobalBatchSize = inStep,
            PassagesPerQuery = recipe.Dataset.PassagesPerQuery,
            MostTokensPerStep = inStep * perQuery,
            MostTokensAtOnce = atOnce * perQuery,
            Examples = examples,
            Steps = Length(recipe, examples),
        };
        if (explanation.Steps is { } steps && recipe.ParameterSchedule is { } schedule)
            ParameterSchedule.Resolve(schedule, recipe.Optimizer.LearningRate, recipe.Optimizer.WeightDecay, steps);
        return model is null ? explanation : explanation.With(recipe, model, threads);
    }

    private RecipeExplanation With(RetrievalRecipe recipe, string folder, int threads)
    {
        ModelConfig config = ModelConfig.Load(folder);
        long head = recipe switch
        {
            CrossEncoderRecipe => config.HiddenSize,
            DistillationRecipe distillation => (long)distillation.Model.TeacherHiddenSize * (config.HiddenSize + 1),
            _ => 0,
        };
        long parameters = config.ParameterCount + head;
        long trained = recipe.Adapter is { } options ? AdapterSize(folder, options)
            : recipe.Frozen.Count > 0 ? parameters - FrozenSize(folder, recipe.Frozen) : parameters;
        bool single = recipe.ComputedType is { } computed ? computed == ElementType.F32 : config.StoredType is null or "float32";
        Precision precision = recipe.Precision ?? (single ? Precision.F32 : Precision.BF16);
        return this with
        {
            Parameters = parameters,
            TrainedParameters = trained,
            StateBytes = State(recipe, parameters, trained, precision),
            MostActivationBytes = MostTokensAtOnce * ActivationSize.OfToken(config, recipe.Adapter, recipe.Distributed.RecomputeActivations, precision),
            MostTime = Steps is { } steps ? Time(config, steps * (double)MostTokensPerStep, recipe, precision, threads) : null,
        };
    }

    private static int? Length(RetrievalRecipe recipe, int? examples)
    {
        if (examples is not { } count) return recipe.StepScheduler.MaxSteps;
        int ranks = recipe.Distributed.Ranks, ofRank = count / ranks, size = recipe.DataLoader.BatchSize ?? recipe.StepScheduler.LocalBatchSize;
        int batches = recipe.DataLoader.DropLast ? ofRank / size : (ofRank + size - 1) / size;
        return new StepScheduler(recipe.StepScheduler, batches, ranks).TotalSteps;
    }

    private static long MostTokensPerQuery(RetrievalRecipe recipe)
    {
        long passages = recipe.Dataset.PassagesPerQuery;
        return recipe switch
        {
            BiEncoderRecipe biEncoder => biEncoder.Collator.QueryLength + (passages * biEncoder.Collator.PassageLength),
            CrossEncoderRecipe crossEncoder => passages * crossEncoder.Collator.MaxLength,
            DistillationRecipe distillation => distillation.Collator.QueryLength + (passages * distillation.Collator.PassageLength),
            _ => 0,
        };
    }

    private static long AdapterSize(string folder, AdapterOptions options)
    {
        using PretrainedModel model = PretrainedModel.Open(folder);
        return Adapter.Attach(model, options).Parameters.Sum(parameter => parameter.Count);
    }

    private static long FrozenSize(string folder, IReadOnlyList<string> frozen)
    {
        using PretrainedModel model = PretrainedModel.Open(folder);
        return model.Parameters.Sum(parameter => parameter.Count) - FrozenModules.TrainedBeside(model, frozen).Sum(parameter => parameter.Count);
    }

    // Products round and pack the master of a weight that trains on the way; one that does not is held as it is multiplied.
    private static long State(RetrievalRecipe recipe, long parameters, long trained, Precision precision)
    {
        long frozen = recipe.Adapter is null ? parameters - trained : parameters;
        int frozenSize = (recipe.HeldType ?? (precision == Precision.BF16 ? ElementType.BF16 : ElementType.F32)).Size();
        return checked(TrainingMemory.Bytes(trained, recipe.Optimizer) + (frozen * frozenSize));
    }

    // Two operations a weight and token forward, twice that backward; an adapter's backward pass skips the gradients of frozen weights.
    private static TimeSpan Time(ModelConfig config, double tokens, RetrievalRecipe recipe, Precision precision, int threads)
    {
        double weights = config.ParameterCount - ((double)config.VocabularySize * config.HiddenSize);
        double passes = (recipe.Adapter is null ? 3 : 2)
            + (recipe.Distributed.RecomputeActivations || recipe is BiEncoderRecipe { GradientCache: not null } ? 1 : 0);
        double seconds = 2 * weights * passes * tokens / ProductRate.Measure(config, precision, threads);
        return TimeSpan.FromSeconds(Math.Min(seconds, TimeSpan.MaxValue.TotalSeconds / 2));
    }
}
