namespace Sirocco.Formats;

/// <summary>
/// A folder that appears whole: files are made in a temporary folder beside it. <see cref="Commit"/> renames that folder when the
/// final one does not exist yet; otherwise it moves file by file into it, each by one rename, so other files there stay. What a killed
/// process left the next writer of the same folder removes.
/// </summary>
public sealed class AtomicFolder : IDisposable
{
    // Held open, and so locked, inside a temporary folder: without it, or while somebody holds it, the folder is not removed as abandoned.
    private const string Mark = ".sirocco-writing";
    private readonly FileStream? mark;
    private bool finished;

    private AtomicFolder(string path, string temporary, FileStream? mark)
    {
        Path = path;
        TemporaryFolder = temporary;
        this.mark = mark;
        TemporaryPath.RemoveAtExit(temporary);
    }

    /// <summary>The final name.</summary>
    public string Path { get; }

    /// <summary>Where the files are made until <see cref="Commit"/>.</summary>
    public string TemporaryFolder { get; }

    /// <summary>Starts a folder that will be called <paramref name="path"/> once committed; missing parents are made.</summary>
    /// <param name="path">The final name.</param>
    /// <param name="temporary">
    /// A name in the same folder that the caller guards against other processes and whose leftovers it removes; the final name must then be free when the
    /// folder is committed. Null makes a fresh name.
    /// </param>
    public static AtomicFolder Create(string path, string? temporary = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        if (File.Exists(full)) throw new IOException($"{path}: is a file; name a folder to write");
        try
        {
            if (temporary is not null)
            {
                Directory.CreateDirectory(temporary);
                return new AtomicFolder(full, temporary, null);
            }

            // Inside an existing folder, so that a mount point or a folder without write access to its parent works too.
            string inside = System.IO.Path.Combine(full, "new");
            temporary = TemporaryPath.Beside(Directory.Exists(full) ? inside : full);
            Directory.CreateDirectory(temporary);
            FileStream mark = new(System.IO.Path.Combine(temporary, Mark), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1);
            RemoveAbandoned(full, mark.Name);
            RemoveAbandoned(inside, mark.Name);
            return new AtomicFolder(full, temporary, mark);
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
    /// <param name="obsolete">
    /// Of the files that an existing folder holds and the new one does not (relative, with forward slashes): whether an earlier writer of the same kind made
    /// them, so that they go. Null keeps all.
    /// </param>
    /// <param name="key">
    /// The file without which readers take the folder for nothing, such as a model's <c>config.json</c>. An existing one is removed first and the new one comes
    /// last, so a folder whose exchange was cut short is refused and never read as a mixture of the old and the new.
    /// </param>
    public void Commit(Func<string, bool>? obsolete = null, string? key = null)
    {
        ObjectDisposedException.ThrowIf(finished, this);
        try
        {
            RemoveMark();
            TemporaryPath.Forget(TemporaryFolder); // from the first move on it holds what is nowhere else
            if (mark is null || !Directory.Exists(Path)) Directory.Move(TemporaryFolder, Path);
            else Merge(obsolete, key);
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
        mark?.Dispose();
        TemporaryPath.TryDeleteFolder(TemporaryFolder);
        TemporaryPath.Forget(TemporaryFolder);
    }

    private static void RemoveAbandoned(string target, string held)
    {
        foreach (string other in TemporaryPath.Others(target))
        {
            if (new DirectoryInfo(other).LinkTarget is null && TemporaryPath.TryDeleteAbandoned(System.IO.Path.Combine(other, Mark), held))
                TemporaryPath.TryDeleteFolder(other);
        }
    }

    private void Merge(Func<string, bool>? obsolete, string? key)
    {
        List<string> made = [.. Directory.GetFiles(TemporaryFolder, "*", SearchOption.AllDirectories).Select(file => Relative(TemporaryFolder, file))];
        if (key is not null && made.Remove(key))
        {
            made.Add(key);
            File.Delete(System.IO.Path.Combine(Path, key));
        }

        if (obsolete is not null)
        {
            foreach (string file in Existing().Where(file => !made.Contains(file) && obsolete(file)).ToArray()) Remove(file);
        }

        foreach (string file in made)
        {
            string target = System.IO.Path.Combine(Path, file);
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(target)!);
            File.Move(System.IO.Path.Combine(TemporaryFolder, file), target, overwrite: true);
        }

        Directory.Delete(TemporaryFolder, recursive: true);
    }

    /// <summary>Removes a file of the final folder, and its own folder when nothing else is in it.</summary>
    private void Remove(string relative)
    {
        string file = System.IO.Path.Combine(Path, relative), folder = System.IO.Path.GetDirectoryName(file)!;
        File.Delete(file);
        if (folder != Path && !Directory.EnumerateFileSystemEntries(folder).Any()) Directory.Delete(folder);
    }

    private void RemoveMark()
    {
        if (mark is null) return;
        mark.Dispose();
        File.Delete(mark.Name);
    }

    /// <summary>Files of the final folder and of the folders in it; what links lead to is not ours.</summary>
    private IEnumerable<string> Existing() =>
        new DirectoryInfo(Path).EnumerateDirectories().Where(folder => folder.LinkTarget is null && folder.FullName != TemporaryFolder)
            .SelectMany(folder => folder.EnumerateFiles()).Concat(new DirectoryInfo(Path).EnumerateFiles())
            .Select(file => Relative(Path, file.FullName));

    private static string Relative(string folder, string file) => System.IO.Path.GetRelativePath(folder, file).Replace('\\', '/');
}
