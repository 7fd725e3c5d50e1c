using System.IO.Compression;
using System.Text.Json;

namespace Sirocco.Text.Tests;

/// <summary>Recorded results of the reference libraries: small ones beside the tests, the published vocabularies in ../shared where it is there.</summary>
internal static class GoldenFiles
{
    private static readonly string? Shared = FindShared();

    public static string Local(string name) => Path.Combine(AppContext.BaseDirectory, "Goldens", name);

    /// <summary>A file of ../shared; the test is skipped, visibly, without it.</summary>
    public static string FromShared(string name)
    {
        Skip.If(Shared is null || !File.Exists(Path.Combine(Shared, name)), $"../shared/{name} is not here");
        return Path.Combine(Shared!, name);
    }

    public static IEnumerable<JsonElement> Rows(string path)
    {
        using GZipStream stream = new(File.OpenRead(path), CompressionMode.Decompress);
        using StreamReader reader = new(stream);
        while (reader.ReadLine() is { } line) yield return JsonDocument.Parse(line).RootElement;
    }

    /// <summary>An unpacked copy of a .gz of ../shared, made once a run.</summary>
    public static string Unpacked(string name)
    {
        string source = FromShared(name), target = Path.Combine(AppContext.BaseDirectory, Path.GetFileNameWithoutExtension(name));
        lock (typeof(GoldenFiles))
        {
            if (File.Exists(target)) return target;
            using (GZipStream stream = new(File.OpenRead(source), CompressionMode.Decompress))
            using (FileStream file = File.Create(target + ".part")) stream.CopyTo(file);
            File.Move(target + ".part", target);
            return target;
        }
    }

    public static int[] Integers(this JsonElement row, string key) => [.. row.GetProperty(key).EnumerateArray().Select(item => item.GetInt32())];

    public static TokenOffset[] Offsets(this JsonElement row, string key) =>
        [.. row.GetProperty(key).EnumerateArray().Select(item => new TokenOffset(item[0].GetInt32(), item[1].GetInt32()))];

    public static string Text(this JsonElement row, string key) => row.GetProperty(key).GetString()!;

    private static string? FindShared()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string shared = Path.Combine(folder.FullName, "shared");
            if (Directory.Exists(Path.Combine(shared, "goldens", "tokenizers"))) return shared;
        }
        return null;
    }
}
