using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>
/// Keys and values in the panels that the products read: for each block of keys the panels of Kᵀ, then those of V. A sequence of several blocks of queries
/// has its panels made once, for all of them; one of a single block has them made by the worker that needs them, in its cache.
/// </summary>
internal readonly unsafe struct AttentionKeys(PanelKernel kernel, AttentionShape shape, Tensor k, Tensor v)
{
    private readonly float* k = k.Data;
    private readonly float* v = v.Data;

    /// <summary>Bytes of the panels of Kᵀ of a block of <paramref name="keys"/>; those of V follow.</summary>
    public long KeyBytes(int keys) => Lines(kernel.Panels(keys) * kernel.PanelBytes(shape.HeadSize));

    /// <summary>Bytes of a block.</summary>
    public long BlockBytes(int keys) => KeyBytes(keys) + Lines(kernel.Panels(shape.HeadSize) * kernel.PanelBytes(keys));

    /// <summary>Bytes of all blocks of one head of a sequence.</summary>
    public long HeadBytes(int keys) => (keys / AttentionShape.KeyBlock * BlockBytes(AttentionShape.KeyBlock)) + BlockBytes(keys % AttentionShape.KeyBlock);

    /// <summary>Packs <paramref name="count"/> keys of a head from row <paramref name="row"/> on.</summary>
    public void Pack(int row, int count, int kvHead, byte* destination)
    {
        PanelPacking.Run(kernel, Rows(k, row, count, kvHead).T, 0, count, 0, shape.HeadSize, destination);
        PanelPacking.Run(kernel, Rows(v, row, count, kvHead), 0, shape.HeadSize, 0, count, destination + KeyBytes(count));
    }

    private Operand Rows(float* matrix, int row, int count, int kvHead)
    {
        int stride = shape.KvHeads * shape.HeadSize;
        return new Operand
        {
            Data = matrix + ((long)row * stride) + (kvHead * shape.HeadSize),
            Type = ElementType.F32,
            Rows = count,
            Columns = shape.HeadSize,
            Stride = stride,
        };
    }

    private static long Lines(long bytes) => (bytes + 63) / 64 * 64;
}
