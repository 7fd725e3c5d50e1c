using System.Collections.Concurrent;
using System.Text;

namespace Sirocco.Formats;

/// <summary>
/// A file that appears whole or not at all: bytes go to a temporary name in the same folder, are flushed to the disk,
/// and take the final name by one rename in <see cref="Commit"/>. Disposing without a commit removes the temporary file,
/// so a full disk, a cancellation or an exception leaves an earlier file of that name as it was.
/// </summary>
/// <remarks>Devices and pipes (<c>/dev/stdout</c>, <c>/dev/fd/3</c>) cannot be renamed over and are written directly.</remarks>
public sealed class AtomicFile : IDisposable
{
    // Temporary files of this process that are still open. Environment.Exit while another thread writes skips that
    // thread's finally blocks; this list lets the exit remove what they would have removed.
    private static readonly ConcurrentDictionary<string, byte> Pending = new(StringComparer.Ordinal);

    private readonly string? temporary;
    private readonly WrittenStream stream;
    private bool finished;

    static AtomicFile() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (string path in Pending.Keys) TemporaryPath.TryDeleteFile(path);
    };

    private AtomicFile(string path, string? temporary, FileStream stream)
    {
        Path = path;
        this.temporary = temporary;
        this.stream = new WrittenStream(stream, path);
        if (temporary is not null) Pending[temporary] = 0;
    }

    /// <summary>The final name.</summary>
    public string Path { get; }

    /// <summary>Where the content is written; its failures name <see cref="Path"/> and the cause in one line.</summary>
    public Stream Stream => stream;

    /// <summary>Starts a file that will be called <paramref name="path"/> once committed.</summary>
    /// <exception cref="DirectoryNotFoundException">The folder does not exist.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static AtomicFile Create(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = System.IO.Path.GetFullPath(path);
        if (Directory.Exists(full)) throw new IOException($"{path}: is a folder; name a file to write");
        string folder = System.IO.Path.GetDirectoryName(full)!;
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"{path}: cannot be written because the folder {folder} does not exist; create it first");
        bool direct = !OperatingSystem.IsWindows() && full.StartsWith("/dev/", StringComparison.Ordinal);
        string? temporary = direct ? null : TemporaryPath.Beside(full);
        try
        {
            var stream = new FileStream(temporary ?? full, direct ? FileMode.Open : FileMode.CreateNew, FileAccess.Write, FileShare.Read, 1 << 16);
            return new AtomicFile(full, temporary, stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Explain(path, e);
        }
    }

    /// <summary>Flushes to the disk and gives the file its final name, replacing an earlier one.</summary>
    public void Commit()
    {
        ObjectDisposedException.ThrowIf(finished, this);
        try
        {
            stream.Complete(toDisk: temporary is not null);
            if (temporary is not null)
            {
                File.Move(temporary, Path, overwrite: true);
                Pending.TryRemove(temporary, out _);
            }
            finished = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Explain(Path, e);
        }
    }

    /// <summary>Removes the temporary file unless it was committed.</summary>
    public void Dispose()
    {
        if (finished) return;
        finished = true;
        stream.Abandon();
        if (temporary is null) return;
        TemporaryPath.TryDeleteFile(temporary);
        Pending.TryRemove(temporary, out _);
    }

    /// <summary>Writes a whole file: commits when <paramref name="write"/> returns, leaves things as they were when it throws.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        using AtomicFile file = Create(path);
        write(file.Stream);
        file.Commit();
    }

    /// <summary>Writes <paramref name="bytes"/> as the whole content of <paramref name="path"/>.</summary>
    public static void WriteAllBytes(string path, ReadOnlySpan<byte> bytes)
    {
        using AtomicFile file = Create(path);
        file.Stream.Write(bytes);
        file.Commit();
    }

    /// <summary>Writes <paramref name="text"/> as UTF-8 without a byte order mark.</summary>
    public static void WriteAllText(string path, string text) => WriteAllBytes(path, Encoding.UTF8.GetBytes(text));
}
