using Sirocco.Formats;

namespace Sirocco.Models.Tests;

/// <summary>
/// Recordings of the reference libraries: the small ones in this project's Goldens, all of them in ../shared/goldens where that is checked out.
/// </summary>
internal static class Golden
{
    private static readonly string Own = Path.Combine(AppContext.BaseDirectory, "Goldens");

    public static string? Shared { get; } = FindShared();

    /// <summary>A folder of recordings: the full one where there is one, else this project's, else the test is skipped.</summary>
    public static string Folder(string relative)
    {
        if (Shared is { } shared && Directory.Exists(Path.Combine(shared, "goldens", relative))) return Path.Combine(shared, "goldens", relative);
        if (Shared is not null && relative == "gguf") return Path.Combine(Shared, "goldens", "formats", "gguf");
        string own = Path.Combine(Own, relative);
        Skip.IfNot(Directory.Exists(own), $"needs ../shared/goldens/{relative}");
        return own;
    }

    /// <summary>A file or folder under ../shared; the test is skipped where it is not there.</summary>
    public static string SharedPath(string relative)
    {
        string? path = Shared is null ? null : Path.Combine(Shared, relative);
        Skip.If(path is null || !(File.Exists(path) || Directory.Exists(path)), $"needs ../shared/{relative}");
        return path!;
    }

    /// <summary>A sentence-transformers folder; this project's keep files that several share once, with a .link that names them.</summary>
    public static string SentenceTransformers(string name, TemporaryFolder temporary)
    {
        string folder = Folder("sentence-transformers/" + name);
        string[] links = Directory.GetFiles(folder, "*.link");
        if (links.Length == 0) return folder;
        string copy = temporary.Copy(folder);
        foreach (string link in Directory.GetFiles(copy, "*.link"))
        {
            File.Copy(Path.Combine(Own, "sentence-transformers", "common", File.ReadAllText(link).Trim()), link[..^".link".Length]);
            File.Delete(link);
        }

        return copy;
    }

    /// <summary>Largest absolute difference over the largest magnitude expected, as the project's checks measure it.</summary>
    public static double Difference(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        Assert.Equal(expected.Length, actual.Length);
        double worst = 0, largest = 1e-12;
        for (int i = 0; i < actual.Length; i++)
        {
            double difference = Math.Abs((double)actual[i] - expected[i]);
            Assert.True(double.IsFinite(difference), $"element {i} is {actual[i]}");
            worst = Math.Max(worst, difference);
            largest = Math.Max(largest, Math.Abs(expected[i]));
        }

        return worst / largest;
    }

    public static void AssertClose(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance, string what)
    {
        double difference = Difference(actual, expected);
        Assert.True(difference <= tolerance, $"{what}: {difference:E1} > {tolerance:E1}");
    }

    public static void AssertClose(OutgoingTensor actual, StoredTensor expected, double tolerance)
    {
        Assert.Equal(expected.Shape.ToArray(), actual.Shape);
        AssertClose(Values(actual), expected.ToSingleArray(), tolerance, actual.Name);
    }

    public static float[] Values(OutgoingTensor tensor)
    {
        using MemoryStream stream = new();
        SafetensorsWriter.Write(stream, [tensor]);
        byte[] bytes = stream.ToArray();
        return System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes.AsSpan(bytes.Length - checked((int)tensor.ByteCount))).ToArray();
    }

    private static string? FindShared()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "shared", "goldens");
            if (Directory.Exists(candidate)) return Path.GetDirectoryName(candidate);
        }

        return null;
    }
}
