using System.Buffers;

namespace Sirocco.Formats;

/// <summary>Judges file names that come from outside (an index, a server) before they are joined to a folder.</summary>
internal static class SafePath
{
    // What Windows forbids in names; a model saved on Linux should open there too.
    private static readonly SearchValues<char> Forbidden = SearchValues.Create(":\\*?\"<>|");

    /// <summary>Whether <paramref name="relative"/> (forward slashes) names something inside the folder it is joined to, on every system.</summary>
    internal static bool IsInside(string relative)
    {
        if (relative.Length is 0 or > 1024 || relative.AsSpan().ContainsAny(Forbidden) || relative.Any(char.IsControl)) return false;
        foreach (string part in relative.Split('/'))
            if (part.Length == 0 || part is "." or ".." || part[^1] is '.' or ' ') return false;
        return true;
    }

    /// <summary>Whether <paramref name="name"/> is a plain file name without folders.</summary>
    internal static bool IsFileName(string name) => !name.Contains('/', StringComparison.Ordinal) && IsInside(name);
}
