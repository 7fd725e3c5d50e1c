using Sirocco.Formats;

namespace Sirocco.Cli.Frame;

/// <summary>A progress line for each file that comes from the hub.</summary>
internal sealed class DownloadLine(Invocation invocation) : IProgress<HubProgress>, IDisposable
{
    private ProgressLine? line;
    private string? file;

    public void Report(HubProgress value)
    {
        if (line is null || file != value.File)
        {
            line?.Dispose();
            file = value.File;
            line = invocation.Progress($"downloading {value.File} ({value.FileNumber} of {value.FileCount})", "bytes", value.TotalBytes);
            line.GoOnFrom(value.Bytes);
        }

        line.Report(value.Bytes);
    }

    public void Dispose()
    {
        line?.Dispose();
        line = null;
    }
}
