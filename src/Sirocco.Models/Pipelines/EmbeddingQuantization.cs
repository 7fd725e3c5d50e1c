using System.Numerics.Tensors;

namespace Sirocco.Models;

/// <summary>Vectors in fewer bytes, as sentence-transformers' quantize_embeddings makes them.</summary>
public static class EmbeddingQuantization
{
    /// <summary>Smallest and largest value of each feature over a set of vectors.</summary>
    /// <returns>[2][features]</returns>
    public static (float[] Least, float[] Most) Ranges(IReadOnlyList<float[]> vectors)
    {
        if (vectors.Count == 0) throw new ArgumentException("ranges need at least one vector", nameof(vectors));
        float[] least = [.. vectors[0]], most = [.. vectors[0]];
        foreach (float[] vector in vectors)
        {
            TensorPrimitives.Min(least, vector, least);
            TensorPrimitives.Max(most, vector, most);
        }

        return (least, most);
    }

    /// <summary>255 steps between the ends of each feature's range, rounded down; values outside are clipped, a constant feature has step 1.</summary>
    /// <param name="vector">[features]</param>
    /// <param name="least">[features]</param>
    /// <param name="most">[features]</param>
    public static byte[] ToBytes(ReadOnlySpan<float> vector, ReadOnlySpan<float> least, ReadOnlySpan<float> most)
    {
        byte[] codes = new byte[vector.Length];
        for (int i = 0; i < codes.Length; i++)
        {
            float step = (most[i] - least[i]) / 255;
            codes[i] = (byte)Math.Clamp(MathF.Floor((vector[i] - least[i]) / (step == 0 ? 1 : step)), 0, 255);
        }

        return codes;
    }

    /// <summary><see cref="ToBytes"/> less 128.</summary>
    public static sbyte[] ToSignedBytes(ReadOnlySpan<float> vector, ReadOnlySpan<float> least, ReadOnlySpan<float> most) =>
        Array.ConvertAll(ToBytes(vector, least, most), code => (sbyte)(code - 128));

    /// <summary>One bit a feature, set where it is above 0, the first feature in the most significant bit; the last byte is filled with zeros.</summary>
    public static byte[] ToBits(ReadOnlySpan<float> vector)
    {
        byte[] bits = new byte[(vector.Length + 7) / 8];
        for (int i = 0; i < vector.Length; i++)
        {
            if (vector[i] > 0) bits[i / 8] |= (byte)(0x80 >> (i % 8));
        }

        return bits;
    }

    /// <summary><see cref="ToBits"/>, each byte less 128.</summary>
    public static sbyte[] ToSignedBits(ReadOnlySpan<float> vector) => Array.ConvertAll(ToBits(vector), bits => (sbyte)(bits - 128));
}
