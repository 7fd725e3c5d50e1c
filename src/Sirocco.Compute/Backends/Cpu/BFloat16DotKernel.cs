using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>What the inner loop of bf16 dot products reads; see <see cref="PanelArguments"/> for why the layout is explicit.</summary>
[StructLayout(LayoutKind.Explicit, Size = SaveOffset + (10 * 16))]
internal unsafe struct DotArguments
{
    public const int XOffset = 0, WeightOffset = 8, WeightStrideOffset = 16, StepsOffset = 24, SumsOffset = 32, SaveOffset = 64;

    /// <summary>[steps][rows][32] bf16.</summary>
    [FieldOffset(XOffset)]
    public void* X;

    /// <summary>First of the weight's rows.</summary>
    [FieldOffset(WeightOffset)]
    public void* Weight;

    /// <summary>Bytes from one row of the weight to the next.</summary>
    [FieldOffset(WeightStrideOffset)]
    public nint WeightStride;

    /// <summary>Whole steps of 32 elements.</summary>
    [FieldOffset(StepsOffset)]
    public nint Steps;

    /// <summary>Receives [rows][weight rows][16] partial sums, one for each pair of bf16 in a step.</summary>
    [FieldOffset(SumsOffset)]
    public void* Sums;
}

/// <summary>Dot products of bf16 with bf16: activations are rounded and laid out in the order of steps, weights are read in place.</summary>
internal abstract unsafe class BFloat16DotKernel() : DotKernel(ElementType.BF16, rowTile: MaximumRows, mostRows: 12)
{
    /// <summary>8 rows × 3 weight rows: 24 sums of the 32 registers of AVX-512.</summary>
    public const int MaximumRows = 8;

    /// <summary>Elements of a step: one vector of 64 bytes.</summary>
    public const int StepElements = 32;

    /// <summary>Whole steps for the loop, and one more for the rest.</summary>
    public override long BlockBytes(int rows, int k) => (long)StepElements * sizeof(ushort) * rows * ((k / StepElements) + 1);

    public override void Prepare(float* x, long stride, int rows, int k, byte* block)
    {
        ushort* to = (ushort*)block;
        for (int i = 0; i < k; i += StepElements)
        {
            for (int row = 0; row < rows; row++, to += StepElements)
                RowConversion.ToBF16(ElementType.F32, x + (row * stride) + i, Math.Min(StepElements, k - i), to);
        }
    }

    public override void Run(int rows, byte* block, byte* weight, long weightStride, int k, float* sums)
    {
        Vector512<float>* partial = stackalloc Vector512<float>[MaximumRows * WeightRows];
        int steps = k / StepElements, whole = steps * StepElements;
        DotArguments arguments = new() { X = block, Weight = weight, WeightStride = (nint)weightStride, Steps = steps, Sums = partial };
        RunSteps(rows, &arguments);
        ushort* rest = (ushort*)block + ((long)whole * rows);
        for (int row = 0; row < rows; row++)
        {
            for (int w = 0; w < WeightRows; w++)
            {
                float sum = Vector512.Sum(partial[(row * WeightRows) + w]);
                for (int i = whole; i < k; i++) sum += LoadBF16.Load(rest + (row * StepElements), i - whole) * LoadBF16.Load(weight + (w * weightStride), i);
                sums[(row * WeightRows) + w] = sum;
            }
        }
    }

    /// <summary>The loop over whole steps.</summary>
    protected abstract void RunSteps(int rows, DotArguments* arguments);
}
