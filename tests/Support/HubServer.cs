using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Sirocco.Tests;

/// <summary>A hub on the loopback address that can misbehave in each way that real networks do.</summary>
internal sealed class HubServer : IDisposable
{
    internal const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();

    internal HubServer()
    {
        listener.Start();
        _ = AcceptAsync();
    }

    internal Uri Address => new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

    internal Dictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal)
    {
        ["config.json"] = """{"model_type": "llama"}"""u8.ToArray(),
        ["model.safetensors"] = RandomNumberGenerator.GetBytes(200_000),
        ["README.md"] = "not wanted"u8.ToArray(),
        ["pytorch_model.bin"] = "not wanted"u8.ToArray(),
    };

    /// <summary>Whether org/name is a data set rather than a model.</summary>
    internal bool HoldsDataset { get; init; }

    /// <summary>Names in the list of files; the files by default.</summary>
    internal IReadOnlyList<string>? Listed { get; set; }

    /// <summary>Each body of a large file ends after so many bytes, the connection with it.</summary>
    internal int? DropAfter { get; set; }

    /// <summary>A connection stays open after what is sent, and brings nothing more.</summary>
    internal bool Stalls { get; set; }

    internal bool IgnoreRanges { get; set; }

    /// <summary>Large files are answered by a redirect to this base, as the hub sends to its storage.</summary>
    internal Uri? RedirectTo { get; set; }

    internal bool RefuseHead { get; set; }

    /// <summary>The status for requests without this token.</summary>
    internal (string Token, int Status, string? Code)? Gate { get; set; }

    /// <summary>Answers 503 so many times first.</summary>
    internal int Busy { get; set; }

    /// <summary>Bytes that are sent for a file instead of its own.</summary>
    internal Func<string, byte[]?> Corrupt { get; set; } = _ => null;

    internal ConcurrentQueue<string> Requests { get; } = new();

    public void Dispose()
    {
        stop.Cancel();
        listener.Stop();
    }

    private async Task AcceptAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                TcpClient client = await listener.AcceptTcpClientAsync(stop.Token);
                _ = ServeAsync(client);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                using NetworkStream stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
                string[] request = (await reader.ReadLineAsync() ?? "").Split(' ');
                var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
                for (string? line; (line = await reader.ReadLineAsync()) is { Length: > 0 };)
                {
                    int colon = line.IndexOf(':', StringComparison.Ordinal);
                    headers[line[..colon]] = line[(colon + 1)..].Trim();
                }

                if (request.Length < 2) return;
                string range = headers.GetValueOrDefault("Range", ""), authorization = headers.GetValueOrDefault("Authorization", "");
                Requests.Enqueue($"{request[0]} {request[1]} {range} {authorization}".TrimEnd());
                await stream.WriteAsync(Answer(request[0], Uri.UnescapeDataString(request[1]), range, authorization));
                if (Stalls) await Task.Delay(Timeout.Infinite, stop.Token);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                return;   // the client went away, as cancelled ones do, or the test is over
            }
        }
    }

    private byte[] Answer(string method, string path, string range, string authorization)
    {
        if (Busy-- > 0) return Response(503, [], []);
        if (Gate is { } gate && authorization != "Bearer " + gate.Token)
            return Response(gate.Status, gate.Code is null ? [] : [$"X-Error-Code: {gate.Code}"], []);
        string revision = $"/api/{(HoldsDataset ? "datasets" : "models")}/org/name/revision/";
        if (path == revision + "main" || path == revision + Commit)
        {
            IEnumerable<string> files = (Listed ?? [.. Files.Keys])
                .Select(name => $$"""{"rfilename":"{{name.Replace("\\", "\\\\", StringComparison.Ordinal)}}"}""");
            string list = $$"""{"sha":"{{Commit}}","siblings":[{{string.Join(",", files)}}]}""";
            return Response(200, ["Content-Type: application/json"], Encoding.UTF8.GetBytes(list));
        }
        if (path.StartsWith("/api/models/org/name/", StringComparison.Ordinal)) return Response(404, ["X-Error-Code: RevisionNotFound"], []);

        bool stored = path.StartsWith("/storage/", StringComparison.Ordinal);
        string prefix = stored ? "/storage/" : $"{(HoldsDataset ? "/datasets" : "")}/org/name/resolve/{Commit}/";
        if (!path.StartsWith(prefix, StringComparison.Ordinal) || !Files.TryGetValue(path[prefix.Length..], out byte[]? content)) return Response(404, [], []);
        bool large = content.Length > 10_000;
        string hash = large ? Convert.ToHexStringLower(SHA256.HashData(content)) : GitHash(content);
        content = Corrupt(path[prefix.Length..]) ?? content;
        if (method == "HEAD" && RefuseHead) return Response(501, [], []);
        if (large && !stored && RedirectTo is not null)
        {
            string[] linked = [$"X-Linked-Etag: \"{hash}\"", $"X-Linked-Size: {content.Length}", $"X-Repo-Commit: {Commit}"];
            return Response(302, [$"Location: {RedirectTo}storage/{path[prefix.Length..]}", .. linked], []);
        }

        string[] common = [$"ETag: \"{(stored ? "of-the-storage" : hash)}\"", $"X-Repo-Commit: {Commit}", "Accept-Ranges: bytes"];
        if (method == "HEAD") return Response(200, common, [], announced: content.Length);
        int start = 0;
        if (!IgnoreRanges && range.StartsWith("bytes=", StringComparison.Ordinal)) start = int.Parse(range[6..].TrimEnd('-'), CultureInfo.InvariantCulture);
        if (start > content.Length) return Response(416, [], []);
        byte[] rest = content[start..];
        byte[] sent = large && DropAfter is int most ? rest[..Math.Min(most, rest.Length)] : rest;
        string[] partial = start > 0 ? [.. common, $"Content-Range: bytes {start}-{content.Length - 1}/{content.Length}"] : common;
        return Response(start > 0 ? 206 : 200, partial, sent, announced: rest.Length);
    }

    private static byte[] Response(int status, string[] headers, byte[] body, int? announced = null)
    {
        string[] lines = [$"HTTP/1.1 {status} X", .. headers, $"Content-Length: {announced ?? body.Length}", "Connection: close", "", ""];
        return [.. Encoding.ASCII.GetBytes(string.Join("\r\n", lines)), .. body];
    }

#pragma warning disable CA5350 // git names blobs by sha1
    private static string GitHash(byte[] content) =>
        Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));
#pragma warning restore CA5350
}
