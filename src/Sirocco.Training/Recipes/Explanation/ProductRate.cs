using System.Diagnostics;
using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>How many operations a second this machine makes in a feed-forward product of a model, measured on the spot.</summary>
internal static class ProductRate
{
    private const int Tokens = 256;
    private const int Runs = 5;

    /// <summary>Multiplications and additions a second: the best of a few runs.</summary>
    public static double Measure(ModelConfig config, Precision precision, int threads)
    {
        using ComputeContext context = new(new ComputeOptions { Threads = threads });
        using Scope scope = context.BeginScope(precision);
        int rows = Math.Min(config.IntermediateSize, 4096), columns = Math.Min(config.HiddenSize, 4096);
        Parameter weight = Parameter.FromValues("weight", [rows, columns], new float[rows * columns]);
        Tensor x = scope.Upload(new float[Tokens * columns], Tokens, columns);
        double best = double.MaxValue;
        for (int i = 0; i < Runs; i++)
        {
            using Scope run = scope.BeginScope();
            long start = Stopwatch.GetTimestamp();
            run.Linear(x, weight);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return 2.0 * Tokens * rows * columns / Math.Max(best, 1e-9);
    }
}
