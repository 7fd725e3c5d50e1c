using System.Globalization;
using Sirocco.Cli.Frame;
using Sirocco.Compute;

namespace Sirocco.Cli.Verbs.Bench;

/// <summary>One linear layer: y[m, n] = x[m, k] · W[n, k]ᵀ, activations in f32 and weights as a checkpoint of that precision holds them.</summary>
internal static class GemmBench
{
    public static Measurement Run(BenchSettings settings)
    {
        (int m, int k, int n) = Shape(settings.Shape ?? "512x3072x9216");
        Precision precision = ComputeChoice.ParsePrecision(settings.Precision) ?? Precision.BF16;
        using ComputeContext context = new(new ComputeOptions { Threads = settings.Threads });
        using Scope scope = context.BeginScope(precision, cancellation: settings.Cancellation);
        Random random = new(1);
        Tensor x = scope.Upload(Values(m * k, random), m, k);
        Parameter weight = Parameter.FromValues("weight", [n, k], Values(n * k, random));
        if (precision == Precision.BF16) weight = BFloat16(weight);
        void product()
        {
            using Scope run = scope.BeginScope();
            run.Linear(x, weight);
        }

        List<double> seconds = Measurement.Time(product, settings.Runs, settings.Cancellation);
        List<(string, object)> beside = [];
        if (settings.Neighbour)
        {
            // Before and after the neighbour: whatever else the machine does meets both.
            (double? theirs, string? refusal) = Neighbour(m, k, n, precision, context.Threads, settings);
            seconds.AddRange(Measurement.Time(product, settings.Runs, settings.Cancellation));
            if (refusal is not null) beside.Add(("onednn", refusal));
            if (theirs is { } best) beside.AddRange([("onednn_gflops", Operations(m, k, n) / best), ("ratio_to_onednn", best / seconds.Min())]);
        }

        double weightBytes = (double)k * n * (precision switch { Precision.F32 => 4, Precision.BF16 => 2, _ => 1 });
        beside.Insert(0, ("weight_gigabytes_per_second", weightBytes / 1e9 / seconds.Min()));
        return new Measurement
        {
            Figure = "gflops",
            Work = Operations(m, k, n),
            Seconds = seconds,
            Threads = context.Threads,
            Precision = ComputeChoice.Name(precision),
            Kernel = context.KernelName(precision),
            Settings = [("m", m), ("k", k), ("n", n)],
            Beside = beside,
        };
    }

    /// <summary>Multiplications and additions, in thousand millions.</summary>
    private static double Operations(int m, int k, int n) => 2.0 * m * k * n / 1e9;

    private static (double? Seconds, string? Refusal) Neighbour(int m, int k, int n, Precision precision, int threads, BenchSettings settings)
    {
        if (!OneDnn.IsInstalled) return (null, "libdnnl.so.2 is not installed");
        try
        {
            using OneDnn product = new(m, k, n, precision, threads);
            return (Measurement.Time(product.Run, settings.Runs, settings.Cancellation).Min(), null);
        }
        catch (NotSupportedException failure)
        {
            return (null, failure.Message);
        }
    }

    private static (int M, int K, int N) Shape(string text)
    {
        string[] parts = text.Split('x', '×');
        int[] extents = new int[3];
        bool valid = parts.Length == 3;
        for (int i = 0; valid && i < 3; i++)
            valid = int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out extents[i]) && extents[i] is > 0 and <= 1 << 18;
        if (!valid || (long)extents[0] * extents[1] > 1 << 30 || (long)extents[1] * extents[2] > 1 << 30 || (long)extents[0] * extents[2] > 1 << 30)
        {
            throw new UsageException($"--shape {text}: a product is written MxKxN, such as 512x3072x9216, of matrices with at most 2^30 elements");
        }

        return (extents[0], extents[1], extents[2]);
    }

    private static float[] Values(int count, Random random)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = (random.NextSingle() - 0.5f) / 16;
        return values;
    }

    private static unsafe Parameter BFloat16(Parameter weight)
    {
        ushort[] bits = GC.AllocateUninitializedArray<ushort>(checked((int)weight.Count), pinned: true);
        float[] row = new float[weight.Columns];
        for (int i = 0; i < weight.Rows; i++)
        {
            weight.CopyRowTo(i, row);
            Formats.ElementConversion.SingleToBFloat16(row, bits.AsSpan(i * row.Length, row.Length));
        }

        fixed (ushort* first = bits) return Parameter.FromMemory(weight.Name, weight.Shape, ElementType.BF16, (nint)first, bits);
    }
}
