using Sirocco.Formats;

namespace Sirocco.Cli.Frame;

/// <summary>Finds the folder that a MODEL argument means, downloading it first where it is a hub id that the cache lacks.</summary>
internal static class ModelLocation
{
    public static string Resolve(Invocation invocation, string model, CancellationToken cancellation)
    {
        if (Directory.Exists(model) || File.Exists(model)) return model;
        ProgressLine? line = null;
        string? file = null;
        void Show(HubProgress progress)
        {
            if (file != progress.File)
            {
                line?.Dispose();
                file = progress.File;
                line = invocation.Progress($"downloading {progress.File} ({progress.FileNumber} of {progress.FileCount})", "bytes", progress.TotalBytes);
            }

            line!.Report(progress.Bytes);
        }

        try
        {
            return HubModel.ResolveAsync(model, HubOptions.FromEnvironment(), new Callback<HubProgress>(Show), cancellation)
                .GetAwaiter().GetResult();
        }
        finally
        {
            line?.Dispose();
        }
    }
}
