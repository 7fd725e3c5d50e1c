namespace Sirocco.Formats;

/// <summary>What the command line calls MODEL: a folder, a file, or a hub id that is looked up in the cache and downloaded when absent.</summary>
public static class HubModel
{
    private const int LongestName = 1024;
    private static readonly TimeSpan LongestAsking = TimeSpan.FromSeconds(10);

    /// <summary>The folder or file that a MODEL argument means.</summary>
    /// <param name="model">A path, or <c>org/name[@revision]</c>; what exists as a path is a path.</param>
    /// <param name="options">Cache, endpoint, token.</param>
    /// <param name="progress">Told about downloads.</param>
    /// <param name="cancellation">Stops a download; it goes on from there the next time.</param>
    /// <exception cref="DirectoryNotFoundException">It is neither an existing path nor the form of an id.</exception>
    /// <exception cref="FileNotFoundException">The hub has no such model or revision, or it is not in the cache and HF_HUB_OFFLINE is set.</exception>
    /// <exception cref="UnauthorizedAccessException">The model is gated or private.</exception>
    /// <exception cref="IOException">The network failed for good, or the cache cannot be written.</exception>
    public static async Task<string> ResolveAsync(
        string model, HubOptions options, IProgress<HubProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(model);
        ArgumentNullException.ThrowIfNull(options);
        if (FindLocal(model) is { } local) return local;
        if (!HubModelId.TryParse(model, out HubModelId? id))
            throw new DirectoryNotFoundException($"{model}: no such file or folder; give a model folder, a .gguf file, or a hub id such as org/name");
        var cache = new HubCache(options, id);
        if (cache.FindComplete() is string snapshot) return snapshot;
        if (options.Offline)
        {
            // Better an incomplete folder, whose missing file the reader will name, than no answer.
            return cache.FindSnapshot() ?? throw new FileNotFoundException(
                $"{model}: no such folder, and not in the hub cache {options.CacheFolder}; unset HF_HUB_OFFLINE to download it");
        }
        if (cache.FindUsable() is string usable) return await CompletedAsync(usable, id, options, progress, cancellation).ConfigureAwait(false);
        using var download = new HubDownload(options, id, cache, progress);
        return await download.RunAsync(files => HubFileFilter.Choose(id, files), cancellation).ConfigureAwait(false);
    }

    /// <summary>
    /// A snapshot of another program's making, which fetched what that program needed, with the rest of what a model needs here. It stays of its commit; where
    /// the hub cannot be asked, or the cache cannot be written, it is taken as it is.
    /// </summary>
    private static async Task<string> CompletedAsync(
        string snapshot, HubModelId id, HubOptions options, IProgress<HubProgress>? progress, CancellationToken cancellation)
    {
        id = id with { Revision = Path.GetFileName(snapshot) };
        var cache = new HubCache(options, id);
        // One short attempt: a machine without a network must not wait each time.
        HubOptions brief = options with { MaximumAttempts = 1, StallTimeout = options.StallTimeout < LongestAsking ? options.StallTimeout : LongestAsking };
        try
        {
            using var asking = new HubDownload(brief, id, cache, null);
            (string commit, List<string> listed) = await asking.ListAsync(cancellation).ConfigureAwait(false);
            using var download = new HubDownload(options, id, cache, progress);
            if (commit == id.Revision) await download.FetchAllAsync(commit, HubFileFilter.ChooseBesideNetwork(listed), cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return snapshot;
        }
        return snapshot;
    }

    /// <summary>The folder or file that a model's name means, downloaded without a report where it has to be.</summary>
    /// <param name="model">See <see cref="ResolveAsync"/>, also for what it throws.</param>
    /// <param name="cancellation">Stops a download; it goes on from there the next time.</param>
    public static string Resolve(string model, CancellationToken cancellation = default) =>
        ResolveAsync(model, HubOptions.FromEnvironment(), progress: null, cancellation).GetAwaiter().GetResult();

    /// <summary>
    /// The path itself where it exists, else null. <c>RUN/LATEST/…</c> and <c>RUN/LOWEST_VAL/…</c> are found too where links cannot be made and a training run
    /// keeps the names of its checkpoints in <c>LATEST.txt</c> and <c>LOWEST_VAL.txt</c>.
    /// </summary>
    /// <param name="path">What may be a path.</param>
    public static string? FindLocal(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path) || File.Exists(path)) return path;
        string[] parts = path.Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar);
        int tracker = Array.FindLastIndex(parts, part => part is "LATEST" or "LOWEST_VAL");
        if (tracker < 0) return null;
        string text = string.Join('/', parts[..(tracker + 1)]) + ".txt";
        if (!File.Exists(text) || new FileInfo(text).Length > LongestName) return null;
        string name = File.ReadAllText(text).Trim();
        if (!SafePath.IsFileName(name)) return null; // a checkpoint beside the file, nothing else
        string found = string.Join('/', [.. parts[..tracker], name, .. parts[(tracker + 1)..]]);
        return Directory.Exists(found) || File.Exists(found) ? found : null;
    }

    /// <summary>The snapshot's folder when the cache has the model's settings and weights, else null; never uses the network.</summary>
    public static string? FindCached(HubModelId id, HubOptions options) => new HubCache(options, id).FindUsable();
}
