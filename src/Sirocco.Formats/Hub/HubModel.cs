namespace Sirocco.Formats;

/// <summary>What the command line calls MODEL: a folder, a file, or a hub id that is looked up in the cache and downloaded when absent.</summary>
public static class HubModel
{
    /// <summary>The folder or file that a MODEL argument means.</summary>
    /// <param name="model">A path, or <c>org/name[@revision]</c>; what exists as a path is a path.</param>
    /// <param name="options">Cache, endpoint, token.</param>
    /// <param name="progress">Told about downloads.</param>
    /// <param name="cancellation">Stops a download; it goes on from there the next time.</param>
    /// <exception cref="DirectoryNotFoundException">It is neither an existing path nor the form of an id.</exception>
    /// <exception cref="FileNotFoundException">The hub has no such model or revision, or it is not in the cache and HF_HUB_OFFLINE is set.</exception>
    /// <exception cref="UnauthorizedAccessException">The model is gated or private.</exception>
    /// <exception cref="IOException">The network failed for good, or the cache cannot be written.</exception>
    public static async Task<string> ResolveAsync(string model, HubOptions options, IProgress<HubProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(model);
        ArgumentNullException.ThrowIfNull(options);
        if (Directory.Exists(model) || File.Exists(model)) return model;
        if (!HubModelId.TryParse(model, out HubModelId? id))
            throw new DirectoryNotFoundException($"{model}: no such file or folder; give a model folder, a .gguf file, or a hub id such as org/name");
        var cache = new HubCache(options, id);
        if (cache.FindComplete() is string snapshot) return snapshot;
        if (options.Offline)
        {
            // Better an incomplete folder, whose missing file the reader will name, than no answer.
            return cache.FindSnapshot() ?? throw new FileNotFoundException($"{model}: no such folder, and not in the hub cache {options.CacheFolder}; unset HF_HUB_OFFLINE to download it");
        }
        using var download = new HubDownload(options, id, cache, progress);
        return await download.RunAsync(files => HubFileFilter.Choose(id, files), cancellation).ConfigureAwait(false);
    }

    /// <summary>The snapshot's folder when the cache has the whole model, else null; never uses the network.</summary>
    public static string? FindCached(HubModelId id, HubOptions options) => new HubCache(options, id).FindComplete();
}
