using Sirocco.Formats;

namespace Sirocco.Cli.Frame;

/// <summary>Finds the folder that a MODEL argument means, downloading it first where it is a hub id that the cache lacks.</summary>
internal static class ModelLocation
{
    public static string Resolve(Invocation invocation, string model, CancellationToken cancellation)
    {
        if (Directory.Exists(model) || File.Exists(model)) return model;
        using DownloadLine line = new(invocation);
        return HubModel.ResolveAsync(model, HubOptions.FromEnvironment(), line, cancellation).GetAwaiter().GetResult();
    }
}
