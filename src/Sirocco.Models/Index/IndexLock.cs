using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>An empty file that its holder keeps open for itself alone: the system lets go of it when the process ends, however that happens.</summary>
internal sealed class IndexLock : IDisposable
{
    private const int Attempts = 10;
    private readonly FileStream stream;

    private IndexLock(FileStream stream) => this.stream = stream;

    /// <param name="file">The lock.</param>
    /// <param name="guarded">What it guards, for messages.</param>
    /// <exception cref="IOException">It is taken, or cannot be written.</exception>
    public static IndexLock Take(string file, string guarded)
    {
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            if (new FileInfo(file) is { Exists: true, Length: > 0 })
                throw new IOException($"{file}: is not empty, so no build of an index made it; move it away, its name is needed while {guarded} is built");
            FileStream stream;
            try
            {
                stream = new FileStream(
                    file,
                    FileMode.OpenOrCreate,
                    FileAccess.ReadWrite,
                    FileShare.None,
                    1,
                    OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : FileOptions.None);
            }
            catch (IOException e) when (File.Exists(file))
            {
                throw new IOException($"{guarded}: another process is building this index; wait for it or name another folder", e);
            }
            catch (IOException) when (attempt + 1 < Attempts)
            {
                continue; // its holder let go of it, and removed it, between the attempt to open it and the question whether it is there
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw WriteFailure.Explain(guarded, e);
            }

            if (HasName(stream, file)) return new IndexLock(stream);
            stream.Dispose();
        }

        throw new IOException($"{guarded}: other processes are building this index; wait for them or name another folder");
    }

    public void Dispose()
    {
        // Removed while it is still held: a builder that opened it before finds that it lost its name, and tries again.
        if (!OperatingSystem.IsWindows() && !stream.SafeFileHandle.IsClosed) File.Delete(stream.Name);
        stream.Dispose();
    }

    /// <summary>
    /// Unix opens and locks in two steps. If the holder before us removed the file between them we have locked a file without a name, and somebody else may
    /// hold a new one of that name: a time drawn by lot tells the two apart.
    /// </summary>
    private static bool HasName(FileStream stream, string file)
    {
        if (OperatingSystem.IsWindows()) return true;
        File.SetLastWriteTimeUtc(stream.SafeFileHandle, DateTime.UnixEpoch.AddTicks(Random.Shared.NextInt64(365 * TimeSpan.TicksPerDay)));
        return File.Exists(file) && File.GetLastWriteTimeUtc(file) == File.GetLastWriteTimeUtc(stream.SafeFileHandle);
    }
}
