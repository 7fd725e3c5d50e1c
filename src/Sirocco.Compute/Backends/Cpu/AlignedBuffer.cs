using System.Runtime.InteropServices;

namespace Sirocco.Compute.Backends.Cpu;

/// <summary>Native memory on a page boundary that grows when asked for more; growing drops the contents.</summary>
internal sealed unsafe class AlignedBuffer : IDisposable
{
    private const nuint Alignment = 4096;

    private void* pointer;
    private long capacity;

    /// <summary>At least <paramref name="bytes"/> bytes, valid until the next call that asks for more.</summary>
    public void* Reserve(long bytes)
    {
        if (bytes > capacity)
        {
            // One quarter more than asked, so that slowly growing batches do not allocate at each step.
            long wanted = checked(bytes + (bytes / 4) + 64);
            Dispose();
            pointer = NativeMemory.AlignedAlloc((nuint)wanted, Alignment);
            capacity = wanted;
        }

        return pointer;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(pointer);
        pointer = null;
        capacity = 0;
    }
}
