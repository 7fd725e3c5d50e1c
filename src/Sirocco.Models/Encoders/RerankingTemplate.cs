using System.Text.RegularExpressions;

namespace Sirocco.Models;

/// <summary>
/// The prompt of a reranker exported by NeMo AutoModel: its <c>additional_chat_templates/reranking.jinja</c> always ends in
/// <c>"START" + "PROMPT".format(query=…, passage=…) + "END"</c>, of which PROMPT is wanted; the tokenizer adds START and END itself.
/// </summary>
internal static partial class RerankingTemplate
{
    private const int LongestFile = 1 << 16;

    /// <summary>The prompt with <c>{query}</c> and <c>{passage}</c>; null where the folder has none of that form.</summary>
    public static string? Read(ModelFolder folder)
    {
        if (folder.Directory is null) return null;
        FileInfo file = new(Path.Combine(folder.Directory, "additional_chat_templates", "reranking.jinja"));
        if (!file.Exists || file.Length is 0 or > LongestFile) return null;
        Match match = Prompt().Match(File.ReadAllText(file.FullName));
        return match.Success
            ? Escape().Replace(match.Groups["prompt"].Value, escape => escape.Value[1] switch { 'n' => "\n", 't' => "\t", char other => other.ToString() })
            : null;
    }

    [GeneratedRegex("""
        "(?<prompt>(?:[^"\\]|\\.)*\{query\}(?:[^"\\]|\\.)*)"\.format\(query=
        """, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Prompt();

    [GeneratedRegex(@"\\[nt""'\\]", RegexOptions.CultureInvariant)]
    private static partial Regex Escape();
}
