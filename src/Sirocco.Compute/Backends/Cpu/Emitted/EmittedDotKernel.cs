using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Iced.Intel;

namespace Sirocco.Compute.Backends.Cpu.Emitted;

/// <summary>What the emitted loop of dot products reads; see <see cref="PanelArguments"/> for why the layout is explicit.</summary>
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

    /// <summary>Whole groups of 32 elements.</summary>
    [FieldOffset(StepsOffset)]
    public nint Steps;

    /// <summary>Receives [rows][weight rows][16] partial sums.</summary>
    [FieldOffset(SumsOffset)]
    public void* Sums;
}

/// <summary>Dot products of bf16 by <c>vdpbf16ps</c>, weights read in place.</summary>
internal sealed unsafe class EmittedDotKernel : DotKernel
{
    private const int StepElements = DotEmitter.StepBytes / sizeof(ushort);

    private readonly delegate* unmanaged[SuppressGCTransition]<DotArguments*, void>[] byRows;

    private EmittedDotKernel(delegate* unmanaged[SuppressGCTransition]<DotArguments*, void>[] byRows)
        : base(ElementType.BF16, DotEmitter.RowTile) => this.byRows = byRows;

    public static EmittedDotKernel? TryCreate(out string? refusal)
    {
        byte[] code = EmittedCode.Assemble(DotEmitter.RowTile, (assembler, rows) => DotEmitter.Emit(assembler, rows, CallingConvention.Current), out int[] offsets);
        byte* placed = (byte*)ExecutableMemory.Place(code, out refusal);
        if (placed == null)
            return null;
        var byRows = new delegate* unmanaged[SuppressGCTransition]<DotArguments*, void>[offsets.Length];
        for (int i = 0; i < offsets.Length; i++)
            byRows[i] = (delegate* unmanaged[SuppressGCTransition]<DotArguments*, void>)(placed + offsets[i]);
        return new EmittedDotKernel(byRows);
    }

    /// <summary>Whole groups of 32 for the loop, and one more for the rest, padded with zeros.</summary>
    public override long BlockBytes(int rows, int k) => (long)DotEmitter.StepBytes * rows * ((k / StepElements) + 1);

    public override void Prepare(float* x, long stride, int rows, int k, byte* block)
    {
        for (int row = 0; row < rows; row++)
        {
            ushort* to = (ushort*)block + (row * StepElements);
            for (int i = 0; i <= k; i += StepElements, to += rows * StepElements)
            {
                int count = Math.Min(StepElements, k - i);
                RowConversion.ToBF16(ElementType.F32, x + (row * stride) + i, count, to);
            }
        }
    }

    public override void Run(int rows, byte* block, byte* weight, long weightStride, int k, float* sums)
    {
        Vector512<float>* partial = stackalloc Vector512<float>[DotEmitter.RowTile * WeightRows];
        int steps = k / StepElements, whole = steps * StepElements;
        DotArguments arguments = new() { X = block, Weight = weight, WeightStride = (nint)weightStride, Steps = steps, Sums = partial };
        byRows[rows - 1](&arguments);
        ushort* rest = (ushort*)block + ((long)whole * rows);
        for (int row = 0; row < rows; row++)
        {
            for (int w = 0; w < WeightRows; w++)
            {
                float sum = Vector512.Sum(partial[(row * WeightRows) + w]);
                for (int i = whole; i < k; i++)
                    sum += LoadBF16.Load(rest + (row * StepElements), i - whole) * LoadBF16.Load(weight + (w * weightStride), i);
                sums[(row * WeightRows) + w] = sum;
            }
        }
    }
}
