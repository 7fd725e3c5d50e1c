namespace Sirocco.Compute.Backends.Cpu.Emitted;

/// <summary>A panel kernel in machine code assembled for this process, one function for each number of rows.</summary>
internal sealed unsafe class EmittedPanelKernel : PanelKernel
{
    private readonly PanelInstructions instructions;
    private readonly delegate* unmanaged[SuppressGCTransition]<PanelArguments*, void>[] byRows;

    private EmittedPanelKernel(PanelInstructions instructions, delegate* unmanaged[SuppressGCTransition]<PanelArguments*, void>[] byRows)
        : base(instructions.Format, PanelInstructions.RowTile, instructions.PanelWidth)
    {
        this.instructions = instructions;
        this.byRows = byRows;
    }

    public override string Name => $"emitted {instructions.Instruction} {RowTile}×{PanelWidth}";

    /// <summary>Assembles and places the kernel; null with the reason where the system refuses executable memory.</summary>
    public static EmittedPanelKernel? TryCreate(PanelInstructions instructions, out string? refusal)
    {
        byte[] code = Assemble(instructions, CallingConvention.Current, out int[] offsets);
        byte* placed = (byte*)ExecutableMemory.Place(code, out refusal);
        if (placed == null) return null;
        var byRows = new delegate* unmanaged[SuppressGCTransition]<PanelArguments*, void>[offsets.Length];
        for (int i = 0; i < offsets.Length; i++) byRows[i] = (delegate* unmanaged[SuppressGCTransition]<PanelArguments*, void>)(placed + offsets[i]);
        return new EmittedPanelKernel(instructions, byRows);
    }

    /// <summary>The functions for 1 … RowTile rows one after another, and where each begins.</summary>
    public static byte[] Assemble(PanelInstructions instructions, CallingConvention convention, out int[] offsets) =>
        EmittedCode.Assemble(PanelInstructions.RowTile, (code, rows) => PanelEmitter.Emit(code, instructions, rows, convention), out offsets);

    public override void Run(int rows, PanelArguments* arguments) => byRows[rows - 1](arguments);
}
