using System.Buffers;

namespace Sirocco.Formats;

/// <summary>A rented array that goes back to the pool when the last of its holders lets go: a page may be read by two batches.</summary>
internal sealed class PooledBytes
{
    private byte[]? array;
    private int holders = 1;

    internal PooledBytes(int length)
    {
        array = ArrayPool<byte>.Shared.Rent(length);
        Memory = array.AsMemory(0, length);
    }

    internal Memory<byte> Memory { get; }

    internal PooledBytes Hold()
    {
        Interlocked.Increment(ref holders);
        return this;
    }

    internal void Release()
    {
        if (Interlocked.Decrement(ref holders) > 0 || Interlocked.Exchange(ref array, null) is not { } last) return;
        ArrayPool<byte>.Shared.Return(last);
    }
}
