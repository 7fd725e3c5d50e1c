using System.Runtime.ConstrainedExecution;
using System.Runtime.InteropServices;

namespace Sirocco.Models;

/// <summary>Native memory for converted weights, aligned to cache lines; freed when nothing refers to it. Its pages are taken when first written.</summary>
internal sealed unsafe class NativeMemoryBlock : CriticalFinalizerObject
{
    public NativeMemoryBlock(long bytes)
    {
        Length = bytes;
        Address = (nint)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), 64);
    }

    ~NativeMemoryBlock() => NativeMemory.AlignedFree((void*)Address);

    public nint Address { get; }

    public long Length { get; }
}
