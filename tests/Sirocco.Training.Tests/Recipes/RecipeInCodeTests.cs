using Sirocco.Models;

namespace Sirocco.Training.Tests.Recipes;

/// <summary>Recipes put together from records are checked as those of files are, before anything is loaded: the folders that these name do not exist.</summary>
public sealed class RecipeInCodeTests
{
    private static readonly BiEncoderRecipe Sound = new()
    {
        Model = new BiEncoderModelOptions { Path = "no-such-model" },
        Dataset = new RetrievalDatasetOptions { Sources = [new RetrievalSource("no-such-data")] },
        Checkpoint = new CheckpointOptions { Enabled = false },
    };

    private static readonly DistillationRecipe Distilled = new()
    {
        Model = new StudentModelOptions { Path = "no-such-model", TeacherHiddenSize = 8 },
        Teacher = new TeacherModelOptions { Path = "no-such-teacher" },
        Dataset = Sound.Dataset,
    };

    private static readonly CorpusEvaluationOptions Searched = new() { Corpus = "c", Queries = "q", Metrics = ["P_5"] };

    private static readonly EarlyStoppingOptions Watched = new() { Metric = "P_5" };

    private static readonly StepSchedulerOptions Unvalidated = new() { GlobalBatchSize = 4, LocalBatchSize = 2, ValidateOnCheckpoint = false };

    public static TheoryData<string, RetrievalRecipe> Mistakes => new()
    {
        { "temperature", Sound with { Temperature = 0 } },
        { "clip_grad_norm.max_norm", Sound with { ClipNorm = double.NaN } },
        { "optimizer.lr", Sound with { Optimizer = new OptimizerOptions { LearningRate = -1 } } },
        { "step_scheduler.global_batch_size", Sound with { StepScheduler = new StepSchedulerOptions { GlobalBatchSize = 7, LocalBatchSize = 2 } } },
        { "lr_scheduler.min_lr", Sound with { ParameterSchedule = new ParameterScheduleOptions { Minimum = 1 } } },
        { "grad_cache.micro_batch_size", Sound with { GradientCache = new GradientCacheOptions { MicroBatchSize = 0 } } },
        { "matryoshka.weights", Sound with { Matryoshka = new MatryoshkaOptions { Dimensions = [8, 4], Weights = [1] } } },
        { "matryoshka.dimensions", Sound with { Matryoshka = new MatryoshkaOptions { Dimensions = [] } } },
        { "matryoshka", Sound with { Model = Sound.Model with { MultiVector = true }, Matryoshka = new MatryoshkaOptions { Dimensions = [8] } } },
        { "false_negatives", Sound with { FalseNegatives = new FalseNegativeOptions { Rule = FalseNegativeRule.Keep } } },
        { "early_stopping.metric", Sound with { EarlyStopping = new EarlyStoppingOptions() } },
        { "early_stopping.patience", Sound with { EarlyStopping = new EarlyStoppingOptions { Patience = 0 } } },
        { "checkpoint.best_metric_key", Sound with { Checkpoint = new CheckpointOptions { BestMetric = "loss" } } },
        { "checkpoint.keep_best", Sound with { Checkpoint = new CheckpointOptions { KeepBest = 1 } } },
        { "checkpoint.keep_best", Sound with { Checkpoint = new CheckpointOptions { KeepBest = 1, KeepLast = 1 } } },
        { "matryoshka.weights", Sound with { Matryoshka = new MatryoshkaOptions { Dimensions = [8], Weights = [0] } } },
        { "freeze", Sound with { Adapter = new AdapterOptions(), Frozen = ["layers.0"] } },
        { "early_stopping", Sound with { Evaluation = Searched, EarlyStopping = Watched, StepScheduler = Unvalidated } },
        { "step_scheduler.global_batch_size", Sound with { Distributed = new DistributedOptions { DataParallelSize = 2_000_000_000 } } },
        { "peft.dim", Sound with { Adapter = new AdapterOptions { Rank = 0 } } },
        { "teacher_model", Distilled with { Teacher = null } },
        { "model.teacher_hidden_size", Distilled with { Model = Distilled.Model with { TeacherHiddenSize = 0 } } },
        { "score_loss.temperature", Distilled with { Losses = new DistillationLosses { Score = new ScoreLossOptions { Temperature = 0 } } } },
        { "distill_loss_weight", Distilled with { Losses = new DistillationLosses { CosineWeight = 0 } } },
        { "layer_pairs", Distilled with { Losses = new DistillationLosses { IntermediateWeight = 1 } } },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_is_named_by_its_key(string key, RetrievalRecipe recipe)
    {
        string message = Assert.Throws<ArgumentException>(() => new RecipeRunner().Run(recipe)).Message;
        Assert.StartsWith(key + " ", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Metrics_are_compared_whatever_their_spelling() =>
        Assert.Equal(("p_5", "p_5", "p_5"), (Searched.Metrics[0], Watched.Metric, new CheckpointOptions { BestMetric = "P_5" }.BestMetric));

    [Fact]
    public void Unless_it_is_given_the_tokenizer_is_the_model_s_own() => Assert.Equal("no-such-model", Sound.Tokenizer.Path);
}
