using System.Runtime.ConstrainedExecution;
using System.Runtime.InteropServices;

namespace Sirocco.Compute;

/// <summary>Zeroed native memory that lives as long as something refers to it.</summary>
internal sealed unsafe class NativeBlock : CriticalFinalizerObject
{
    public NativeBlock(long bytes)
    {
        Pointer = (nint)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), 64);
        NativeMemory.Clear((void*)Pointer, (nuint)bytes);
    }

    ~NativeBlock() => NativeMemory.AlignedFree((void*)Pointer);

    public nint Pointer { get; }
}
