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
        if (type == ElementType.BF16) Store<BFloat16Units>(gateSums, upSums, first, count);
        else Store<WholeUnits>(gateSums, upSums, first, count);
    }

    private void Store<TStore>(float* gateSums, float* upSums, long first, int count)
        where TStore : IUnitStore
    {
        long bytes = first * TStore.Bytes;
        Epilogue.Gate<TStore>(gateSums, upSums, (byte*)y + bytes, count);
        if (gate != null) Epilogue.Store<TStore>(gateSums, (byte*)gate + bytes, count);
        if (up != null) Epilogue.Store<TStore>(upSums, (byte*)up + bytes, count);
    }
}
