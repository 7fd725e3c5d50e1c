using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>
/// New weights: norms of ones, everything else normal with the configuration's standard deviation. Value i of a parameter depends on the seed, the
/// parameter's place in the network and i only, whatever the number of threads.
/// </summary>
/// <param name="config">Gives the standard deviation.</param>
/// <param name="seed">Another seed gives other weights.</param>
/// <param name="type">How values are held: f32 for training, bf16 to measure inference at a published size.</param>
/// <param name="prefix">Put before every name.</param>
public sealed class RandomParameters(ModelConfig config, ulong seed, ElementType type = ElementType.F32, string prefix = "") : IParameterSource
{
    private ulong stream = seed * 0x9E3779B97F4A7C15;

    /// <inheritdoc/>
    public Parameter Take(string name, int[] shape, ShardAxis axis)
    {
        long count = shape.Aggregate(1L, (product, extent) => checked(product * extent));
        NativeBlock block = new(checked(count * type.Size()), zeroed: false);
        ulong key = Mix(stream += 0x9E3779B97F4A7C15);
        bool norm = name.EndsWith("norm.weight", StringComparison.Ordinal);
        bool bias = name.EndsWith(".bias", StringComparison.Ordinal);
        float deviation = bias ? 0 : config.InitializerRange;
        const int Chunk = 1 << 16;
        Parallel.For(0, (count + Chunk - 1) / Chunk, chunk =>
        {
            long start = chunk * Chunk;
            Span<float> values = stackalloc float[2];
            for (long i = start; i < Math.Min(start + Chunk, count); i += 2)
            {
                if (norm) values.Fill(1);
                else Normal(key, (ulong)i, deviation, values);
                Store(block, i, values[0]);
                if (i + 1 < count) Store(block, i + 1, values[1]);
            }
        });
        return Parameter.FromMemory(prefix + name, shape, type, block.Pointer, block, axis);
    }

    /// <summary>Two independent normal values from two uniform ones (Box and Muller 1958).</summary>
    internal static void Normal(ulong key, ulong counter, float deviation, Span<float> values)
    {
        ulong bits = Mix(key + (counter * 0xD1B54A32D192ED03));
        float u = ((uint)(bits >> 40) + 1) * (1f / (1 << 24)), v = (uint)(bits & 0xFFFFFF) * (1f / (1 << 24));
        float radius = deviation * MathF.Sqrt(-2 * MathF.Log(u));
        (float sine, float cosine) = MathF.SinCos(2 * MathF.PI * v);
        values[0] = radius * cosine;
        values[1] = radius * sine;
    }

    /// <summary>SplitMix64's finalizer (Steele, Lea and Flood 2014).</summary>
    internal static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    private unsafe void Store(NativeBlock block, long index, float value)
    {
        switch (type)
        {
            case ElementType.F32:
                ((float*)block.Pointer)[index] = value;
                break;
            case ElementType.BF16:
                ((ushort*)block.Pointer)[index] = Formats.ElementConversion.SingleToBFloat16(value);
                break;
            default:
                ((Half*)block.Pointer)[index] = (Half)value;
                break;
        }
    }
}
