using System.Security.Cryptography;
using System.Text;

namespace Sirocco.Training;

/// <summary>What a file or folder held.</summary>
/// <param name="Files">How many files.</param>
/// <param name="Bytes">Their length together.</param>
/// <param name="Sha256">
/// Of a file its hash; of a folder the hash of the lines <c>HASH␣␣PATH</c>, as sha256sum prints them for all files by the order of their paths:
/// <c>find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum</c>.
/// </param>
internal sealed record DataFingerprint(int Files, long Bytes, string Sha256)
{
    /// <summary>Null where nothing local has that name.</summary>
    public static DataFingerprint? Of(string path)
    {
        if (File.Exists(path)) return new DataFingerprint(1, new FileInfo(path).Length, Hash(path));
        if (!Directory.Exists(path)) return null;
        StringBuilder lines = new();
        int files = 0;
        long bytes = 0;
        foreach (string name in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(path, file).Replace('\\', '/')).Order(StringComparer.Ordinal))
        {
            string file = Path.Combine(path, name);
            lines.Append(Hash(file)).Append("  ").Append(name).Append('\n');
            files++;
            bytes += new FileInfo(file).Length;
        }

        return new DataFingerprint(files, bytes, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString()))));
    }

    private static string Hash(string file)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
