using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// Dot products of a few rows of activations with <see cref="WeightRows"/> rows of a weight where it lies. With few rows a product is as fast as the weight can be
/// read; packing it first would cost more than the arithmetic, so each vector of the weight is loaded once and meets all rows in registers.
/// </summary>
internal abstract unsafe class DotKernel(ElementType weightType, int rowTile)
{
    /// <summary>Rows of the weight in one call.</summary>
    public const int WeightRows = 3;

    /// <summary>Elements of the weights.</summary>
    public ElementType WeightType { get; } = weightType;

    /// <summary>Most rows of activations in one call.</summary>
    public int RowTile { get; } = rowTile;

    /// <summary>Bytes of a block of <paramref name="rows"/> prepared rows.</summary>
    public abstract long BlockBytes(int rows, int k);

    /// <summary>Lays out 1 … <see cref="RowTile"/> rows of activations the way <see cref="Run"/> reads them.</summary>
    /// <param name="x">Row-major f32.</param>
    /// <param name="stride">Elements from row to row.</param>
    /// <param name="rows">Rows of the block.</param>
    /// <param name="k">Features.</param>
    /// <param name="block">Receives <see cref="BlockBytes"/> bytes; 64-byte aligned.</param>
    public abstract void Prepare(float* x, long stride, int rows, int k, byte* block);

    /// <summary>sums[row · WeightRows + w] = Σ_i x[row, i] · weight[w, i].</summary>
    /// <param name="rows">Rows of the block.</param>
    /// <param name="block">Prepared rows.</param>
    /// <param name="weight">First row of the weight.</param>
    /// <param name="weightStride">Bytes from one row of the weight to the next.</param>
    /// <param name="k">Features.</param>
    /// <param name="sums">[rows, WeightRows].</param>
    public abstract void Run(int rows, byte* block, byte* weight, long weightStride, int k, float* sums);
}

/// <summary>The dot products in plain loops: the reference.</summary>
internal sealed unsafe class ScalarDotKernel<TLoad>() : DotKernel(TLoad.Type, rowTile: 4)
    where TLoad : IFloatLoad
{
    public override long BlockBytes(int rows, int k) => 4L * rows * k;

    public override void Prepare(float* x, long stride, int rows, int k, byte* block)
    {
        for (int row = 0; row < rows; row++)
            RowConversion.ToF32(ElementType.F32, x + (row * stride), k, (float*)block + ((long)row * k));
    }

    public override void Run(int rows, byte* block, byte* weight, long weightStride, int k, float* sums)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int w = 0; w < WeightRows; w++)
            {
                float sum = 0;
                for (int i = 0; i < k; i++)
                    sum += ((float*)block)[((long)row * k) + i] * TLoad.Load(weight + (w * weightStride), i);
                sums[(row * WeightRows) + w] = sum;
            }
        }
    }
}

/// <summary>
/// The dot products in vectors of eight f32, weights of any type widened in the register: 4 rows × 3 weight rows are 12 sums, 3 vectors of the weight and 1 of x, the
/// 16 registers of AVX2.
/// </summary>
internal sealed unsafe class SimdDotKernel<TLoad>() : DotKernel(TLoad.Type, rowTile: 4)
    where TLoad : IFloatLoad
{
    public override long BlockBytes(int rows, int k) => 4L * rows * Padded(k);

    /// <summary>Rows padded with zeros to whole vectors.</summary>
    public override void Prepare(float* x, long stride, int rows, int k, byte* block)
    {
        for (int row = 0; row < rows; row++)
        {
            float* to = (float*)block + ((long)row * Padded(k));
            RowConversion.ToF32(ElementType.F32, x + (row * stride), k, to);
            for (int i = k; i < Padded(k); i++)
                to[i] = 0;
        }
    }

    public override void Run(int rows, byte* block, byte* weight, long weightStride, int k, float* sums)
    {
        switch (rows)
        {
            case 1:
                Tile<Count1>((float*)block, weight, weightStride, k, sums);
                break;
            case 2:
                Tile<Count2>((float*)block, weight, weightStride, k, sums);
                break;
            case 3:
                Tile<Count3>((float*)block, weight, weightStride, k, sums);
                break;
            default:
                Tile<Count4>((float*)block, weight, weightStride, k, sums);
                break;
        }
    }

    private static int Padded(int k) => (k + 7) / 8 * 8;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TRows>(float* x, byte* weight, long weightStride, int k, float* sums)
        where TRows : ICount
    {
        Vector256<float> s00 = default, s01 = default, s02 = default, s10 = default, s11 = default, s12 = default;
        Vector256<float> s20 = default, s21 = default, s22 = default, s30 = default, s31 = default, s32 = default;
        byte* second = weight + weightStride, third = second + weightStride;
        long row = Padded(k);
        int whole = k / 8 * 8;
        for (int i = 0; i < k; i += 8)
        {
            Vector256<float> w0, w1, w2;
            if (i < whole)
                (w0, w1, w2) = (TLoad.Load8(weight, i), TLoad.Load8(second, i), TLoad.Load8(third, i));
            else
                (w0, w1, w2) = (Tail(weight, i, k), Tail(second, i, k), Tail(third, i, k));

            Vector256<float> v = Vector256.Load(x + i);
            s00 = Vector256.MultiplyAddEstimate(v, w0, s00);
            s01 = Vector256.MultiplyAddEstimate(v, w1, s01);
            s02 = Vector256.MultiplyAddEstimate(v, w2, s02);
            if (TRows.Value > 1)
            {
                v = Vector256.Load(x + row + i);
                s10 = Vector256.MultiplyAddEstimate(v, w0, s10);
                s11 = Vector256.MultiplyAddEstimate(v, w1, s11);
                s12 = Vector256.MultiplyAddEstimate(v, w2, s12);
            }

            if (TRows.Value > 2)
            {
                v = Vector256.Load(x + (2 * row) + i);
                s20 = Vector256.MultiplyAddEstimate(v, w0, s20);
                s21 = Vector256.MultiplyAddEstimate(v, w1, s21);
                s22 = Vector256.MultiplyAddEstimate(v, w2, s22);
            }

            if (TRows.Value > 3)
            {
                v = Vector256.Load(x + (3 * row) + i);
                s30 = Vector256.MultiplyAddEstimate(v, w0, s30);
                s31 = Vector256.MultiplyAddEstimate(v, w1, s31);
                s32 = Vector256.MultiplyAddEstimate(v, w2, s32);
            }
        }

        Store(sums, s00, s01, s02);
        if (TRows.Value > 1)
            Store(sums + WeightRows, s10, s11, s12);
        if (TRows.Value > 2)
            Store(sums + (2 * WeightRows), s20, s21, s22);
        if (TRows.Value > 3)
            Store(sums + (3 * WeightRows), s30, s31, s32);
    }

    /// <summary>The last elements of a weight row, which must not be read past its end, and zeros.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector256<float> Tail(byte* weight, int from, int k)
    {
        float* rest = stackalloc float[8];
        for (int i = 0; i < 8; i++)
            rest[i] = from + i < k ? TLoad.Load(weight, from + i) : 0;
        return Vector256.Load(rest);
    }

    private static void Store(float* sums, Vector256<float> first, Vector256<float> second, Vector256<float> third)
    {
        sums[0] = Vector256.Sum(first);
        sums[1] = Vector256.Sum(second);
        sums[2] = Vector256.Sum(third);
    }
}
