using Sirocco.Cli.Frame;
using Sirocco.Formats;

namespace Sirocco.Cli.Records;

/// <summary>Where results go: a file that appears when it is complete, or standard output.</summary>
internal sealed class OutputFile : IDisposable
{
    private readonly AtomicFile? file;

    private OutputFile(AtomicFile? file, Stream stream)
    {
        this.file = file;
        Stream = stream;
    }

    public Stream Stream { get; }

    /// <param name="path">a file, or null or "-" for standard output</param>
    /// <param name="terminal">whose standard output that is</param>
    public static OutputFile Open(string? path, Terminal terminal)
    {
        if (path is null or DataFiles.Standard) return new OutputFile(null, terminal.Output);
        AtomicFile file = AtomicFile.Create(path);
        return new OutputFile(file, file.Stream);
    }

    /// <summary>Everything is written: the file takes its name. Without this it never existed.</summary>
    public void Commit()
    {
        if (file is null) Stream.Flush();
        else file.Commit();
    }

    public void Dispose() => file?.Dispose();
}
