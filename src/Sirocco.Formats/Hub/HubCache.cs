namespace Sirocco.Formats;

/// <summary>
/// A model's or data set's folder in the layout of huggingface_hub, shared with it: <c>blobs/HASH</c> hold the bytes, <c>snapshots/COMMIT/FILE</c> are links to
/// them, and <c>refs/REVISION</c> hold the commit that a branch or tag meant when it was last fetched.
/// </summary>
internal sealed class HubCache(HubOptions options, HubModelId id)
{
    internal string Folder { get; } = Path.Combine(options.CacheFolder, id.Kind + "--" + id.Repository.Replace("/", "--", StringComparison.Ordinal));

    /// <summary>The folder of the revision's snapshot when everything that a model needs is known to be there, else null.</summary>
    internal string? FindComplete() => FindUsable() is string snapshot && IsMarked(snapshot) ? snapshot : null;

    /// <summary>
    /// The folder of the revision's snapshot when it has settings and weights, else null. Of a folder that other programs filled the tokenizer or modules may
    /// be missing.
    /// </summary>
    internal string? FindUsable() => FindSnapshot() is string snapshot && HasNetwork(snapshot) ? snapshot : null;

    /// <summary>The folder of the revision's snapshot, complete or not.</summary>
    internal string? FindSnapshot()
    {
        string? commit = id.IsCommit ? id.Revision : ReadReference();
        if (commit is null || !SafePath.IsFileName(commit)) return null;
        string snapshot = SnapshotFolder(commit);
        return Directory.Exists(snapshot) ? snapshot : null;
    }

    /// <summary>Makes the folders that a download fills.</summary>
    internal void CreateFolders(string commit)
    {
        try
        {
            Directory.CreateDirectory(SnapshotFolder(commit));
            Directory.CreateDirectory(Path.Combine(Folder, "blobs"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Explain(options.CacheFolder, e);
        }
    }

    internal string SnapshotFolder(string commit) => Path.Combine(Folder, "snapshots", commit);

    internal string BlobPath(string hash) => Path.Combine(Folder, "blobs", hash);

    /// <summary>Makes a file of a snapshot stand for a blob: a relative link, or the blob itself moved where the system refuses links.</summary>
    internal void Link(string commit, string file, string hash)
    {
        string path = Path.Combine(SnapshotFolder(commit), file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        string target = string.Concat(Enumerable.Repeat("../", 2 + file.Count(c => c == '/'))) + "blobs/" + hash;
        string fresh = TemporaryPath.Beside(path);
        try
        {
            File.CreateSymbolicLink(fresh, target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            File.Move(BlobPath(hash), path, overwrite: true);
            return;
        }
        File.Move(fresh, path, overwrite: true);   // another process may be doing the same
    }

    /// <summary>
    /// Records that files of a snapshot are all that a model needs: their names, in a folder that huggingface_hub does not look at. Whether they are still
    /// there is asked again each time.
    /// </summary>
    internal void MarkComplete(string commit, IEnumerable<string> files)
    {
        string mark = MarkOf(commit);
        Directory.CreateDirectory(Path.GetDirectoryName(mark)!);
        AtomicFile.WriteAllText(mark, string.Join('\n', files));
    }

    /// <summary>Records what the revision means now; written last, so that an interrupted download is not taken for a whole one.</summary>
    internal void WriteReference(string commit)
    {
        if (id.Revision == commit) return;
        string path = ReferencePath;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AtomicFile.WriteAllText(path, commit);
    }

    private string ReferencePath => Path.Combine(Folder, "refs", id.Revision);

    private string? ReadReference() => File.Exists(ReferencePath) ? File.ReadAllText(ReferencePath).Trim() : null;

    private string MarkOf(string commit) => Path.Combine(Folder, ".sirocco-complete", commit);

    private bool IsMarked(string snapshot)
    {
        string mark = MarkOf(Path.GetFileName(snapshot));
        return File.Exists(mark) && File.ReadAllLines(mark).All(file => File.Exists(Path.Combine(snapshot, file)));
    }

    // huggingface_hub writes the reference first, so a folder of its making may still lack files.
    private static bool HasNetwork(string snapshot)
    {
        if (HubFileFilter.Native.All(file => File.Exists(Path.Combine(snapshot, file))) && !File.Exists(Path.Combine(snapshot, "config.json"))) return true;
        try
        {
            string weights = CheckpointFolder.FindWeights(snapshot);
            if (weights.EndsWith(".gguf", StringComparison.Ordinal)) return true;
            if (!File.Exists(Path.Combine(snapshot, "config.json"))) return false;
            return CheckpointFolder.WeightFiles(snapshot).All(File.Exists);
        }
        catch (Exception e) when (e is FileNotFoundException or InvalidDataException)
        {
            return false;
        }
    }
}
