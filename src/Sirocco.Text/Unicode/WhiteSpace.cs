namespace Sirocco.Text.Unicode;

/// <summary>Runs of White_Space at the ends of UTF-8 text.</summary>
internal static class WhiteSpace
{
    public static bool Is(int codePoint) => (CharacterClasses.Of(codePoint) & CharacterClass.Space) != 0;

    /// <summary>End of the white space that starts at <paramref name="from"/>.</summary>
    public static int SkipForward(ReadOnlySpan<byte> text, int from)
    {
        while (from < text.Length && Is(Utf8Text.Decode(text, from, out int size))) from += size;
        return from;
    }

    /// <summary>Start of the white space that ends at <paramref name="end"/>, not before <paramref name="limit"/>.</summary>
    public static int SkipBackward(ReadOnlySpan<byte> text, int end, int limit)
    {
        while (end > limit)
        {
            int previous = Utf8Text.Previous(text, end);
            if (!Is(Utf8Text.Decode(text, previous, out _))) break;
            end = previous;
        }
        return end;
    }
}
