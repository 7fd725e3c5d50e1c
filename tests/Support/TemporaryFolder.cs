namespace Sirocco.Tests;

/// <summary>A folder of a test's own, with a space in its name; removed with everything in it.</summary>
public sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("sirocco test ").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a file, and its folders; returns its path.</summary>
    public string Write(string name, string content) => Write(name, System.Text.Encoding.UTF8.GetBytes(content));

    /// <inheritdoc cref="Write(string, string)"/>
    public string Write(string name, ReadOnlySpan<byte> content)
    {
        string path = File(name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        System.IO.File.WriteAllBytes(path, content);
        return path;
    }

    /// <summary>A writable copy of another folder; returns its path.</summary>
    public string Copy(string folder)
    {
        string copy = File(System.IO.Path.GetFileName(folder) + "-" + Guid.NewGuid().ToString("N")[..8]);
        foreach (string source in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
        {
            string target = System.IO.Path.Combine(copy, System.IO.Path.GetRelativePath(folder, source));
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(target)!);
            System.IO.File.WriteAllBytes(target, System.IO.File.ReadAllBytes(source));
        }

        return copy;
    }

    /// <summary>Every file below the folder by its relative path, hidden and temporary ones included.</summary>
    public string[] Files()
    {
        IEnumerable<string> files = Directory.GetFiles(Path, "*", SearchOption.AllDirectories);
        return [.. files.Select(path => System.IO.Path.GetRelativePath(Path, path)).Order(StringComparer.Ordinal)];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
