using System.Text.Json;

namespace Sirocco.Formats.Tests;

/// <summary>Files made by the reference libraries.</summary>
internal static class Golden
{
    internal static string PathOf(string relative) => Path.Combine(AppContext.BaseDirectory, "Goldens", relative);

    internal static JsonElement Json(string relative)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(PathOf(relative)));
        return document.RootElement.Clone();
    }
}
