using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace Sirocco.Formats;

/// <summary>
/// A whole file mapped read-only into memory: kernels read it where it lies, pages come from the system's cache and are shared
/// between processes. The pointer is valid until <see cref="Dispose"/>; forgetting to dispose keeps the mapping, never unmaps it under a reader.
/// </summary>
/// <remarks>The file must not be truncated while it is mapped: reading past its new end kills the process on Unix. Replacing it by a rename is safe.</remarks>
public sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? file;
    private readonly MemoryMappedViewAccessor? view;
    private byte* pointer;

    private MappedFile(string path, MemoryMappedFile? file, MemoryMappedViewAccessor? view, long length)
    {
        Path = path;
        Length = length;
        this.file = file;
        this.view = view;
        view?.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
    }

    /// <summary>The path as it was given to <see cref="Open"/>.</summary>
    public string Path { get; }

    /// <summary>Bytes in the file.</summary>
    public long Length { get; }

    /// <summary>The first byte; null when the file is empty or this was disposed.</summary>
    public byte* Pointer => pointer;

    /// <summary>Maps a file.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static MappedFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) throw new IOException($"{path}: is a folder, not a file");
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: no such file", path);
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
        ObjectDisposedException.ThrowIf(pointer is null && Length > 0, this);
        return new ReadOnlySpan<byte>(pointer + offset, count);
    }

    /// <summary>Unmaps the file; no pointer or span of it may be used afterwards.</summary>
    public void Dispose()
    {
        if (view is null || pointer is null) return;
        pointer = null;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        file!.Dispose();
    }
}
