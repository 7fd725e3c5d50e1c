namespace Sirocco.Compute.Backends.Cpu.Emitted;

/// <summary>Dot products of bf16 by <c>vdpbf16ps</c>.</summary>
internal sealed unsafe class EmittedDotKernel : BFloat16DotKernel
{
    private readonly delegate* unmanaged[SuppressGCTransition]<DotArguments*, void>[] byRows;

    private EmittedDotKernel(delegate* unmanaged[SuppressGCTransition]<DotArguments*, void>[] byRows) => this.byRows = byRows;

    public override string Name => $"emitted vdpbf16ps dot {RowTile}×{WeightRows}";

    /// <summary>Assembles and places the kernel; null with the reason where the system refuses executable memory.</summary>
    public static EmittedDotKernel? TryCreate(out string? refusal)
    {
        byte[] code = EmittedCode.Assemble(MaximumRows, (assembler, rows) => DotEmitter.Emit(assembler, rows, CallingConvention.Current), out int[] offsets);
        byte* placed = (byte*)ExecutableMemory.Place(code, out refusal);
        if (placed == null) return null;
        var byRows = new delegate* unmanaged[SuppressGCTransition]<DotArguments*, void>[offsets.Length];
        for (int i = 0; i < offsets.Length; i++) byRows[i] = (delegate* unmanaged[SuppressGCTransition]<DotArguments*, void>)(placed + offsets[i]);
        return new EmittedDotKernel(byRows);
    }

    protected override void RunSteps(int rows, DotArguments* arguments) => byRows[rows - 1](arguments);
}
