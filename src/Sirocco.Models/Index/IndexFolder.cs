using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>
/// Where an index X lies, and how a new one takes the place of an old one without a moment in which neither is on disk. Beside X a build keeps
/// <c>.X.sirocco-lock</c> (held while it runs), <c>.X.sirocco-new</c> (what it writes) and, between its last two renames, <c>.X.sirocco-old</c>:
/// <code>
/// on disk when a build is killed     what it means                        the next build
/// X or nothing, new                  the new index is not whole           removes new
/// old, new (X missing or empty)      killed between the two renames       gives old its name back, removes new
/// X, old                             the exchange is done                 removes old
/// </code>
/// Searches read old in place where X is missing or empty. Nothing is ever replaced or removed but folders that hold an index's files only.
/// </summary>
internal sealed class IndexFolder
{
    // index.json first: an index that is being removed loses it at once, so its rest is never taken for an index.
    private static readonly string[] Files = [
        IndexDescription.FileName,
        VectorFiles.F32,
        VectorFiles.Int8,
        VectorFiles.Scales,
        VectorFiles.Signs,
        .. TextColumn.FilesOf("ids"),
        .. TextColumn.FilesOf("texts")];
    private readonly string parent;
    private readonly string name;

    /// <param name="path">The index; a link stands for what it leads to.</param>
    public IndexFolder(string path)
    {
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        DirectoryInfo folder = new(full);
        if (folder.LinkTarget is not null && folder.ResolveLinkTarget(returnFinalTarget: true) is { } target) full = target.FullName;
        Path = full;
        parent = System.IO.Path.GetDirectoryName(full) ?? throw new IOException($"{path}: is the root of a drive; name a folder inside it");
        name = System.IO.Path.GetFileName(full);
    }

    /// <summary>The index.</summary>
    public string Path { get; }

    /// <summary>What a build writes.</summary>
    public string New => Aside("new");

    /// <summary>The earlier index while it is being exchanged.</summary>
    public string Old => Aside("old");

    /// <summary>
    /// Where the index can be read now: under its name, or where an exchange has put it for a moment or was killed; null where there is none.
    /// </summary>
    public string? Readable
    {
        get
        {
            if (File.Exists(System.IO.Path.Combine(Path, IndexDescription.FileName))) return Path;
            return IsAbsent(Path) && File.Exists(System.IO.Path.Combine(Old, IndexDescription.FileName)) ? Old : null;
        }
    }

    /// <summary>Tells one build of an index from another: when its description was written.</summary>
    public static DateTime Stamp(string folder) => File.GetLastWriteTimeUtc(System.IO.Path.Combine(folder, IndexDescription.FileName));

    /// <summary>Sees to it that only one builder works on the index.</summary>
    /// <exception cref="IOException">Another one does, or the place cannot be written.</exception>
    public IndexLock Lock()
    {
        if (!Directory.Exists(parent))
            throw new DirectoryNotFoundException($"{Path}: cannot be written because the folder {parent} does not exist; create it first");
        return IndexLock.Take(Aside("lock"), Path);
    }

    /// <summary>Undoes or finishes what killed builds left; only while the lock is held.</summary>
    /// <exception cref="IOException">Something that is no index lies where the index, or what a build keeps beside it, should be.</exception>
    public void Recover()
    {
        if (Readable == Old && Foreign(Old) is null)
        {
            Change(RemoveEmpty);
            Change(() => Directory.Move(Old, Path));
        }

        RequireReplaceable();
        Remove(New);
        Remove(Old);
    }

    /// <summary>Gives a complete index its name. The earlier one is moved aside first, moved back if that fails, and removed at the end.</summary>
    public void Exchange(AtomicFolder complete)
    {
        RequireReplaceable();
        bool replaces = !IsAbsent(Path);
        Change(replaces ? () => Directory.Move(Path, Old) : RemoveEmpty);
        try
        {
            complete.Commit();
        }
        catch (Exception e) when (replaces && e is IOException or UnauthorizedAccessException)
        {
            if (!TryRestore()) throw new IOException($"{e.Message}; the earlier index is kept in {Old}, where searches and the next build find it", e);
            throw;
        }

        if (replaces) TryRemoveOld();
    }

    /// <summary>Only an index is ever replaced: a folder with anything else in it may be somebody's work.</summary>
    private void RequireReplaceable()
    {
        if (File.Exists(Path)) throw new IOException($"{Path}: is a file; name a new folder for the index");
        if (IsAbsent(Path)) return;
        if (Foreign(Path) is { } foreign) throw new IOException($"{Path}: holds '{foreign}', which is no part of an index; name a new folder for the index");
        try
        {
            IndexDescription.Read(Path);
        }
        catch (Exception e) when (e is InvalidDataException or FileNotFoundException)
        {
            throw new IOException($"{Path}: holds no index that could be replaced ({e.Message}); name a new folder for the index, or move this one away", e);
        }
    }

    /// <summary>Removes what a build keeps beside the index, unless it holds anything that no build writes.</summary>
    private void Remove(string aside)
    {
        if (File.Exists(aside)) throw new IOException($"{aside}: is a file where a folder of the index is kept while it is built; move it away");
        if (!Directory.Exists(aside)) return;
        if (Foreign(aside) is { } foreign)
        {
            throw new IOException(
                $"{aside}: holds '{foreign}', which is no part of an index; move that folder away, its name is needed while the index is built");
        }
        Change(() =>
        {
            foreach (string file in Files) File.Delete(System.IO.Path.Combine(aside, file));
            Directory.Delete(aside);
        });
    }

    /// <summary>An empty folder stands for none.</summary>
    private void RemoveEmpty()
    {
        if (Directory.Exists(Path)) Directory.Delete(Path);
    }

    private void Change(Action change)
    {
        try
        {
            change();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Explain(Path, e);
        }
    }

    /// <summary>The new index has its name already: what cannot be removed now (Windows keeps files that a search has open) the next build removes.</summary>
    private void TryRemoveOld()
    {
        try
        {
            Remove(Old);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }
    }

    private bool TryRestore()
    {
        try
        {
            if (!Directory.Exists(Path)) Directory.Move(Old, Path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>An entry that no build writes, or null; a link is such an entry, for what it leads to is not ours.</summary>
    private static string? Foreign(string folder)
    {
        if (new DirectoryInfo(folder).LinkTarget is { } target) return target;
        foreach (FileSystemInfo entry in new DirectoryInfo(folder).EnumerateFileSystemInfos())
        {
            if (entry is not FileInfo || entry.LinkTarget is not null || !Files.Contains(entry.Name)) return entry.Name;
        }

        return null;
    }

    private static bool IsAbsent(string folder) => !Directory.Exists(folder) || !Directory.EnumerateFileSystemEntries(folder).Any();

    private string Aside(string state) => System.IO.Path.Combine(parent, $".{name}.sirocco-{state}");
}
