namespace Sirocco.Compute.Backends.Cpu;

/// <summary>Where a SwiGLU's product y = silu(g) ⊙ u goes and, for a backward pass, its halves g and u: matrices of one shape and type.</summary>
/// <param name="y">[m, f].</param>
/// <param name="gate">Receives g, or null.</param>
/// <param name="up">Receives u, or null.</param>
/// <param name="type"><see cref="ElementType.F32"/>, or <see cref="ElementType.BF16"/> for what only bf16 products read.</param>
/// <param name="stride">Elements from one row to the next.</param>
internal readonly unsafe struct GatedOutput(void* y, void* gate, void* up, ElementType type, long stride)
{
    private readonly void* y = y;
    private readonly void* gate = gate;
    private readonly void* up = up;

    /// <summary>Takes a run of finished sums of one row.</summary>
    public void Store(float* gateSums, float* upSums, long row, int column, int count)
    {
        long first = (row * stride) + column;
        if (type == ElementType.BF16) Epilogue.Gate<BFloat16Units>(gateSums, upSums, (byte*)((ushort*)y + first), count);
        else Epilogue.Gate<WholeUnits>(gateSums, upSums, (byte*)((float*)y + first), count);
        Keep(gateSums, gate, first, count);
        Keep(upSums, up, first, count);
    }

    private void Keep(float* sums, void* half, long first, int count)
    {
        if (half == null) return;
        if (type == ElementType.BF16) RowConversion.ToBF16(ElementType.F32, sums, count, (ushort*)half + first);
        else Epilogue.Store(sums, null, (float*)half + first, count);
    }
}
