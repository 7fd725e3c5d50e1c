using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>Fresh factors of an adapter. Value i of a parameter depends on the seed, its name and i only.</summary>
internal static class AdapterStart
{
    /// <summary>A fresh update: A random, B zero, so that it adds nothing yet, and with DoRA the row lengths of the weight.</summary>
    /// <param name="projection">What is adapted.</param>
    /// <param name="prefix">Name of the module in parameters' names.</param>
    /// <param name="rank">Rank.</param>
    /// <param name="initialization">How A starts.</param>
    /// <param name="dora">Whether there is a magnitude.</param>
    /// <param name="seed">Another seed gives another A.</param>
    public static (Parameter A, Parameter B, Parameter? Magnitude) Create(
        Projection projection, string prefix, int rank, AdapterInitialization initialization, bool dora, ulong seed)
    {
        Parameter weight = projection.Weight;
        bool embedding = projection.Name == ModuleMatching.Embedding;
        (int inputs, int outputs) = embedding ? (weight.Rows, weight.Columns) : (weight.Columns, weight.Rows);
        AdapterNames names = AdapterNames.Of(embedding);
        float[] a = new float[checked(rank * inputs)], b = new float[checked(outputs * rank)];

        // An embedding's A is a lookup, so it is the one that starts at zero (as in peft).
        ulong key = Key(prefix, seed);
        if (embedding) Normal(b, key, 1);
        else if (initialization == AdapterInitialization.XavierNormal) Normal(a, key, MathF.Sqrt(2f / (inputs + rank)));
        else Uniform(a, key, 1 / MathF.Sqrt(inputs));
        return (
            Parameter.FromValues(prefix + names.A, [rank, inputs], a),
            Parameter.FromValues(prefix + names.B, [outputs, rank], b),
            dora ? Parameter.FromValues(prefix + AdapterNames.Magnitude, [outputs], RowLengths(weight)) : null);
    }

    /// <summary>‖wᵢ‖ of every row.</summary>
    private static float[] RowLengths(Parameter weight)
    {
        float[] lengths = new float[weight.Rows];
        Parallel.For(0, lengths.Length, () => new float[weight.Columns], (row, _, values) =>
        {
            weight.CopyRowTo(row, values);
            double sum = 0;
            foreach (float value in values) sum += (double)value * value;
            lengths[row] = (float)Math.Sqrt(sum);
            return values;
        }, _ => { });
        return lengths;
    }

    private static ulong Key(string name, ulong seed)
    {
        ulong key = RandomParameters.Mix(seed + 0x9E3779B97F4A7C15);
        foreach (char letter in name) key = RandomParameters.Mix(key + letter);
        return key;
    }

    private static void Normal(float[] values, ulong key, float deviation)
    {
        Span<float> pair = stackalloc float[2];
        for (int i = 0; i < values.Length; i += 2)
        {
            RandomParameters.Normal(key, (ulong)i, deviation, pair);
            values[i] = pair[0];
            if (i + 1 < values.Length) values[i + 1] = pair[1];
        }
    }

    private static void Uniform(float[] values, ulong key, float bound)
    {
        for (int i = 0; i < values.Length; i++)
        {
            float unit = (RandomParameters.Mix(key + ((ulong)i * 0xD1B54A32D192ED03)) >> 40) * (1f / (1 << 24));
            values[i] = bound * ((2 * unit) - 1);
        }
    }
}
