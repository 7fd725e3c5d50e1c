using System.IO.Compression;
using Sirocco.Cli.Frame;

namespace Sirocco.Cli.Records;

/// <summary>Input files of a verb; "-" means standard input, and a name that ends in .gz is unpacked on the way.</summary>
internal static class DataFiles
{
    public const string Standard = "-";

    // Without this switch GZipStream takes the end of a file for the end of the data, and a download that broke off for a whole one.
    static DataFiles() => AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", true);

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

    /// <summary>Refuses "-" for results that are written in places, which a stream does not have.</summary>
    public static string RequirePlace(string argument, string path, string kind) => path != Standard ? path
        : throw new UsageException($"{argument} takes a {kind}, not -: the result cannot go to standard output");

    private static bool IsGzip(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
}
