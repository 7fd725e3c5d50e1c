using System.Globalization;
using Sirocco.Cli.Frame;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs;

/// <summary>Search results for a person: score, id, and the beginning of the text on one line each.</summary>
internal static class SearchListing
{
    public static void Write(Terminal terminal, string query, IReadOnlyList<SearchHit> hits)
    {
        TextWriter output = terminal.OutputWriter;
        (string strong, string faint, string plain) = terminal.Color ? ("\u001b[1m", "\u001b[2m", "\u001b[0m") : ("", "", "");
        output.WriteLine($"{strong}{Failure.OneLine(query)}{plain}");
        int width = Math.Min(32, hits.Count == 0 ? 0 : hits.Max(hit => hit.Id.Length));
        foreach (SearchHit hit in hits)
        {
            string id = Failure.OneLine(hit.Id);
            string line = string.Create(CultureInfo.InvariantCulture, $"  {hit.Score,7:0.0000}  {Cut(id, width).PadRight(width)}  ");
            output.WriteLine($"{line}{faint}{Cut(Failure.OneLine(hit.Text), Math.Max(20, Terminal.Width - line.Length - 1))}{plain}");
        }

        if (hits.Count == 0) output.WriteLine("  nothing found: the index is empty");
        output.WriteLine();
    }

    private static string Cut(string text, int width)
    {
        if (text.Length <= width) return text;
        int end = Math.Max(0, width - 1);
        if (end > 0 && char.IsHighSurrogate(text[end - 1])) end--;
        return text[..end] + "…";
    }
}
