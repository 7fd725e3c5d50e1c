using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Sirocco.Formats;

/// <summary>The hashes by which the hub names blobs: sha256 of large (LFS) files, git's sha1 of small ones.</summary>
internal static class HubHash
{
    /// <summary>Whether a tag is safe as a file name; hashes are.</summary>
    internal static bool IsTag(string tag) => tag.Length is > 0 and <= 128 && tag.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');

    /// <summary>Whether the whole stream has the hash; tags that are no hash (of mirrors) cannot be checked and pass.</summary>
    internal static async Task<bool> MatchesAsync(Stream stream, string expected, CancellationToken cancellation)
    {
        if (expected.Length is not (40 or 64) || !expected.All(char.IsAsciiHexDigit)) return true;
        using var hash = IncrementalHash.CreateHash(expected.Length == 64 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        if (expected.Length == 40) hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {stream.Length}\0")));
        stream.Position = 0;
        byte[] buffer = new byte[1 << 20];
        for (int read; (read = await stream.ReadAsync(buffer, cancellation).ConfigureAwait(false)) > 0;) hash.AppendData(buffer, 0, read);
        return Convert.ToHexString(hash.GetHashAndReset()).Equals(expected, StringComparison.OrdinalIgnoreCase);
    }
}
