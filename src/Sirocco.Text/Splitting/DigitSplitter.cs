using Sirocco.Text.Unicode;

namespace Sirocco.Text.Splitting;

/// <summary>Cuts at numbers (<see cref="CharacterClass.Numeral"/>): each digit alone, or runs of them.</summary>
internal sealed class DigitSplitter(bool individually) : TextSplitter
{
    public override int Next(ReadOnlySpan<byte> text, int start)
    {
        bool first = IsNumber(text, start, out int size);
        int at = start + size;
        if (first && individually) return at;
        while (at < text.Length && IsNumber(text, at, out size) == first) at += size;
        return at;
    }

    private static bool IsNumber(ReadOnlySpan<byte> text, int index, out int size) =>
        (CharacterClasses.Of(Utf8Text.Decode(text, index, out size)) & CharacterClass.Numeral) != 0;
}
