using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Sirocco.Formats;

/// <summary>A model on the hub: <c>org/name</c>, optionally <c>@revision</c> (a branch, a tag or a commit).</summary>
/// <param name="Repository">Organisation and name.</param>
/// <param name="Revision">A branch, tag or commit; <c>main</c> where none was given.</param>
public sealed partial record HubModelId(string Repository, string Revision = "main")
{
    /// <summary>Whether it is a data set, which the hub keeps apart from models.</summary>
    public bool IsDataset { get; init; }

    /// <summary>The hub's word for repositories of this kind.</summary>
    internal string Kind => IsDataset ? "datasets" : "models";

    /// <summary>Reads <c>org/name[@revision]</c>; false for anything else, such as a path.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out HubModelId? id)
    {
        id = null;
        Match match = Form().Match(text);
        if (!match.Success) return false;
        string repository = match.Groups["repository"].Value, revision = match.Groups["revision"].Success ? match.Groups["revision"].Value : "main";
        // The hub's own rule for names; it also keeps them apart in the cache, where "/" becomes "--".
        if (repository.Contains("--", StringComparison.Ordinal) || repository.Contains("..", StringComparison.Ordinal) || !SafePath.IsInside(repository)
            || !SafePath.IsInside(revision)) return false;
        id = new HubModelId(repository, revision);
        return true;
    }

    /// <summary><c>org/name@revision</c>, without the revision where it is <c>main</c>.</summary>
    public override string ToString() => Revision == "main" ? Repository : $"{Repository}@{Revision}";

    internal bool IsCommit => Revision.Length == 40 && Revision.All(char.IsAsciiHexDigitLower);

    [GeneratedRegex(
        @"^(?<repository>[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95})(@(?<revision>[A-Za-z0-9._/-]{1,128}))?\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex Form();
}
