using System.Diagnostics;
using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>Settings of a <see cref="TrainingBenchmark"/>. The defaults are the step that this project's figures are given for.</summary>
public sealed record TrainingBenchmarkOptions
{
    /// <summary>
    /// The encoder; null takes a Ministral 3 of the 110M class: hidden 768, 12 layers, 12 query and 4 key/value heads of 64, intermediate 3,072, vocabulary
    /// 32,768.
    /// </summary>
    public ModelConfig? Config { get; init; }

    /// <summary>Queries in a step.</summary>
    public int Queries { get; init; } = 8;

    /// <summary>Tokens of a query.</summary>
    public int QueryTokens { get; init; } = 64;

    /// <summary>Passages for each query.</summary>
    public int PassagesPerQuery { get; init; } = 5;

    /// <summary>Tokens of a passage.</summary>
    public int PassageTokens { get; init; } = 128;

    /// <summary>Precision of matrix products.</summary>
    public Precision Precision { get; init; } = Precision.BF16;

    /// <summary>Rank of a LoRA adapter of every linear layer, which then trains in place of the weights; null trains all weights.</summary>
    public int? LoraRank { get; init; }

    /// <summary>Whether layers run again on the way back instead of keeping what they made.</summary>
    public bool Recompute { get; init; }

    /// <summary>Threads; 0 takes one per processor.</summary>
    public int Threads { get; init; }

    /// <summary>Steps that are timed, after one that is not.</summary>
    public int Steps { get; init; } = 3;
}

/// <summary>What a benchmark of training found.</summary>
/// <param name="TokensPerSecond">Of the fastest step.</param>
/// <param name="Seconds">Of each step.</param>
/// <param name="TokensPerStep">Queries and passages together.</param>
/// <param name="Threads">Used.</param>
/// <param name="Kernel">Which kernels ran.</param>
/// <param name="PeakTensorBytes">Most memory in activations and gradients of activations at one time.</param>
public sealed record TrainingBenchmarkResult(
    double TokensPerSecond, IReadOnlyList<double> Seconds, int TokensPerStep, int Threads, string Kernel, long PeakTensorBytes);

/// <summary>Times whole training steps of an encoder or its adapter, with random weights: forward, contrastive loss, backward, clipping and AdamW.</summary>
public static class TrainingBenchmark
{
    /// <summary>The 110M-class encoder of the default settings.</summary>
    public static ModelConfig DefaultConfig { get; } = new()
    {
        Family = ModelFamily.Ministral3,
        VocabularySize = 32_768,
        HiddenSize = 768,
        IntermediateSize = 3072,
        Layers = 12,
        Heads = 12,
        KeyValueHeads = 4,
        HeadSize = 64,
        MaxPositions = 4096,
        Rope = new RopeParameters(),
        IsCausal = false,
        TieWordEmbeddings = true,
    };

    /// <summary>Runs it.</summary>
    /// <param name="options">Shape and settings.</param>
    /// <param name="cancellation">Stops between layers.</param>
    /// <exception cref="InsufficientMemoryException">The weights that are to be trained do not fit.</exception>
    public static TrainingBenchmarkResult Run(TrainingBenchmarkOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new TrainingBenchmarkOptions();
        ModelConfig config = options.Config ?? DefaultConfig;
        using ComputeContext context = new(new ComputeOptions { Threads = options.Threads });
        if (options.LoraRank is null) TrainingMemory.Require(config.ParameterCount, new OptimizerOptions());

        // Frozen weights are held as they are multiplied; those that train are copied to f32 masters.
        ElementType held = options is { LoraRank: not null, Precision: Precision.BF16 } ? ElementType.BF16 : ElementType.F32;
        using BiEncoder model = new(new Decoder(config, new RandomParameters(config, seed: 1, held)), new EncoderSettings());
        if (options.LoraRank is { } rank) Adapter.Attach(model, new AdapterOptions { Rank = rank });
        model.Decoder.Recompute = options.Recompute;
        ContrastiveTrainer trainer = new(context, model, Data(options, config.VocabularySize), new ContrastiveOptions
        {
            BatchSize = options.Queries,
            QueryLength = options.QueryTokens,
            PassageLength = options.PassageTokens,
            Precision = options.Precision,
            Schedule = new LearningRateSchedule { Shape = ScheduleShape.Constant, Peak = 1e-5, TotalSteps = options.Steps + 1 },
        });

        trainer.Step(cancellation);
        double[] seconds = new double[options.Steps];
        int tokens = 0;
        for (int i = 0; i < seconds.Length; i++)
        {
            long started = Stopwatch.GetTimestamp();
            tokens = trainer.Step(cancellation).Tokens;
            seconds[i] = Stopwatch.GetElapsedTime(started).TotalSeconds;
        }

        return new TrainingBenchmarkResult(tokens / seconds.Min(), seconds, tokens, context.Threads, context.KernelName(options.Precision), context.PeakBytes);
    }

    private static ContrastiveData Data(TrainingBenchmarkOptions options, int vocabulary)
    {
        Random random = new(1);
        int[][] Texts(int count, int tokens) =>
            [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, tokens).Select(_ => random.Next(vocabulary)).ToArray())];
        int n = options.PassagesPerQuery;
        return new ContrastiveData(
            TokenizedTexts.From(Texts(options.Queries, options.QueryTokens)),
            TokenizedTexts.From(Texts(options.Queries * n, options.PassageTokens)),
            [.. Enumerable.Range(0, options.Queries).Select(i => new ContrastiveExample(i, [.. Enumerable.Range(i * n, n)]))]);
    }
}
