namespace Sirocco.Formats;

/// <summary>
/// A folder that appears whole: files are made in a temporary folder beside it. <see cref="Commit"/> renames that folder when the
/// final one does not exist yet; otherwise it moves file by file into it, each by one rename, so other files there stay.
/// </summary>
public sealed class AtomicFolder : IDisposable
{
    private readonly bool merges;
    private bool finished;

    private AtomicFolder(string path, string temporary, bool merges)
    {
        this.merges = merges;
        Path = path;
        TemporaryFolder = temporary;
    }

    /// <summary>The final name.</summary>
    public string Path { get; }

    /// <summary>Where the files are made until <see cref="Commit"/>.</summary>
    public string TemporaryFolder { get; }

    /// <summary>Starts a folder that will be called <paramref name="path"/> once committed; missing parents are made.</summary>
    /// <param name="path">The final name.</param>
    /// <param name="temporary">
    /// A name in the same folder that the caller guards against other processes and whose leftovers it removes; the final name must then be free when the folder is
    /// committed. Null makes a fresh name.
    /// </param>
    public static AtomicFolder Create(string path, string? temporary = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        if (File.Exists(full)) throw new IOException($"{path}: is a file; name a folder to write");
        bool merges = temporary is null;
        try
        {
            // Inside an existing folder, so that a mount point or a folder without write access to its parent works too.
            temporary ??= Directory.Exists(full) ? TemporaryPath.Beside(System.IO.Path.Combine(full, "new")) : TemporaryPath.Beside(full);
            Directory.CreateDirectory(temporary);
            return new AtomicFolder(full, temporary, merges);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Explain(path, e);
        }
    }

    /// <summary>The path of a file inside the temporary folder; folders on the way are made.</summary>
    /// <param name="relative">A path with forward slashes, inside the folder.</param>
    public string PathOf(string relative)
    {
        if (!SafePath.IsInside(relative)) throw new ArgumentException($"'{relative}' does not stay inside the folder", nameof(relative));
        string path = System.IO.Path.Combine(TemporaryFolder, relative);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        return path;
    }

    /// <summary>Makes the files appear under the final name.</summary>
    public void Commit()
    {
        ObjectDisposedException.ThrowIf(finished, this);
        try
        {
            if (!merges || !Directory.Exists(Path))
            {
                Directory.Move(TemporaryFolder, Path);
            }
            else
            {
                foreach (string file in Directory.GetFiles(TemporaryFolder, "*", SearchOption.AllDirectories))
                {
                    string target = System.IO.Path.Combine(Path, System.IO.Path.GetRelativePath(TemporaryFolder, file));
                    Directory.CreateDirectory(System.IO.Path.GetDirectoryName(target)!);
                    File.Move(file, target, overwrite: true);
                }
                Directory.Delete(TemporaryFolder, recursive: true);
            }
            finished = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Explain(Path, e);
        }
    }

    /// <summary>Removes what was made unless it was committed.</summary>
    public void Dispose()
    {
        if (finished) return;
        finished = true;
        try
        {
            Directory.Delete(TemporaryFolder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The failure that made the caller give up is the one to report, not this leftover.
            return;
        }
    }
}
