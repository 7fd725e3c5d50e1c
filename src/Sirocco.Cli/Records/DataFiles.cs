using Sirocco.Cli.Frame;

namespace Sirocco.Cli.Records;

/// <summary>Input and output files of a verb; "-" means stdin and stdout.</summary>
internal static class DataFiles
{
    public const string Standard = "-";

    /// <summary>The name that messages use.</summary>
    public static string NameOf(string? path) => path is null or Standard ? "standard input" : path;

    public static Stream OpenInput(string? path)
    {
        if (path is null or Standard) return Terminal.OpenInput();
        if (Directory.Exists(path)) throw new InvalidDataException($"{path} is a folder where a file is wanted; name a file in it");
        return new FileStream(path, new FileStreamOptions { Access = FileAccess.Read, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0, Options = FileOptions.SequentialScan });
    }
}
