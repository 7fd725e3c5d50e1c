using System.Net;
using System.Net.Http.Headers;

namespace Sirocco.Formats;

/// <summary>Requests to the hub: redirects followed by hand, so that the token goes to the hub's host only, and what the first answers say is kept.</summary>
internal sealed class HubConnection : IDisposable
{
    private const int MostRedirects = 10;

    private readonly HubOptions options;
    private readonly HttpClient client;

    internal HubConnection(HubOptions options)
    {
        this.options = options;
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = options.StallTimeout };
        // Bodies may take hours; reads have a time limit of their own.
        client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.ParseAdd("sirocco/0.1");
        client.DefaultRequestHeaders.AcceptEncoding.ParseAdd("identity");
    }

    /// <summary>What was learnt on the way to an answer.</summary>
    /// <param name="Response">The last answer; the caller disposes it.</param>
    /// <param name="Hash">X-Linked-Etag or ETag of the first answer that had one, without quotes.</param>
    /// <param name="Size">X-Linked-Size, or the length of the content.</param>
    internal sealed record Answer(HttpResponseMessage Response, string? Hash, long? Size) : IDisposable
    {
        public void Dispose() => Response.Dispose();
    }

    /// <summary>Sends a request and follows redirects.</summary>
    /// <param name="method">GET or HEAD.</param>
    /// <param name="address">Where to.</param>
    /// <param name="from">The first byte wanted; 0 asks for everything.</param>
    /// <param name="untilHash">Stop at the first answer that tells the file's hash, be it a redirect.</param>
    /// <param name="cancellation">Ends the wait.</param>
    internal async Task<Answer> SendAsync(HttpMethod method, Uri address, long from, bool untilHash, CancellationToken cancellation)
    {
        string? hash = null;
        long? size = null;
        for (int i = 0; i <= MostRedirects; i++)
        {
            using var request = new HttpRequestMessage(method, address);
            if (options.Token is string token && IsHub(address)) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            if (from > 0) request.Headers.Range = new RangeHeaderValue(from, null);
            HttpResponseMessage response = await SendWithinLimitAsync(request, cancellation).ConfigureAwait(false);
            bool redirected = response.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther
                or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;
            hash ??= Header(response, "X-Linked-Etag") ?? (redirected ? null : Header(response, "ETag"));
            if (long.TryParse(Header(response, "X-Linked-Size"), out long linked)) size ??= linked;
            if (!redirected && response.StatusCode == HttpStatusCode.OK) size ??= response.Content.Headers.ContentLength;
            if (!redirected || (untilHash && hash is not null)) return new Answer(response, Unquoted(hash), size);

            Uri? location = response.Headers.Location;
            response.Dispose();
            if (location is null) throw new IOException($"{address}: the server redirects without saying where to");
            Uri next = new(address, location);
            if (next.Scheme != address.Scheme && next.Scheme != Uri.UriSchemeHttps)
                throw new IOException($"{address}: the server redirects to {next.Scheme}, which is less safe; nothing was downloaded");
            address = next;
        }
        throw new IOException($"{address}: more than {MostRedirects} redirects");
    }

    /// <summary>Reads a part of a body; a connection that stays silent counts as dropped.</summary>
    internal async Task<int> ReadAsync(Stream body, Memory<byte> buffer, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(options.StallTimeout);
        try
        {
            return await body.ReadAsync(buffer, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new IOException($"nothing arrived for {options.StallTimeout.TotalSeconds:0} seconds");
        }
    }

    public void Dispose() => client.Dispose();

    private async Task<HttpResponseMessage> SendWithinLimitAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(options.StallTimeout);
        try
        {
            return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new IOException($"no answer within {options.StallTimeout.TotalSeconds:0} seconds");
        }
    }

    private bool IsHub(Uri address) =>
        address.Scheme == options.Endpoint.Scheme && address.Port == options.Endpoint.Port
            && string.Equals(address.Host, options.Endpoint.Host, StringComparison.OrdinalIgnoreCase);

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.NonValidated.TryGetValues(name, out HeaderStringValues values) ? values.ToString() : null;

    private static string? Unquoted(string? tag) => tag is null ? null : (tag.StartsWith("W/", StringComparison.Ordinal) ? tag[2..] : tag).Trim('"');
}
