using System.Numerics;
using System.Runtime.InteropServices;

namespace Sirocco.Compute;

/// <summary>
/// Native memory of one context, kept for reuse: after the first pass over a shape nothing is asked of the operating system again, so no
/// page is faulted in twice. Blocks are 64-byte aligned (a cache line, a 512-bit vector) and rounded up to one of 16 sizes per power of two,
/// which wastes a sixteenth at most; a free block that is up to a quarter larger serves too, because batches of one run differ by that much.
/// </summary>
internal sealed unsafe class MemoryPool : IDisposable
{
    private const int Alignment = 64;
    private const int LargestClass = 16 + (16 * (63 - 10));

    /// <summary>Size classes that may stand in for a smaller one.</summary>
    private const int Spare = 4;

    private readonly Lock gate = new();
    private readonly Stack<nint>?[] free = new Stack<nint>?[LargestClass + Spare + 1];
    private long unused;
    private bool disposed;

    /// <summary>Bytes in live tensors.</summary>
    public long InUse { get; private set; }

    /// <summary>Largest value <see cref="InUse"/> has had.</summary>
    public long Peak { get; private set; }

    /// <summary>Takes a block of at least <paramref name="bytes"/>; its contents are undefined.</summary>
    public void* Take(long bytes, out long size)
    {
        int wanted = SizeClass(bytes);
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            for (int larger = wanted; larger <= wanted + Spare; larger++)
            {
                if (free[larger] is not { } stack || !stack.TryPop(out nint cached)) continue;
                size = SizeOf(larger);
                unused -= size;
                Count(size);
                return (void*)cached;
            }

            // Blocks kept from other shapes never make the whole more than an eighth larger than what was once needed at one time.
            size = SizeOf(wanted);
            if (InUse + unused + size > Peak + (Peak / 8)) Trim();
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
                (free[SizeClass(size)] ??= new Stack<nint>()).Push((nint)block);
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
            if (unused == 0) return;
            foreach (Stack<nint>? stack in free)
            {
                while (stack is not null && stack.TryPop(out nint block)) NativeMemory.AlignedFree((void*)block);
            }

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

    /// <summary>Multiples of 64 bytes up to 1 KB, then 16 sizes for each power of two; the first is 1.</summary>
    private static int SizeClass(long bytes)
    {
        if (bytes <= 1024) return (int)Math.Max(1, (bytes + Alignment - 1) / Alignment);
        int power = BitOperations.Log2((ulong)bytes - 1), steps = (int)((bytes - 1) >> (power - 4)) + 1;
        return 16 + (16 * (power - 10)) + (steps - 16);
    }

    /// <summary>Bytes of a block of a class.</summary>
    private static long SizeOf(int sizeClass) => sizeClass <= 16 ? sizeClass * Alignment : (long)((sizeClass - 1) % 16 + 17) << (((sizeClass - 17) / 16) + 6);
}
