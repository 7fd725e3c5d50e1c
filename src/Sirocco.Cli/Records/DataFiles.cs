using System.IO.Compression;
using Sirocco.Cli.Frame;

namespace Sirocco.Cli.Records;

/// <summary>Input files of a verb; "-" means standard input, and a name that ends in .gz is unpacked on the way.</summary>
internal static class DataFiles
{
    public const string Standard = "-";

    /// <summary>The name that messages use.</summary>
    public static string NameOf(string path) => path == Standard ? "standard input" : path;

    /// <summary>The bytes of the file as they lie there.</summary>
    public static Stream Open(string path)
    {
        if (path == Standard) return Terminal.OpenInput();
        if (Directory.Exists(path)) throw new InvalidDataException($"{path} is a folder where a file is wanted; name a file in it");
        return new FileStream(path, new FileStreamOptions
        {
            Access = FileAccess.Read,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
            Options = FileOptions.SequentialScan,
        });
    }

    /// <summary>The content of a file that <see cref="Open"/> gave.</summary>
    public static Stream Content(Stream file, string path) => IsGzip(path) ? new GZipStream(file, CompressionMode.Decompress) : file;

    /// <summary>The extension that says what the content is: <c>.jsonl</c> of <c>corpus.jsonl.gz</c>.</summary>
    public static string Extension(string path) => Path.GetExtension(IsGzip(path) ? path[..^3] : path).ToLowerInvariant();

    private static bool IsGzip(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
}
