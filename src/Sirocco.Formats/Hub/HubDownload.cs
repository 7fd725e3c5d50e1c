using System.Net;
using System.Text.Json;

namespace Sirocco.Formats;

/// <summary>
/// Fetches a snapshot by the hub's HTTP protocol: the list of files and the commit from <c>/api/models/…/revision/…</c>, each file's hash from the headers of
/// <c>/…/resolve/…</c>, its bytes in as many pieces as the connection makes of them.
/// </summary>
internal sealed class HubDownload : IDisposable
{
    private const int LongestAnswer = 64 << 20;

    // Not huggingface_hub's own ".incomplete": both would write one file, each behind a lock that the other does not know.
    private const string Partial = ".sirocco-partial";

    private readonly HubOptions options;
    private readonly HubModelId id;
    private readonly HubCache cache;
    private readonly HubConnection connection;
    private readonly IProgress<HubProgress>? observer;

    internal HubDownload(HubOptions options, HubModelId id, HubCache cache, IProgress<HubProgress>? progress)
    {
        (this.options, this.id, this.cache, observer) = (options, id, cache, progress);
        connection = new HubConnection(options);
    }

    public void Dispose() => connection.Dispose();

    /// <summary>Brings files of the snapshot into the cache and returns its folder.</summary>
    /// <param name="choose">Which of the listed files are wanted, in the order of fetching.</param>
    /// <param name="cancellation">Stops the download.</param>
    internal async Task<string> RunAsync(Func<IReadOnlyList<string>, List<string>> choose, CancellationToken cancellation)
    {
        (string commit, List<string> listed) = await ListAsync(cancellation).ConfigureAwait(false);
        return await FetchAllAsync(commit, choose(listed), cancellation).ConfigureAwait(false);
    }

    /// <summary>Brings those files of a commit that are not there yet into the cache and returns the folder of its snapshot.</summary>
    /// <remarks>Of a model it is recorded that all of them are there; a data set's caller knows by itself.</remarks>
    internal async Task<string> FetchAllAsync(string commit, IReadOnlyList<string> files, CancellationToken cancellation)
    {
        string snapshot = cache.SnapshotFolder(commit);
        cache.CreateFolders(commit);
        for (int i = 0; i < files.Count; i++)
        {
            if (File.Exists(Path.Combine(snapshot, files[i]))) continue;
            var progress = new HubProgress(files[i], i + 1, files.Count, 0, null);
            await FetchAsync(commit, files[i], progress, cancellation).ConfigureAwait(false);
        }
        if (!id.IsDataset) cache.MarkComplete(commit, files);
        cache.WriteReference(commit);
        return snapshot;
    }

