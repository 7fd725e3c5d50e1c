using System.Security.Cryptography;
using System.Text;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// <c>SHA256SUMS</c> of a checkpoint: the digest of every file in it, in the form of coreutils, so that <c>sha256sum -c</c> checks it too. It is written last.
/// </summary>
internal static class CheckpointSums
{
    public const string FileName = "SHA256SUMS";

    private const int DigestDigits = 64;

    /// <summary>Digests of the files of a folder, except of this one and of hidden ones.</summary>
    public static void Write(string folder)
    {
        string[] files =
            [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file).Replace('\\', '/'))
            .Where(file => file != FileName && !Path.GetFileName(file).StartsWith('.')).Order(StringComparer.Ordinal)];
        StringBuilder lines = new();
        foreach (string file in files) lines.Append(Digest(Path.Combine(folder, file))).Append("  ").Append(file).Append('\n');
        AtomicFile.WriteAllText(Path.Combine(folder, FileName), lines.ToString());
    }

    /// <summary>
    /// What is wrong with a folder's files, or null. An export that somebody took away whole is missed by nobody: the run does not need it.
    /// </summary>
    public static string? Damage(string folder)
    {
        string sums = Path.Combine(folder, FileName);
        if (!File.Exists(sums)) return $"{sums} is missing";
        try
        {
            HashSet<string> listed = new(StringComparer.Ordinal);
            foreach (string line in File.ReadLines(sums))
            {
                if (line.Length < DigestDigits + 3 || !SafePath.IsInside(line[(DigestDigits + 2)..])) return $"{sums} is damaged";
                string relative = line[(DigestDigits + 2)..], file = Path.Combine(folder, relative);
                listed.Add(relative);
                if (relative.StartsWith(ModelArtifacts.ExportFolder + "/", StringComparison.Ordinal)
                    && !Directory.Exists(Path.Combine(folder, ModelArtifacts.ExportFolder))) continue;
                if (!File.Exists(file)) return $"{file} is missing";
                if (!line.StartsWith(Digest(file), StringComparison.Ordinal)) return $"{file} is not what was saved";
            }

            // A list that was cut off at the end of a line says nothing of what it lost.
            return RunCheckpoints.Needed.All(listed.Contains) ? null : $"{sums} is damaged";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    private static string Digest(string file)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
