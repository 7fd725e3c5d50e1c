using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>The vector operations that a softmax needs, at one width.</summary>
internal unsafe interface ISoftmaxLanes<TVector>
    where TVector : struct
{
    static abstract int Count { get; }

    static abstract TVector Load(float* source);

    static abstract TVector All(float value);

    static abstract TVector Add(TVector left, TVector right);

    static abstract TVector Subtract(TVector left, TVector right);

    static abstract TVector Multiply(TVector left, TVector right);

    static abstract TVector MultiplyAdd(TVector left, TVector right, TVector addend);

    /// <summary>The larger; <paramref name="right"/> where either is NaN.</summary>
    static abstract TVector Max(TVector left, TVector right);

    /// <summary><paramref name="value"/> · 2ⁿ, n the low bits of the f32 <paramref name="whole"/>.</summary>
    static abstract TVector ScaleByPower(TVector value, TVector whole);

    /// <summary>The first <paramref name="count"/> lanes of one vector, the rest of the other.</summary>
    static abstract TVector First(int count, TVector value, TVector rest);

    static abstract float Sum(TVector value);

    static abstract float Largest(TVector value);

    static abstract void Store(TVector value, float* destination);

    /// <summary>Rounds to bf16, halves away from zero: no even-odd rule matters to a probability.</summary>
    static abstract void StoreBF16(TVector value, ushort* destination);
}

/// <summary>Loops of a softmax over a row of scores in units of log₂. Rows must have room for one vector beyond their end.</summary>
internal static unsafe class SoftmaxRow<TVector, TLanes>
    where TVector : struct
    where TLanes : ISoftmaxLanes<TVector>
{
    /// <summary>Largest of at least one score.</summary>
    public static float Largest(float* scores, int count)
    {
        TVector most = TLanes.All(float.NegativeInfinity);
        int i = 0;
        for (; i + TLanes.Count <= count; i += TLanes.Count) most = TLanes.Max(most, TLanes.Load(scores + i));
        if (i < count) most = TLanes.Max(most, TLanes.First(count - i, TLanes.Load(scores + i), most));
        return TLanes.Largest(most);
    }

    /// <summary>
    /// p = 2^(score − shift), to f32 or, where <paramref name="half"/> is given, to bf16. Writes up to one vector beyond the end, zeros there.
    /// </summary>
    /// <returns>Σ p, of the values before rounding.</returns>
    public static float Power(float* scores, float shift, int count, float* whole, ushort* half)
    {
        TVector sum = TLanes.All(0), down = TLanes.All(shift);
        for (int i = 0; i < count; i += TLanes.Count)
        {
            TVector p = Power(TLanes.Subtract(TLanes.Load(scores + i), down));
            if (count - i < TLanes.Count) p = TLanes.First(count - i, p, TLanes.All(0));
            sum = TLanes.Add(sum, p);
            if (half != null) TLanes.StoreBF16(p, half + i);
            else TLanes.Store(p, whole + i);
        }

        return TLanes.Sum(sum);
    }

    /// <summary>
    /// Backwards, for a row of one key: p = 2^(score − logSum) and ds = p · (product − diagonal), over the scores and products and, where given, rounded to
    /// bf16. Writes up to one vector beyond the end, zeros there.
    /// </summary>
    public static void Gradient(float* scores, float* products, float* logSums, float* diagonals, int count, ushort* halfP, ushort* halfDs)
    {
        for (int i = 0; i < count; i += TLanes.Count)
        {
            TVector p = Power(TLanes.Subtract(TLanes.Load(scores + i), TLanes.Load(logSums + i)));
            TVector ds = TLanes.Multiply(p, TLanes.Subtract(TLanes.Load(products + i), TLanes.Load(diagonals + i)));
            if (count - i < TLanes.Count)
            {
                p = TLanes.First(count - i, p, TLanes.All(0));
                ds = TLanes.First(count - i, ds, TLanes.All(0));
            }

            TLanes.Store(ds, products + i);
            if (halfP == null)
            {
                TLanes.Store(p, scores + i);
                continue;
            }

            TLanes.StoreBF16(p, halfP + i);
            TLanes.StoreBF16(ds, halfDs + i);
        }
    }

    /// <summary>
    /// 2ˣ within 1.5 ulp for −125 ≤ x &lt; 128, 2⁻¹²⁵ below. x = n + r, |r| ≤ ½, by adding and taking away 1.5 · 2²³, which leaves n in the sum's low bits; 2ʳ
    /// by a minimax polynomial (2e-9).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Power(TVector x)
    {
        x = TLanes.Max(TLanes.All(-125), x);
        TVector magic = TLanes.All(12582912), whole = TLanes.Add(x, magic), r = TLanes.Subtract(x, TLanes.Subtract(whole, magic));
        TVector p = TLanes.MultiplyAdd(TLanes.All(0.0001534580806037411f), r, TLanes.All(0.0013399930903688073f));
        p = TLanes.MultiplyAdd(p, r, TLanes.All(0.009618489071726799f));
        p = TLanes.MultiplyAdd(p, r, TLanes.All(0.05550328642129898f));
        p = TLanes.MultiplyAdd(p, r, TLanes.All(0.24022646248340607f));
        p = TLanes.MultiplyAdd(p, r, TLanes.All(0.6931471824645996f));
        p = TLanes.MultiplyAdd(p, r, TLanes.All(1));
        return TLanes.ScaleByPower(p, whole);
    }
}