    /// <summary>The commit that the revision means, and the names of its files, none of which leaves the folder.</summary>
    internal async Task<(string Commit, List<string> Files)> ListAsync(CancellationToken cancellation)
    {
        Uri address = Address($"api/{id.Kind}/{id.Repository}/revision/{Uri.EscapeDataString(id.Revision)}");
        byte[] body = await WithRetriesAsync("the list of files", async () =>
        {
            using HubConnection.Answer answer = await connection.SendAsync(HttpMethod.Get, address, 0, untilHash: false, cancellation).ConfigureAwait(false);
            Require(answer.Response, "the list of files");
            using Stream stream = await answer.Response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
            var content = new MemoryStream();
            byte[] buffer = new byte[1 << 16];
            for (int read; (read = await connection.ReadAsync(stream, buffer, cancellation).ConfigureAwait(false)) > 0;)
            {
                content.Write(buffer, 0, read);
                if (content.Length > LongestAnswer)
                    throw new InvalidDataException($"{address}: the answer is over {LongestAnswer} bytes long, which no list of files is");
            }
            return content.ToArray();
        }, cancellation).ConfigureAwait(false);
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            string commit = document.RootElement.GetProperty("sha").GetString()!;
            List<string> files = [.. document.RootElement.GetProperty("siblings").EnumerateArray().Select(file => file.GetProperty("rfilename").GetString()!)];
            if (!HubHash.IsTag(commit)) throw new InvalidDataException($"{address}: key 'sha' is not a commit");
            HubFileFilter.RequireInside(id, files);
            return (commit, files);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or ArgumentNullException)
        {
            throw new InvalidDataException($"{address}: the answer is not a list of files with the keys 'sha' and 'siblings'; check HF_ENDPOINT", e);
        }
    }

    private async Task FetchAsync(string commit, string file, HubProgress progress, CancellationToken cancellation)
    {
        (Uri address, string hash, long? size) = await WithRetriesAsync(file, () => LocateAsync(commit, file, cancellation), cancellation)
            .ConfigureAwait(false);
        string blob = cache.BlobPath(hash);
        progress = progress with { TotalBytes = size };
        if (!File.Exists(blob)) await TransferAsync(address, blob, hash, progress, cancellation).ConfigureAwait(false);
        cache.Link(commit, file, hash);
        if (File.Exists(blob)) observer?.Report(progress with { Bytes = new FileInfo(blob).Length });
    }

    /// <summary>Asks for a file's hash and size. The commit is asked for first, so that all files are of one state; mirrors may know branches only.</summary>
    private async Task<(Uri Address, string Hash, long? Size)> LocateAsync(string commit, string file, CancellationToken cancellation)
    {
        foreach (string revision in new[] { commit, id.Revision }.Distinct(StringComparer.Ordinal))
        {
            string path = string.Join('/', file.Split('/').Select(Uri.EscapeDataString));
            Uri address = Address($"{(id.IsDataset ? "datasets/" : "")}{id.Repository}/resolve/{Uri.EscapeDataString(revision)}/{path}");
            using HubConnection.Answer head = await connection.SendAsync(HttpMethod.Head, address, 0, untilHash: true, cancellation).ConfigureAwait(false);
            if (head.Response.StatusCode == HttpStatusCode.NotFound && revision != id.Revision) continue;
            HubConnection.Answer answer = head;
            if (head.Response.StatusCode is HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented)
                answer = await connection.SendAsync(HttpMethod.Get, address, 0, untilHash: true, cancellation).ConfigureAwait(false);
            using (answer)
            {
                if (answer.Hash is null || (int)answer.Response.StatusCode >= 400) Require(answer.Response, file);
                return answer.Hash is string hash && HubHash.IsTag(hash)
                    ? (address, hash, answer.Size)
                    : throw new InvalidDataException($"{address}: the server names no usable ETag, so the file could not be checked; check HF_ENDPOINT");
            }
        }
        throw new FileNotFoundException($"{id}: has no {file}");
    }

    private async Task TransferAsync(Uri address, string blob, string hash, HubProgress progress, CancellationToken cancellation)
    {
        string partial = blob + Partial;
        using FileStream stream = await OpenExclusivelyAsync(partial, cancellation).ConfigureAwait(false);
        if (File.Exists(blob))
        {
            File.Delete(partial);   // another process has brought the file meanwhile
            return;
        }
        for (bool secondTry = false; ; secondTry = true)
        {
            await WithRetriesAsync(progress.File, async () =>
            {
                await AppendAsync(address, stream, progress, cancellation).ConfigureAwait(false);
                return true;
            }, cancellation, () => stream.Length).ConfigureAwait(false);
            stream.Flush(flushToDisk: true);
            if (await HubHash.MatchesAsync(stream, hash, cancellation).ConfigureAwait(false)) break;
            // The part that was there before may have been the wrong one: once more from the start.
            stream.SetLength(0);
            if (secondTry)
                throw new InvalidDataException($"{id}: {progress.File} arrived twice with a hash other than {hash}; try again later or another HF_ENDPOINT");
        }
        File.Move(partial, blob, overwrite: true);
    }

    /// <summary>Fetches what is missing behind the bytes that are there.</summary>
    private async Task AppendAsync(Uri address, FileStream stream, HubProgress progress, CancellationToken cancellation)
    {
        if (progress.TotalBytes is long all && stream.Length >= all)
        {
            if (stream.Length == all) return;
            stream.SetLength(0);
        }
        long start = stream.Length;
        using HubConnection.Answer answer = await connection.SendAsync(HttpMethod.Get, address, start, untilHash: false, cancellation).ConfigureAwait(false);
        HttpResponseMessage response = answer.Response;
        if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable && start > 0)
        {
            stream.SetLength(0);
            throw new IOException("the server has fewer bytes than are here");
        }
        Require(response, progress.File);
        if (response.StatusCode != HttpStatusCode.PartialContent || response.Content.Headers.ContentRange?.From != start)
        {
            if (response.StatusCode == HttpStatusCode.PartialContent && start == 0) throw new IOException("the server sends a part that was not asked for");
            stream.SetLength(0);   // the server ignores ranges and sends everything
            if (response.StatusCode == HttpStatusCode.PartialContent) throw new IOException("the server sends another part than asked for");
        }
        stream.Position = stream.Length;
        observer?.Report(progress with { Bytes = stream.Position });
        using Stream body = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        byte[] buffer = new byte[1 << 18];
        for (int read; (read = await connection.ReadAsync(body, buffer, cancellation).ConfigureAwait(false)) > 0;)
        {
            if (progress.TotalBytes is long most && stream.Position + read > most)
            {
                stream.SetLength(0);
                throw new IOException($"more than the announced {most} bytes arrived");
            }
            await stream.WriteAsync(buffer.AsMemory(0, read), cancellation).ConfigureAwait(false);
            observer?.Report(progress with { Bytes = stream.Position });
        }
        await stream.FlushAsync(cancellation).ConfigureAwait(false);
        if (progress.TotalBytes is long total && stream.Length < total) throw new IOException($"the connection ended after {stream.Length} of {total} bytes");
    }

    /// <summary>Two processes may want the same file: the second waits and finds it done.</summary>
    private static async Task<FileStream> OpenExclusivelyAsync(string path, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                // None is an exclusive lock on Unix, where an open file can be renamed; Windows needs Delete for the rename.
                FileShare share = OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None;
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, share, 1 << 16, FileOptions.Asynchronous);
            }
            catch (IOException e) when (WriteFailure.IsHeldElsewhere(e))
            {
                await Task.Delay(200, cancellation).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw WriteFailure.Explain(path, e);
            }
        }
    }

    /// <summary>Repeats what fails for reasons that pass, with growing pauses; attempts that brought bytes do not count.</summary>
    private async Task<T> WithRetriesAsync<T>(string what, Func<Task<T>> attempt, CancellationToken cancellation, Func<long>? progress = null)
    {
        int failures = 0;
        while (true)
        {
            long before = progress?.Invoke() ?? 0;
            try
            {
                return await attempt().ConfigureAwait(false);
            }
            catch (Exception e) when (e is HttpRequestException or IOException and not (FileNotFoundException or DirectoryNotFoundException))
            {
                if (e is IOException io && IsLocal(io)) throw WriteFailure.Explain(cache.Folder, e);
                failures = progress?.Invoke() > before ? 1 : failures + 1;
                if (failures >= options.MaximumAttempts) throw HubFailure.Unreachable(id, options, what, e);
                await Task.Delay(options.FirstRetryDelay * Math.Min(1 << (failures - 1), 30), cancellation).ConfigureAwait(false);
            }
        }
    }

    private Uri Address(string path) => new($"{options.Endpoint.AbsoluteUri.TrimEnd('/')}/{path}");

    // A full or read-only disk will not pass by waiting.
    private static bool IsLocal(IOException e) => e.HResult is 28 or 30 or 122 or unchecked((int)0x80070070);

    private void Require(HttpResponseMessage response, string what)
    {
        if (response.IsSuccessStatusCode) return;
        throw HubFailure.Explain(id, options, response, what);
    }
}
