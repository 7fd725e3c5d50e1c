using System.Numerics;
using System.Runtime.InteropServices;

namespace Sirocco.Compute;

/// <summary>
/// Native memory of one context, kept for reuse: after the first pass over a shape nothing is asked of the operating system again, so no
/// page is faulted in twice. Blocks are 64-byte aligned (a cache line, a 512-bit vector) and rounded up to one of four sizes per power of two,
/// which bounds waste at a quarter.
/// </summary>
internal sealed unsafe class MemoryPool : IDisposable
{
    private const int Alignment = 64;
    private readonly Lock gate = new();
    private readonly Dictionary<long, Stack<nint>> free = [];
    private long unused;
    private bool disposed;

    /// <summary>Bytes in live tensors.</summary>
    public long InUse { get; private set; }

    /// <summary>Largest value <see cref="InUse"/> has had.</summary>
    public long Peak { get; private set; }

    /// <summary>Takes a block of at least <paramref name="bytes"/>; its contents are undefined.</summary>
    public void* Take(long bytes, out long size)
    {
        size = RoundUp(bytes);
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (free.TryGetValue(size, out Stack<nint>? stack) && stack.TryPop(out nint cached))
            {
                unused -= size;
                Count(size);
                return (void*)cached;
            }

            // Blocks kept from other shapes never make the whole more than twice what was once needed at one time.
            if (unused + size > Peak) Trim();
            void* block = Allocate(size);
            Count(size);
            return block;
        }
    }

    /// <summary>Gives back a block of the <paramref name="size"/> that <see cref="Take"/> reported.</summary>
    public void Return(void* block, long size)
    {
        lock (gate)
        {
            InUse -= size;
            if (!disposed)
            {
                if (!free.TryGetValue(size, out Stack<nint>? stack)) free[size] = stack = new Stack<nint>();
                stack.Push((nint)block);
                unused += size;
                return;
            }
        }

        NativeMemory.AlignedFree(block);
    }

    /// <summary>Hands every unused block back to the operating system.</summary>
    public void Trim()
    {
        lock (gate)
        {
            foreach (Stack<nint> stack in free.Values)
            {
                while (stack.TryPop(out nint block)) NativeMemory.AlignedFree((void*)block);
            }

            free.Clear();
            unused = 0;
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            Trim();
        }
    }

    private void Count(long size)
    {
        InUse += size;
        Peak = Math.Max(Peak, InUse);
    }

    private void* Allocate(long size)
    {
        try
        {
            return NativeMemory.AlignedAlloc((nuint)size, Alignment);
        }
        catch (OutOfMemoryException) when (unused > 0)
        {
            Trim();
            return NativeMemory.AlignedAlloc((nuint)size, Alignment);
        }
    }

    private static long RoundUp(long bytes)
    {
        if (bytes <= 1024) return Math.Max(Alignment, (bytes + Alignment - 1) & -Alignment);
        long step = 1L << (BitOperations.Log2((ulong)bytes - 1) - 2);
        return (bytes + step - 1) & -step;
    }
}
