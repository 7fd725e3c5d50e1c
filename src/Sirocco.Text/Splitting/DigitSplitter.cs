using System.Buffers;
using Sirocco.Text.Unicode;

namespace Sirocco.Text.Splitting;

/// <summary>Cuts at numbers (<c>\p{N}</c>): each digit alone, or runs of them.</summary>
internal sealed class DigitSplitter(bool individually) : TextSplitter
{
    private static readonly SearchValues<byte> Stops =
        SearchValues.Create([.. "0123456789"u8, .. Enumerable.Range(0x80, 0x80).Select(value => (byte)value).ToArray()]);

    public override int Next(ReadOnlySpan<byte> text, int start)
    {
        bool first = IsNumber(text, start, out int size);
        int at = start + size;
        if (first && individually) return at;
        if (!first) at = SkipPlain(text, at);
        while (at < text.Length && IsNumber(text, at, out size) == first)
        {
            at += size;
            if (!first) at = SkipPlain(text, at);
        }
        return at;
    }

    /// <summary>Steps over ASCII that is no digit, with vector instructions.</summary>
    private static int SkipPlain(ReadOnlySpan<byte> text, int from)
    {
        int found = text[from..].IndexOfAny(Stops);
        return found < 0 ? text.Length : from + found;
    }

    private static bool IsNumber(ReadOnlySpan<byte> text, int index, out int size) =>
        (CharacterClasses.Of(Utf8Text.Decode(text, index, out size)) & CharacterClass.Number) != 0;
}
