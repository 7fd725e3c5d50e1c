namespace Sirocco.Formats;

/// <summary>Data sets of the hub, in the cache that huggingface_hub shares.</summary>
public static class HubDataset
{
    /// <summary>The folder of a data set's snapshot; what is not in the cache is downloaded.</summary>
    /// <param name="repository"><c>org/name</c>, optionally <c>@revision</c>.</param>
    /// <param name="wanted">Chooses files by their paths in the repository.</param>
    /// <param name="isComplete">Judges a snapshot in the cache: where it says yes, the network is not used.</param>
    /// <param name="options">Cache, endpoint, token.</param>
    /// <param name="progress">Told about downloads.</param>
    /// <param name="cancellation">Stops a download; it goes on from there the next time.</param>
    /// <exception cref="InvalidDataException">It is not the form of an id, or the answer of the hub is damaged.</exception>
    /// <exception cref="FileNotFoundException">The hub has no such data set, or it is not in the cache and HF_HUB_OFFLINE is set.</exception>
    /// <exception cref="UnauthorizedAccessException">The data set is gated or private.</exception>
    /// <exception cref="IOException">The network failed for good, or the cache cannot be written.</exception>
    public static async Task<string> ResolveAsync(
        string repository, Predicate<string> wanted, Predicate<string> isComplete, HubOptions options, IProgress<HubProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (!HubModelId.TryParse(repository, out HubModelId? id))
            throw new InvalidDataException($"hf://{Visible.Short(repository)}: is no data set of the hub; write hf://org/name or hf://org/name/subset");
        id = id with { IsDataset = true };
        HubCache cache = new(options, id);
        string? snapshot = cache.FindSnapshot();
        if (snapshot is not null && (options.Offline || isComplete(snapshot))) return snapshot;
        if (options.Offline) throw new FileNotFoundException($"hf://{id}: is not in the hub cache {options.CacheFolder}; unset HF_HUB_OFFLINE to download it");
        using HubDownload download = new(options, id, cache, progress);
        return await download.RunAsync(files => [.. files.Where(file => wanted(file)).Order(StringComparer.Ordinal)], cancellation).ConfigureAwait(false);
    }
}
