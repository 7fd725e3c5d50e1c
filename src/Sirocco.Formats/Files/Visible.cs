namespace Sirocco.Formats;

/// <summary>Text from outside as messages show it.</summary>
internal static class Visible
{
    /// <summary>At most 80 characters on one line.</summary>
    internal static string Short(string text) => OneLine(text.Length <= 80 ? text : text[..80] + "…");

    /// <summary>Control characters and broken surrogates replaced, so that a message stays one line on a terminal.</summary>
    internal static string OneLine(string text) =>
        text.Any(c => char.IsControl(c) || char.IsSurrogate(c))
            ? string.Concat(text.EnumerateRunes().Select(rune => System.Text.Rune.IsControl(rune) ? "\uFFFD" : rune.ToString()))
            : text;
}
