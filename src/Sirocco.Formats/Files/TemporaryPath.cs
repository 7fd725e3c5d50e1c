using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Sirocco.Formats;

/// <summary>Names of files and folders that exist only until they are renamed, and what happens to them when their process ends before.</summary>
internal static class TemporaryPath
{
    private const string Suffix = ".partial";
    private const int RandomDigits = 12;
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789abcdef");

    // File systems limit a name to 255 bytes: of a long name the beginning is kept, and a digest that tells it from others with that beginning.
    private const int LongestName = 60, KeptOfLongName = 40, DigestDigits = 16;

    // What this process is making. Environment.Exit while another thread writes skips that thread's finally blocks; this list lets the exit remove what they
    // would have removed.
    private static readonly ConcurrentDictionary<string, byte> Pending = new(StringComparer.Ordinal);

    static TemporaryPath() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (string path in Pending.Keys)
        {
            TryDeleteFile(path);
            TryDeleteFolder(path);
        }
    };

    /// <summary>A fresh name in the folder of <paramref name="fullPath"/>, hidden and recognisable: <c>.model.safetensors.4f2c….partial</c>.</summary>
    internal static string Beside(string fullPath)
    {
        string folder = Path.GetDirectoryName(fullPath) ?? throw new IOException($"{fullPath}: is the root of a drive; name a file inside it");
        return Path.Combine(folder, $"{Prefix(fullPath)}{Guid.NewGuid().ToString("N")[..RandomDigits]}{Suffix}");
    }

    /// <summary>What lies under names that <see cref="Beside"/> gives for this target; nothing where the folder may not be listed.</summary>
    internal static string[] Others(string fullPath)
    {
        try
        {
            string folder = Path.GetDirectoryName(fullPath)!;
            return [.. Directory.EnumerateFileSystemEntries(folder, "*" + Suffix).Where(path => IsOf(fullPath, path))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static bool IsOf(string fullPath, string path)
    {
        string name = Path.GetFileName(path), prefix = Prefix(fullPath);
        return name.Length == prefix.Length + RandomDigits + Suffix.Length && name.StartsWith(prefix, StringComparison.Ordinal)
            && name.EndsWith(Suffix, StringComparison.Ordinal)
            && name.AsSpan(prefix.Length, RandomDigits).IndexOfAnyExcept(Digits) < 0;
    }

    /// <summary>If the process exits before <see cref="Forget"/>, the path is removed.</summary>
    internal static void RemoveAtExit(string path) => Pending[path] = 0;

    /// <summary>The path is finished or removed.</summary>
    internal static void Forget(string path) => Pending.TryRemove(path, out _);

    /// <summary>
    /// Removes a file that a killed process left, and only then: whoever still writes it has it locked. Not where the file system keeps no locks, which
    /// <paramref name="held"/>, a file that this process has open for writing, shows.
    /// </summary>
    internal static bool TryDeleteAbandoned(string path, string held)
    {
        if (CanLock(held, FileOptions.None)) return false;
        return new FileInfo(path) is { Exists: true, LinkTarget: null } && CanLock(path, FileOptions.DeleteOnClose);
    }

    /// <summary>Removes a leftover if the system lets it; the error that led here is the one worth reporting.</summary>
    internal static void TryDeleteFile(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }
    }

    /// <summary>As <see cref="TryDeleteFile"/>, with everything in it.</summary>
    internal static void TryDeleteFolder(string path)
    {
        try
        {
            if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }
    }

    private static string Prefix(string fullPath)
    {
        string name = Path.GetFileName(fullPath);
        if (name.Length > LongestName) name = name[..KeptOfLongName] + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..DigestDigits];
        return $".{name}.";
    }

    private static bool CanLock(string path, FileOptions options)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1, options);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
