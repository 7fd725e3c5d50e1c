namespace Sirocco.EndToEnd;

/// <summary>A folder with a space in its name that disappears with the test.</summary>
public sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Root = Directory.CreateTempSubdirectory("sirocco test ").FullName;

    public string Root { get; }

    public string this[string name] => Path.Combine(Root, name);

    public string Write(string name, string content)
    {
        File.WriteAllText(this[name], content);
        return this[name];
    }

    public string Write(string name, byte[] content)
    {
        File.WriteAllBytes(this[name], content);
        return this[name];
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
