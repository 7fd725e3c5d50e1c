using System.Text;

namespace Sirocco.Formats;

/// <summary>
/// A file that appears whole or not at all: bytes go to a temporary name in the same folder, are flushed to the disk,
/// and take the final name by one rename in <see cref="Commit"/>. Disposing without a commit removes the temporary file,
/// so a full disk, a cancellation or an exception leaves an earlier file of that name as it was. What a killed process left the next
/// writer of the same file removes.
/// </summary>
/// <remarks>
/// Devices and what a process has open (<c>/dev/null</c>, <c>/dev/stdout</c>, <c>/dev/fd/3</c>) cannot be renamed over and are written directly.
/// </remarks>
public sealed class AtomicFile : IDisposable
{
    private const int Attempts = 3;
    private readonly string? temporary;
    private readonly WrittenStream stream;
    private bool finished;

    private AtomicFile(string path, string? temporary, FileStream stream)
    {
        Path = path;
        this.temporary = temporary;
        this.stream = new WrittenStream(stream, path);
        if (temporary is not null) TemporaryPath.RemoveAtExit(temporary);
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
        try
        {
            if (IsDevice(full)) return new AtomicFile(full, null, new FileStream(full, FileMode.Open, FileAccess.Write, FileShare.Read, 1 << 16));
            FileStream stream = Start(full);
            foreach (string other in TemporaryPath.Others(full)) TemporaryPath.TryDeleteAbandoned(other, stream.Name);
            return new AtomicFile(full, stream.Name, stream);
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
                TemporaryPath.Forget(temporary);
            }
            finished = true;
        }
        catch (Exception e) when (WriteFailure.Is(e))
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
        TemporaryPath.Forget(temporary);
    }

    /// <summary>
    /// Whether a name stands for a device or an open file: whatever is there under /dev, but for the ordinary files that live in memory under /dev/shm.
    /// </summary>
    private static bool IsDevice(string full) =>
        !OperatingSystem.IsWindows() && full.StartsWith("/dev/", StringComparison.Ordinal)
            && !full.StartsWith("/dev/shm/", StringComparison.Ordinal) && File.Exists(full);

    /// <summary>
    /// A fresh temporary file. Unix opens and locks in two steps, and a writer of the same file that cleans up between them takes ours for abandoned: then
    /// another is made.
    /// </summary>
    private static FileStream Start(string full)
    {
        for (int attempt = 1; ; attempt++)
        {
            string temporary = TemporaryPath.Beside(full);
            try
            {
                FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.Read, 1 << 16);
                if (attempt == Attempts || File.Exists(temporary)) return stream;
                stream.Dispose();
            }
            catch (IOException) when (attempt < Attempts && !File.Exists(temporary))
            {
                continue;
            }
        }
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
