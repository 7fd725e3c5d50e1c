using Sirocco.Cli.Frame;
using Sirocco.Models;
using Sirocco.Training;

namespace Sirocco.Cli.Verbs.Bench;

/// <summary>Tokens a second of whole training steps of an encoder with random weights: forward, contrastive loss, backward, clipping, AdamW.</summary>
internal static class TrainBench
{
    private const string Standard = "110m";

    public static Measurement Run(BenchSettings settings)
    {
        string shape = settings.Shape ?? Standard;
        TrainingBenchmarkOptions standard = new();
        TrainingBenchmarkOptions options = standard with
        {
            Config = shape == Standard ? null : Directory.Exists(shape) ? ModelConfig.Load(shape) : Invocation.Load(() => ModelShapes.Find(shape)),
            Queries = settings.Sequences ?? standard.Queries,
            QueryTokens = settings.Tokens ?? standard.QueryTokens,
            PassagesPerQuery = settings.Passages ?? standard.PassagesPerQuery,
            PassageTokens = settings.Tokens ?? standard.PassageTokens,
            Precision = ComputeChoice.ParsePrecision(settings.Precision) ?? standard.Precision,
            LoraRank = settings.Lora,
            Recompute = settings.Recompute,
            Threads = settings.Threads,
            Steps = settings.Runs ?? standard.Steps,
        };
        TrainingBenchmarkResult found = TrainingBenchmark.Run(options, settings.Cancellation);
        return new Measurement
        {
            Figure = "tokens_per_second",
            Work = found.TokensPerStep,
            Seconds = found.Seconds,
            Threads = found.Threads,
            Precision = ComputeChoice.Name(options.Precision),
            Kernel = found.Kernel,
            Settings = [
                ("shape", shape),
                ("queries", options.Queries),
                ("passages", options.Queries * options.PassagesPerQuery),
                ("query_tokens", options.QueryTokens),
                ("passage_tokens", options.PassageTokens),
                ("trained", options.LoraRank is { } rank ? $"LoRA adapters of rank {rank}" : "all weights"),
                ("recomputed", options.Recompute)],
        };
    }
}
