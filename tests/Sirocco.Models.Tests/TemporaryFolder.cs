namespace Sirocco.Models.Tests;

/// <summary>A folder of a test's own, removed with everything in it.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("sirocco-models-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>A writable copy of a folder.</summary>
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

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
