namespace Sirocco.Compute;

/// <summary>Hands out pieces of one block of memory, each on a cache line of its own; on no memory it counts what they will need.</summary>
internal unsafe struct Carving(void* memory)
{
    private readonly byte* memory = (byte*)memory;

    /// <summary>Bytes taken so far.</summary>
    public long Used { get; private set; }

    public void* Take(long bytes)
    {
        byte* at = memory + Used;
        Used = checked(Used + ((bytes + 63) / 64 * 64));
        return at;
    }
}
