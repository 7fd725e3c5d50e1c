using Sirocco.Cli.Frame;
using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs.Bench;

/// <summary>Tokens a second of a bidirectional encoder with pooling: random weights in a named shape, or the shape of a model folder.</summary>
internal static class EmbedBench
{
    public static Measurement Run(BenchSettings settings)
    {
        string shape = settings.Shape ?? "ministral-3b";
        ModelConfig config = Directory.Exists(shape) ? ModelConfig.Load(shape) : Invocation.Load(() => ModelShapes.Find(shape));
        Precision precision = ComputeChoice.ParsePrecision(settings.Precision) ?? Precision.BF16;
        int tokens = settings.Tokens ?? 512, sequences = settings.Sequences ?? 1;
        ComputeOptions compute = new() { Threads = settings.Threads, Deterministic = settings.Deterministic };
        using EncoderBenchmark benchmark = Invocation.Load(() => new EncoderBenchmark(config, tokens, sequences, precision, compute));
        List<double> seconds = Measurement.Time(() => benchmark.Run(settings.Cancellation), settings.Runs, settings.Cancellation);
        return new Measurement
        {
            Figure = "tokens_per_second",
            Work = benchmark.Tokens,
            Seconds = seconds,
            Threads = benchmark.Threads,
            Precision = ComputeChoice.Name(precision),
            Kernel = benchmark.Kernel,
            Settings = [("shape", shape), ("tokens", tokens), ("sequences", sequences)],
        };
    }
}
