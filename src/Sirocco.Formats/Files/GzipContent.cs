using System.IO.Compression;

namespace Sirocco.Formats;

/// <summary>Files whose name ends in .gz are unpacked while they are read.</summary>
public static class GzipContent
{
    private static ReadOnlySpan<byte> Signature => [0x1F, 0x8B];

    /// <summary>Whether the name says gzip.</summary>
    public static bool IsNamed(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);

    /// <summary>The extension that says what the content is: <c>.jsonl</c> of <c>corpus.jsonl.gz</c>, in lower case.</summary>
    public static string Extension(string path) => Path.GetExtension(IsNamed(path) ? path[..^3] : path).ToLowerInvariant();

    /// <summary>The content of an open file: the stream itself, or what it unpacks to where the name says gzip.</summary>
    /// <exception cref="InvalidDataException">The name says gzip and the file's beginning does not.</exception>
    public static Stream Of(Stream file, string path)
    {
        if (!IsNamed(path)) return file;
        if (file.CanSeek)
        {
            Span<byte> start = stackalloc byte[Signature.Length];
            int length = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            if (length == 0) throw new InvalidDataException($"{path} is empty, which no gzip file is; make or download it again");
            if (!start.SequenceEqual(Signature))
                throw new InvalidDataException($"{path} is not gzip-compressed, as its name says; rename it without .gz if it is plain text");
            file.Position = 0;
        }

        return new GZipStream(file, CompressionMode.Decompress);
    }
}
