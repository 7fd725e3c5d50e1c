namespace Sirocco.Compute.Backends.Cpu;

/// <summary>What a piece of scratch memory is for; each worker has one buffer of each kind.</summary>
internal enum ScratchSlot
{
    /// <summary>Left factor of a product, converted; filled by all workers for the one who called.</summary>
    Rows,

    /// <summary>A whole right factor in panels; packed by all workers for the one who called.</summary>
    Factor,

    /// <summary>Packed panels.</summary>
    Panels,

    /// <summary>Blocks of a result on their way to an epilogue.</summary>
    Tile,

    /// <summary>Free for the operation that calls products from inside its own items.</summary>
    Operation,
}

/// <summary>The processor as a device: a team of threads, the kernels it runs and scratch memory for each worker. Several may live side by side.</summary>
internal sealed unsafe class CpuBackend : IDisposable
{
    private static readonly int SlotCount = Enum.GetValues<ScratchSlot>().Length;

    private readonly AlignedBuffer[] scratch;

    /// <param name="threads">Workers, the caller included; null: one for each processor.</param>
    /// <param name="deterministic">See <see cref="Deterministic"/>.</param>
    /// <param name="features">Instructions to use; null: what this processor has.</param>
    /// <param name="kernels">Kernels to use; null: the best for the instructions.</param>
    public CpuBackend(int? threads = null, bool deterministic = false, CpuFeatures? features = null, KernelTable? kernels = null)
    {
        Deterministic = deterministic;
        Features = features ?? CpuFeatures.Current;
        Kernels = kernels ?? KernelTable.For(Features);
        Team = new ThreadTeam(threads);
        scratch = new AlignedBuffer[Team.Threads * SlotCount];
        for (int i = 0; i < scratch.Length; i++) scratch[i] = new AlignedBuffer();
    }

    public CpuFeatures Features { get; }

    public KernelTable Kernels { get; }

    public ThreadTeam Team { get; }

    /// <summary>
    /// Whether a row of a product must come out with the same bits whatever rows it shares the product with. Otherwise few rows take a faster path that
    /// sums in another order.
    /// </summary>
    public bool Deterministic { get; }

    /// <summary>
    /// Memory of <paramref name="worker"/> alone, 4096-byte aligned, at least <paramref name="bytes"/> long; contents do not survive a larger request.
    /// </summary>
    public void* Scratch(int worker, ScratchSlot slot, long bytes) => scratch[(worker * SlotCount) + (int)slot].Reserve(bytes);

    public void Dispose()
    {
        Team.Dispose();
        foreach (AlignedBuffer buffer in scratch) buffer.Dispose();
    }
}
