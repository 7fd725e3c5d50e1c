using System.Runtime.ConstrainedExecution;
using System.Runtime.InteropServices;

namespace Sirocco.Compute;

/// <summary>
/// Native memory for weights, aligned to cache lines, that lives as long as something refers to it. The collector is told of its size, so that weights nobody
/// refers to any more do not wait until the small managed heap fills.
/// </summary>
internal sealed unsafe class NativeBlock : CriticalFinalizerObject
{
    private readonly long bytes;

    /// <param name="bytes">Size.</param>
    /// <param name="zeroed">Whether it begins as zeros; otherwise its pages are taken when first written.</param>
    public NativeBlock(long bytes, bool zeroed = true)
    {
        this.bytes = Math.Max(bytes, 1);
        Pointer = (nint)NativeMemory.AlignedAlloc((nuint)this.bytes, 64);
        GC.AddMemoryPressure(this.bytes);
        if (zeroed) NativeMemory.Clear((void*)Pointer, (nuint)bytes);
    }

    ~NativeBlock() => Free();

    public nint Pointer { get; private set; }

    /// <summary>Frees the memory at once, where its owner knows that nobody else has it.</summary>
    public void Free()
    {
        if (Pointer == 0) return;
        NativeMemory.AlignedFree((void*)Pointer);
        Pointer = 0;
        GC.RemoveMemoryPressure(bytes);
    }
}
