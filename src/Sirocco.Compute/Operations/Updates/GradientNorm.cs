using System.Runtime.Intrinsics;
using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>The size of a gradient.</summary>
public static class GradientNorms
{
    private const int Chunk = 1 << 16;

    /// <summary>
    /// √Σ x² over a range. Squares are f32, as in torch, so that a component beyond 1.8e19 gives infinity; their sum is kept in f64 and in a
    /// fixed order, so the result does not depend on the number of threads.
    /// </summary>
    /// <param name="context">Whose threads share the work.</param>
    /// <param name="x">Usually all gradients of an arena.</param>
    public static unsafe float Norm(this ComputeContext context, ArenaSlice x)
    {
        int chunks = checked((int)((x.Length + Chunk - 1) / Chunk));
        double[] sums = new double[chunks];
        Work work = new() { Values = x.Pointer, Length = x.Length, Sums = sums };
        context.Backend.Team.Run(ref work, chunks);
        GC.KeepAlive(x);
        double sum = 0;
        foreach (double part in sums) sum += part;
        return MathF.Sqrt((float)sum) is var norm && float.IsNormal(norm) ? (float)Math.Sqrt(sum) : norm;
    }

    private unsafe struct Work : IWork
    {
        public float* Values;
        public long Length;
        public double[] Sums;

        public readonly void Execute(int item, int worker)
        {
            long start = (long)item * Chunk;
            int length = (int)Math.Min(Chunk, Length - start);
            float* x = Values + start;
            Vector256<double> low = default, high = default;
            int i = 0;
            for (; i <= length - Vector256<float>.Count; i += Vector256<float>.Count)
            {
                Vector256<float> value = Vector256.Load(x + i);
                (Vector256<double> lower, Vector256<double> upper) = Vector256.Widen(value * value);
                low += lower;
                high += upper;
            }

            double sum = Vector256.Sum(low + high);
            for (; i < length; i++) sum += x[i] * x[i];
            Sums[item] = sum;
        }
    }
}
