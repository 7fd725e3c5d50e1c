using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace Sirocco.Formats;

/// <summary>
/// A whole file mapped read-only into memory: kernels read it where it lies, pages come from the system's cache and are shared
/// between processes. Pointer and spans are valid until <see cref="Dispose"/>; who reads on one thread what
/// another may dispose counts its readers. Forgetting to dispose keeps the mapping, never unmaps it under a reader.
/// </summary>
/// <remarks>The file must not be truncated while it is mapped: reading past its new end kills the process on Unix. Replacing it by a rename is safe.</remarks>
public sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? file;
    private readonly MemoryMappedViewAccessor? view;
    private readonly SafeMemoryMappedViewHandle? pages;
    private readonly byte* pointer;
    private int disposed;

    private MappedFile(string path, MemoryMappedFile? file, MemoryMappedViewAccessor? view, long length)
    {
        Path = path;
        Length = length;
        this.file = file;
        this.view = view;
        pages = view?.SafeMemoryMappedViewHandle;
        pages?.AcquirePointer(ref pointer);
    }

    /// <summary>The path as it was given to <see cref="Open"/>.</summary>
    public string Path { get; }

    /// <summary>Bytes in the file.</summary>
    public long Length { get; }

    /// <summary>The first byte; null when the file is empty or unmapped.</summary>
    public byte* Pointer => pages is { IsClosed: false } ? pointer : null;

    /// <summary>Maps a file.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="IOException">It cannot be read, or is a pipe.</exception>
    public static MappedFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) throw new IOException($"{path}: is a folder, not a file");
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: no such file", path);
        // Pipes and devices have no length, and opening a pipe would wait for a writer: a file without bytes is not opened at all.
        FileSystemInfo found = new FileInfo(path);
        if (found.LinkTarget is not null) found = found.ResolveLinkTarget(returnFinalTarget: true) ?? found;
        if (found is FileInfo { Length: 0 }) return new MappedFile(path, null, null, 0);
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            long length = RandomAccess.GetLength(handle);
            if (length == 0) return new MappedFile(path, null, null, 0);   // systems refuse to map zero bytes
            MemoryMappedFile file = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            return new MappedFile(path, file, file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read), length);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new UnauthorizedAccessException($"{path}: permission denied; make the file readable", e);
        }
        finally
        {
            handle?.Dispose();
        }
    }

    /// <summary>Bytes [<paramref name="offset"/>, <paramref name="offset"/> + <paramref name="count"/>) of the file, in place.</summary>
    public ReadOnlySpan<byte> Span(long offset, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Length - offset, nameof(count));
        ObjectDisposedException.ThrowIf(pages is null ? Volatile.Read(ref disposed) != 0 : pages.IsClosed, this);
        return new ReadOnlySpan<byte>(pointer + offset, count);
    }

    /// <summary>Unmaps the file; no pointer or span of it may be used afterwards.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0 || view is null) return;
        pages!.ReleasePointer();
        view.Dispose();
        file!.Dispose();
    }
}