/// <summary>Eight lanes: AVX2, and two registers each on NEON.</summary>
internal readonly unsafe struct SoftmaxLanes256 : ISoftmaxLanes<Vector256<float>>
{
    public static int Count => Vector256<float>.Count;

    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    public static Vector256<float> All(float value) => Vector256.Create(value);

    public static Vector256<float> Add(Vector256<float> left, Vector256<float> right) => left + right;

    public static Vector256<float> Subtract(Vector256<float> left, Vector256<float> right) => left - right;

    public static Vector256<float> Multiply(Vector256<float> left, Vector256<float> right) => left * right;

    public static Vector256<float> MultiplyAdd(Vector256<float> left, Vector256<float> right, Vector256<float> addend) =>
        Vector256.MultiplyAddEstimate(left, right, addend);

    public static Vector256<float> Max(Vector256<float> left, Vector256<float> right) => Vector256.MaxNative(left, right);

    public static Vector256<float> ScaleByPower(Vector256<float> value, Vector256<float> whole) => (value.AsInt32() + (whole.AsInt32() << 23)).AsSingle();

    public static Vector256<float> First(int count, Vector256<float> value, Vector256<float> rest) =>
        Vector256.ConditionalSelect(Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle(), value, rest);

    public static float Sum(Vector256<float> value) => Vector256.Sum(value);

    public static float Largest(Vector256<float> value)
    {
        Vector128<float> four = Vector128.MaxNative(value.GetLower(), value.GetUpper());
        Vector128<float> two = Vector128.MaxNative(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    public static void Store(Vector256<float> value, float* destination) => value.Store(destination);

    public static void StoreBF16(Vector256<float> value, ushort* destination) =>
        Widening.UpperHalves(value.AsUInt32() + Vector256.Create(0x8000u)).Store(destination);
}

/// <summary>Sixteen lanes: AVX-512.</summary>
internal readonly unsafe struct SoftmaxLanes512 : ISoftmaxLanes<Vector512<float>>
{
    public static int Count => Vector512<float>.Count;

    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    public static Vector512<float> All(float value) => Vector512.Create(value);

    public static Vector512<float> Add(Vector512<float> left, Vector512<float> right) => left + right;

    public static Vector512<float> Subtract(Vector512<float> left, Vector512<float> right) => left - right;

    public static Vector512<float> Multiply(Vector512<float> left, Vector512<float> right) => left * right;

    public static Vector512<float> MultiplyAdd(Vector512<float> left, Vector512<float> right, Vector512<float> addend) =>
        Vector512.MultiplyAddEstimate(left, right, addend);

    public static Vector512<float> Max(Vector512<float> left, Vector512<float> right) => Vector512.MaxNative(left, right);

    public static Vector512<float> ScaleByPower(Vector512<float> value, Vector512<float> whole) => (value.AsInt32() + (whole.AsInt32() << 23)).AsSingle();

    public static Vector512<float> First(int count, Vector512<float> value, Vector512<float> rest) =>
        Vector512.ConditionalSelect(Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle(), value, rest);

    public static float Sum(Vector512<float> value) => Vector512.Sum(value);

    public static float Largest(Vector512<float> value) => SoftmaxLanes256.Largest(Vector256.MaxNative(value.GetLower(), value.GetUpper()));

    public static void Store(Vector512<float> value, float* destination) => value.Store(destination);

    public static void StoreBF16(Vector512<float> value, ushort* destination)
    {
        Vector512<uint> upper = (value.AsUInt32() + Vector512.Create(0x8000u)) >> 16;
        Vector256.Narrow(upper.GetLower(), upper.GetUpper()).Store(destination);
    }
}
