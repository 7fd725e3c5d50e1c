using System.Diagnostics;
using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>
/// How fast a bidirectional encoder of some shape turns tokens into vectors on this machine. The weights are arbitrary, the arithmetic is that of the
/// real model: products do not depend on the values.
/// </summary>
public sealed class EncoderBenchmark : IDisposable
{
    private readonly ComputeContext context;
    private readonly BiEncoder encoder;
    private readonly Precision precision;
    private readonly int[] ids;
    private readonly Segments segments;

    /// <summary>
    /// Makes the weights: bf16 where <paramref name="precision"/> is not f32, as published; of linear layers in int8 only the int8 form stays.
    /// </summary>
    /// <param name="config">The shape, such as <see cref="ModelShapes.Find"/> gives.</param>
    /// <param name="tokens">Tokens of one sequence.</param>
    /// <param name="sequences">Sequences that are encoded together.</param>
    /// <param name="precision">Precision of products.</param>
    /// <param name="options">Threads of the computation.</param>
    public EncoderBenchmark(ModelConfig config, int tokens, int sequences, Precision precision, ComputeOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sequences);
        if (tokens > config.MaxPositions) throw new ArgumentException($"{tokens} tokens are more than the context of {config.MaxPositions}", nameof(tokens));
        this.precision = precision;
        context = new ComputeContext(options);
        Decoder decoder = new(
            config, new UniformParameters(precision == Precision.F32 ? ElementType.F32 : ElementType.BF16, precision == Precision.Int8 ? context : null));
        encoder = new BiEncoder(decoder, new EncoderSettings { Poolings = [Pooling.Average], Normalize = true });
        segments = Segments.FromLengths(Enumerable.Repeat(tokens, sequences).ToArray());
        Random random = new(1);
        ids = new int[segments.Tokens];
        for (int i = 0; i < ids.Length; i++) ids[i] = random.Next(config.VocabularySize);
    }

    /// <summary>Tokens of all sequences.</summary>
    public int Tokens => ids.Length;

    /// <summary>Threads that take part.</summary>
    public int Threads => context.Threads;

    /// <summary>Which kernels run.</summary>
    public string Kernel => context.KernelName(precision);

    /// <summary>Encodes all sequences once.</summary>
    /// <returns>The time it took.</returns>
    public TimeSpan Run(CancellationToken cancellation = default)
    {
        long start = Stopwatch.GetTimestamp();
        using Scope f = context.BeginScope(precision, cancellation: cancellation);
        Tensor vectors = encoder.Encode(f, ids, segments);
        if (!float.IsFinite(vectors.ToArray()[0])) throw new InvalidOperationException("the benchmark's vectors are not finite");
        return Stopwatch.GetElapsedTime(start);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        encoder.Dispose();
        context.Dispose();
    }
}
