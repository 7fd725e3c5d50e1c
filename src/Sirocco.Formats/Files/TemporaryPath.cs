namespace Sirocco.Formats;

/// <summary>Names of files and folders that exist only until they are renamed.</summary>
internal static class TemporaryPath
{
    /// <summary>A fresh name in the folder of <paramref name="fullPath"/>, hidden and recognisable: <c>.model.safetensors.4f2c….partial</c>.</summary>
    internal static string Beside(string fullPath)
    {
        string folder = Path.GetDirectoryName(fullPath) ?? throw new IOException($"{fullPath}: is the root of a drive; name a file inside it");
        string name = Path.GetFileName(fullPath);
        // File systems limit a name to 255 bytes; the suffix needs 15 characters more than the final name has.
        string kept = name.Length > 60 ? name[..60] : name;
        return Path.Combine(folder, $".{kept}.{Guid.NewGuid().ToString("N")[..12]}.partial");
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
}
