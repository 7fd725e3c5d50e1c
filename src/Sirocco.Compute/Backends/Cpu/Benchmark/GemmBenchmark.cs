using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>How fast products run here, and how fast oneDNN runs them where it is installed.</summary>
/// <param name="Library">Which implementation: the name of our kernel, or oneDNN's version.</param>
/// <param name="Seconds">One product; the median of the repetitions.</param>
/// <param name="GigaOperations">10⁹ multiplications and additions a second: 2·m·n·k / time.</param>
public sealed record GemmTiming(string Library, double Seconds, double GigaOperations);

/// <summary>Times y[m, n] = x[m, k] · W[n, k]ᵀ as a linear layer computes it: activations in f32, weights as they lie in a checkpoint.</summary>
public static unsafe class GemmBenchmark
{
    /// <summary>Measures our product and, where oneDNN is installed, its product of the same shape in turns with ours, so that both see the same machine.</summary>
    /// <param name="m">Tokens.</param>
    /// <param name="n">Output features.</param>
    /// <param name="k">Input features.</param>
    /// <param name="precision">Weights are f32, bf16 or int8 accordingly.</param>
    /// <param name="threads">Threads for both; null: one for each processor.</param>
    /// <param name="seconds">About how long to measure each.</param>
    /// <returns>Ours first.</returns>
    public static IReadOnlyList<GemmTiming> Run(int m, int n, int k, Precision precision, int? threads = null, double seconds = 2)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(m);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(n);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        int count = threads ?? Environment.ProcessorCount;
        using CpuBackend backend = new(count);
        using AlignedBuffer x = new(), weight = new(), y = new();
        ElementType stored = precision == Precision.F32 ? ElementType.F32 : ElementType.BF16;
        Fill(x.Reserve(4L * m * k), 4L * m * k);
        Fill(weight.Reserve((long)n * k * stored.Size()), (long)n * k * stored.Size());
        Operand input = Operand.Dense(x.Reserve(0), ElementType.F32, m, k);
        Operand weights = Operand.Dense(weight.Reserve(0), stored, n, k);
        float* result = (float*)y.Reserve(4L * m * n);

        using OneDnn? neighbour = OneDnn.TryCreate(m, n, k, precision, count);
        List<double> ours = [], theirs = [];
        using QuantizedWeight? quantized = precision == Precision.Int8 ? QuantizedWeight.Quantize(backend, weights) : null;
        void Product() => Gemm.Linear(
            backend, input, [quantized == null ? new LinearOutput(weights, result, n) : new LinearOutput(quantized, result, n)], precision);

        Product();
        neighbour?.Run();
        long end = Stopwatch.GetTimestamp() + (long)(seconds * (neighbour == null ? 1 : 2) * Stopwatch.Frequency);
        while (ours.Count < 3 || Stopwatch.GetTimestamp() < end)
        {
            ours.Add(Time(Product));
            if (neighbour != null)
                theirs.Add(Time(neighbour.Run));
        }

        List<GemmTiming> timings = [Timing(backend.Kernels[precision].Name, ours)];
        if (neighbour != null)
            timings.Add(Timing(neighbour.Name, theirs));
        return timings;

        GemmTiming Timing(string library, List<double> runs)
        {
            runs.Sort();
            double median = runs[runs.Count / 2];
            return new GemmTiming(library, median, 2.0 * m * n * k / median / 1e9);
        }
    }

    private static double Time(Action run)
    {
        long start = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Bytes that are an ordinary small number as f32 and as bf16.</summary>
    private static void Fill(void* memory, long bytes) => NativeMemory.Fill(memory, (nuint)bytes, 0x3c);
}
