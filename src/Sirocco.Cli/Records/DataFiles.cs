using System.IO.Compression;
using Sirocco.Cli.Frame;

namespace Sirocco.Cli.Records;

/// <summary>Input files of a verb; "-" means standard input, and a name that ends in .gz is unpacked on the way.</summary>
internal static class DataFiles
{
    public const string Standard = "-";

    private static ReadOnlySpan<byte> GzipSignature => [0x1F, 0x8B];

    /// <summary>The name that messages use.</summary>
    public static string NameOf(string path) => path == Standard ? "standard input" : path;

    /// <summary>The bytes of the file as they lie there.</summary>
    /// <param name="path">a file, a pipe, or "-"</param>
    /// <param name="cancellation">ends the wait for whatever writes into a pipe</param>
    public static Stream Open(string path, CancellationToken cancellation)
    {
        if (path == Standard) return new InterruptibleInput(Terminal.OpenInput(), cancellation);
        if (Directory.Exists(path)) throw new InvalidDataException($"{path} is a folder where a file is wanted; name a file in it");
        FileStream file = new(path, new FileStreamOptions
        {
            Access = FileAccess.Read,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
            Options = FileOptions.SequentialScan,
        });
        return file.CanSeek ? file : new InterruptibleInput(file, cancellation);
    }

    /// <summary>The content of a file that <see cref="Open"/> gave.</summary>
    /// <exception cref="InvalidDataException">The name says gzip and the file's beginning does not.</exception>
    public static Stream Content(Stream file, string path)
    {
        if (!IsGzip(path)) return file;
        if (file.CanSeek)
        {
            Span<byte> start = stackalloc byte[GzipSignature.Length];
            int length = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            if (length == 0) throw new InvalidDataException($"{path} is empty, which no gzip file is; make or download it again");
            if (!start.SequenceEqual(GzipSignature)) throw new InvalidDataException($"{path} is not gzip-compressed, as its name says; rename it without .gz if it is plain text");
            file.Position = 0;
        }

        return new GZipStream(file, CompressionMode.Decompress);
    }

    /// <summary>The extension that says what the content is: <c>.jsonl</c> of <c>corpus.jsonl.gz</c>.</summary>
    public static string Extension(string path) => Path.GetExtension(IsGzip(path) ? path[..^3] : path).ToLowerInvariant();

    /// <summary>Refuses "-" for results that are written in places, which a stream does not have.</summary>
    public static string RequirePlace(string argument, string path, string kind) => path != Standard ? path
        : throw new UsageException($"{argument} takes a {kind}, not -: the result cannot go to standard output");

    private static bool IsGzip(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
}
