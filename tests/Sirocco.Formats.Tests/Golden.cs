using System.Text.Json;

namespace Sirocco.Formats.Tests;

/// <summary>Files made by the reference libraries, and scratch folders for what the tests write.</summary>
internal static class Golden
{
    internal static string PathOf(string relative) => Path.Combine(AppContext.BaseDirectory, "Goldens", relative);

    internal static JsonElement Json(string relative)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(PathOf(relative)));
        return document.RootElement.Clone();
    }
}

/// <summary>A folder that goes away with the test.</summary>
internal sealed class Scratch : IDisposable
{
    internal string Folder { get; } = Directory.CreateTempSubdirectory("sirocco-formats-").FullName;

    internal string PathOf(string name) => Path.Combine(Folder, name);

    internal string Write(string name, ReadOnlySpan<byte> bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllBytes(PathOf(name), bytes);
        return PathOf(name);
    }

    /// <summary>Every file below the folder, hidden and temporary ones included.</summary>
    internal string[] Files() => [.. Directory.GetFiles(Folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Folder, path)).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
