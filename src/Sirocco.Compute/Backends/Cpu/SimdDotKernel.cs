using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// The dot products in vectors of eight f32, weights of any type widened in the register: 4 rows × 3 weight rows are 12 sums, 3 vectors of the weight and 1 of
/// x, the 16 registers of AVX2. A step is 16 elements of each row; x lies in the order of steps, so that only the weight's rows are separate streams.
/// </summary>
internal sealed unsafe class SimdDotKernel<TLoad>() : DotKernel(TLoad.Type, rowTile: 4, mostRows: 4)
    where TLoad : IFloatLoad
{
    private const int Step = 16;

    public override string Name => $"simd dot {RowTile}×{WeightRows}";

    public override long BlockBytes(int rows, int k) => 4L * rows * Padded(k);

    /// <summary>[steps][rows][16], evens before odds where the weight is read that way, zeros after the last element.</summary>
    public override void Prepare(float* x, long stride, int rows, int k, byte* block)
    {
        float* to = (float*)block;
        for (int i = 0; i < k; i += Step)
        {
            for (int row = 0; row < rows; row++, to += Step)
            {
                for (int j = 0; j < Step; j++) to[Place(j)] = i + j < k ? x[(row * stride) + i + j] : 0;
            }
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

    private static int Padded(int k) => (k + Step - 1) / Step * Step;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TRows>(float* x, byte* weight, long weightStride, int k, float* sums)
        where TRows : ICount
    {
        Vector256<float> s00 = default, s01 = default, s02 = default, s10 = default, s11 = default, s12 = default;
        Vector256<float> s20 = default, s21 = default, s22 = default, s30 = default, s31 = default, s32 = default;
        byte* w = weight;
        for (byte* end = w + (k / Step * Step * TLoad.Type.Size()); w < end; w += Step * TLoad.Type.Size(), x += TRows.Value * Step)
        {
            Half<TRows>(0, x, w, weightStride, ref s00, ref s01, ref s02, ref s10, ref s11, ref s12, ref s20, ref s21, ref s22, ref s30, ref s31, ref s32);
            Half<TRows>(1, x, w, weightStride, ref s00, ref s01, ref s02, ref s10, ref s11, ref s12, ref s20, ref s21, ref s22, ref s30, ref s31, ref s32);
        }

        Store(sums, s00, s01, s02);
        if (TRows.Value > 1) Store(sums + WeightRows, s10, s11, s12);
        if (TRows.Value > 2) Store(sums + (2 * WeightRows), s20, s21, s22);
        if (TRows.Value > 3) Store(sums + (3 * WeightRows), s30, s31, s32);

        for (int i = k / Step * Step; i < k; i++)
        {
            for (int row = 0; row < TRows.Value; row++)
            {
                for (int j = 0; j < WeightRows; j++)
                    sums[(row * WeightRows) + j] += x[(row * Step) + Place(i % Step)] * TLoad.Load(weight + (j * weightStride), i);
            }
        }
    }

    /// <summary>Eight of a step's elements. Inlined, so that the sums stay in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Half<TRows>(
        int half, float* x, byte* weight, long weightStride,
        ref Vector256<float> s00, ref Vector256<float> s01, ref Vector256<float> s02,
        ref Vector256<float> s10, ref Vector256<float> s11, ref Vector256<float> s12,
        ref Vector256<float> s20, ref Vector256<float> s21, ref Vector256<float> s22,
        ref Vector256<float> s30, ref Vector256<float> s31, ref Vector256<float> s32)
        where TRows : ICount
    {
        Vector256<float> w0 = TLoad.Half8(weight, 0, half), w1 = TLoad.Half8(weight + weightStride, 0, half);
        Vector256<float> w2 = TLoad.Half8(weight + (2 * weightStride), 0, half);
        Vector256<float> v = Vector256.Load(x + (8 * half));
        s00 = Vector256.MultiplyAddEstimate(v, w0, s00);
        s01 = Vector256.MultiplyAddEstimate(v, w1, s01);
        s02 = Vector256.MultiplyAddEstimate(v, w2, s02);

        if (TRows.Value > 1)
        {
            v = Vector256.Load(x + (8 * half) + Step);
            s10 = Vector256.MultiplyAddEstimate(v, w0, s10);
            s11 = Vector256.MultiplyAddEstimate(v, w1, s11);
            s12 = Vector256.MultiplyAddEstimate(v, w2, s12);
        }

        if (TRows.Value > 2)
        {
            v = Vector256.Load(x + (8 * half) + (2 * Step));
            s20 = Vector256.MultiplyAddEstimate(v, w0, s20);
            s21 = Vector256.MultiplyAddEstimate(v, w1, s21);
            s22 = Vector256.MultiplyAddEstimate(v, w2, s22);
        }

        if (TRows.Value > 3)
        {
            v = Vector256.Load(x + (8 * half) + (3 * Step));
            s30 = Vector256.MultiplyAddEstimate(v, w0, s30);
            s31 = Vector256.MultiplyAddEstimate(v, w1, s31);
            s32 = Vector256.MultiplyAddEstimate(v, w2, s32);
        }
    }

    /// <summary>Where an element of a step lies in it.</summary>
    private static int Place(int element) => TLoad.SplitsEvenOdd ? (element % 2 * 8) + (element / 2) : element;

    private static void Store(float* sums, Vector256<float> first, Vector256<float> second, Vector256<float> third)
    {
        sums[0] = Vector256.Sum(first);
        sums[1] = Vector256.Sum(second);
        sums[2] = Vector256.Sum(third);
    }
}
