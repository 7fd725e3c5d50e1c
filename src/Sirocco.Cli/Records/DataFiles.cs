using Sirocco.Cli.Frame;
using Sirocco.Formats;

namespace Sirocco.Cli.Records;

/// <summary>Input files of a verb; "-" means standard input, and a name that ends in .gz is unpacked on the way.</summary>
internal static class DataFiles
{
    public const string Standard = "-";

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

    /// <inheritdoc cref="GzipContent.Of"/>
    public static Stream Content(Stream file, string path) => GzipContent.Of(file, path);

    /// <inheritdoc cref="GzipContent.Extension"/>
    public static string Extension(string path) => GzipContent.Extension(path);

    /// <summary>Refuses "-" for results that are written in places, which a stream does not have.</summary>
    public static string RequirePlace(string argument, string path, string kind) => path != Standard ? path
        : throw new UsageException($"{argument} takes a {kind}, not -: the result cannot go to standard output");

    /// <summary>Refuses before long work a file for its results that could not be written after it: "-", and one in a folder that is missing.</summary>
    public static void RequireFolder(string argument, string? path)
    {
        if (path is null) return;
        string folder = Path.GetDirectoryName(Path.GetFullPath(RequirePlace(argument, path, "file")))!;
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"{argument} {path}: there is no folder {folder}; make it, or name another file");
    }
}
