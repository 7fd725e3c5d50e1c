using System.Text.RegularExpressions;

namespace Sirocco.Training;

/// <summary>
/// Puts environment variables into text: <c>${NAME}</c>, <c>${NAME,default}</c>, <c>${oc.env:NAME}</c>, <c>${oc.env:NAME,default}</c> and <c>$NAME</c>.
/// </summary>
internal static partial class EnvironmentValues
{
    /// <summary>Text with every variable replaced.</summary>
    /// <param name="text">as written</param>
    /// <param name="lookUp">a variable's value, or null where it is not set</param>
    /// <param name="used">receives the variables that the text names</param>
    /// <param name="unset">the first variable that has neither value nor default, or null</param>
    public static string Expand(string text, Func<string, string?> lookUp, List<string> used, out string? unset)
    {
        string? missing = null;
        string expanded = !text.Contains('$', StringComparison.Ordinal) ? text : Variable().Replace(text, match =>
        {
            string name = match.Groups["name"].Value;
            used.Add(name);
            if (lookUp(name) is { } value) return value;
            if (match.Groups["default"].Success) return match.Groups["default"].Value;
            missing ??= name;
            return match.Value;
        });
        unset = missing;
        return expanded;
    }

    [GeneratedRegex(@"\$\{(?:oc\.env:)?\s*(?<name>[A-Za-z_][A-Za-z0-9_.]*)\s*(?:,(?<default>[^}]*))?\}|\$(?<name>[A-Za-z_][A-Za-z0-9_]*)")]
    private static partial Regex Variable();
}
