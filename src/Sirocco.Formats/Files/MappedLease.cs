using System.Runtime.InteropServices;

namespace Sirocco.Formats;

/// <summary>A reader's hold on the pages of a <see cref="MappedFile"/>; disposed once, by who took it.</summary>
public readonly struct MappedLease : IDisposable
{
    private readonly SafeHandle? pages;

    /// <exception cref="ObjectDisposedException">The pages were let go already.</exception>
    internal MappedLease(SafeHandle? pages)
    {
        bool held = false;
        pages?.DangerousAddRef(ref held);
        this.pages = pages;
    }

    /// <summary>Lets go of the pages; the last who does unmaps a disposed file.</summary>
    public void Dispose() => pages?.DangerousRelease();
}
