using System.Runtime.Intrinsics;
using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>
/// Largest score of some classes and Σ exp(score − largest). Statistics of parts of a vocabulary, whether chunks of one process or the shares of several,
/// are merged into those of the whole.
/// </summary>
internal readonly record struct SoftmaxStatistics(float Largest, double Sum)
{
    /// <summary>Of no class at all.</summary>
    public static SoftmaxStatistics Empty => new(float.NegativeInfinity, 0);

    /// <summary>What a gradient needs.</summary>
    public SoftmaxNormalizer Normalizer => new(Largest, MathF.Log((float)Sum));

    /// <summary>Of a run of scores.</summary>
    public static unsafe SoftmaxStatistics Of(float* scores, int count)
    {
        float largest = VectorRow.Max(scores, count);
        Vector256<float> sums = default;
        double sum = 0;
        int i = 0;
        while (i + 8 <= count)
        {
            // f32 lanes for a while, then into the double: a long f32 sum would lose digits.
            int stop = Math.Min(i + 4096, count);
            for (; i + 8 <= stop; i += 8) sums += VectorMath.Exp(Vector256.Load(scores + i) - Vector256.Create(largest));
            sum += Vector256.Sum(sums);
            sums = default;
        }

        for (; i < count; i++) sum += Math.Exp(scores[i] - largest);
        return new SoftmaxStatistics(largest, sum);
    }

    /// <summary>Of the classes of both.</summary>
    public SoftmaxStatistics Merge(SoftmaxStatistics other)
    {
        if (other.Sum == 0) return this;
        if (Sum == 0) return other;
        float largest = MathF.Max(Largest, other.Largest);
        return new SoftmaxStatistics(largest, (Sum * Math.Exp(Largest - largest)) + (other.Sum * Math.Exp(other.Largest - largest)));
    }

    /// <summary>gradient = factor · softmax(scores): what the softmax adds to the gradient of scores; may be the scores' own memory.</summary>
    public static unsafe void Probabilities(float* scores, SoftmaxNormalizer normalizer, float factor, float* gradient, int count, bool add = false)
    {
        Vector256<float> largest = Vector256.Create(normalizer.Largest), logSum = Vector256.Create(normalizer.LogSum);
        int i = 0;
        for (; i + 8 <= count; i += 8)
        {
            Vector256<float> value = factor * VectorMath.Exp(Vector256.Load(scores + i) - largest - logSum);
            (add ? Vector256.Load(gradient + i) + value : value).Store(gradient + i);
        }

        for (; i < count; i++)
        {
            float value = factor * VectorMath.Exp(Vector256.CreateScalar(scores[i] - normalizer.Largest - normalizer.LogSum)).ToScalar();
            gradient[i] = add ? gradient[i] + value : value;
        }
    }
}

/// <summary>
/// softmax(x) = exp(x − largest − logSum). The two are kept apart: their sum near a score of 50, as temperatures of 0.02 make them, is rounded to 4e-6, and 1 −
/// p of a confident right answer, which is all of its gradient, would be that rounding.
/// </summary>
/// <param name="Largest">Largest score.</param>
/// <param name="LogSum">log Σ exp(score − largest), at least 0.</param>
internal readonly record struct SoftmaxNormalizer(float Largest, float LogSum)
{
    /// <summary>Floats that one takes in a tensor.</summary>
    public const int Columns = 2;

    /// <summary>log Σ exp(score) − <paramref name="score"/>: the cross-entropy of its class.</summary>
    public double Minus(float score) => (double)Largest - score + LogSum;
}
