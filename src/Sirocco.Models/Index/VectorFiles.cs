using System.Numerics;
using System.Numerics.Tensors;

namespace Sirocco.Models;

/// <summary>The vector files of an index, little-endian, one row after the other, and the arithmetic on their rows.</summary>
internal static class VectorFiles
{
    public const string F32 = "vectors.f32";
    public const string Int8 = "vectors.i8";
    public const string Scales = "vectors.scales";
    public const string Signs = "vectors.bits";

    public static string[] Of(VectorStore store) => store switch
    {
        VectorStore.F32 => [F32],
        VectorStore.Int8 => [Int8, Scales],
        _ => [Int8, Scales, Signs],
    };

    public static long BytesPerRow(string name, int dimensions) => name switch
    {
        F32 => (long)dimensions * sizeof(float),
        Int8 => dimensions,
        Scales => sizeof(float),
        _ => (long)WordsOf(dimensions) * sizeof(ulong),
    };

    /// <summary>Words of the sign bits of a vector: bit i % 64 of word i / 64 is set where feature i is above 0.</summary>
    public static int WordsOf(int dimensions) => (dimensions + 63) / 64;

    public static ulong[] SignWords(ReadOnlySpan<float> vector)
    {
        ulong[] words = new ulong[WordsOf(vector.Length)];
        for (int i = 0; i < vector.Length; i++)
        {
            if (vector[i] > 0) words[i >> 6] |= 1UL << (i & 63);
        }

        return words;
    }

    public static int Hamming(ReadOnlySpan<ulong> a, ReadOnlySpan<ulong> b)
    {
        int distance = 0;
        for (int i = 0; i < a.Length; i++) distance += BitOperations.PopCount(a[i] ^ b[i]);
        return distance;
    }

    public static float Dot(ReadOnlySpan<float> query, ReadOnlySpan<float> row) => TensorPrimitives.Dot(query, row);

    /// <summary>Σ query[i] · codes[i] in f32: the codes are widened in registers, so nothing but their rounding is lost.</summary>
    public static float Dot(ReadOnlySpan<float> query, ReadOnlySpan<sbyte> codes)
    {
        Vector<float> a = Vector<float>.Zero, b = a, c = a, d = a;
        int lanes = Vector<float>.Count, i = 0;
        for (; i <= codes.Length - Vector<sbyte>.Count; i += Vector<sbyte>.Count)
        {
            Vector.Widen(new Vector<sbyte>(codes[i..]), out Vector<short> low, out Vector<short> high);
            Vector.Widen(low, out Vector<int> i0, out Vector<int> i1);
            Vector.Widen(high, out Vector<int> i2, out Vector<int> i3);
            a = Vector.FusedMultiplyAdd(Vector.ConvertToSingle(i0), new Vector<float>(query[i..]), a);
            b = Vector.FusedMultiplyAdd(Vector.ConvertToSingle(i1), new Vector<float>(query[(i + lanes)..]), b);
            c = Vector.FusedMultiplyAdd(Vector.ConvertToSingle(i2), new Vector<float>(query[(i + (2 * lanes))..]), c);
            d = Vector.FusedMultiplyAdd(Vector.ConvertToSingle(i3), new Vector<float>(query[(i + (3 * lanes))..]), d);
        }

        float sum = Vector.Sum(a + b + (c + d));
        for (; i < codes.Length; i++) sum += query[i] * codes[i];
        return sum;
    }
}
