using System.Text.Json;

namespace Sirocco.EndToEnd;

/// <summary>The recorded folders beside the tests.</summary>
internal static class Golden
{
    public static string Encoder { get; } = Folder("encoder");

    public static string CrossEncoder { get; } = Folder("cross-encoder");

    public static JsonElement Recorded(string folder) => JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "goldens.json"))).RootElement;

    public static string JsonLines(IEnumerable<string> texts) => string.Concat(texts.Select(text => JsonSerializer.Serialize(new { text }) + "\n"));

    private static string Folder(string name) => Path.Combine(AppContext.BaseDirectory, "Goldens", name);
}
