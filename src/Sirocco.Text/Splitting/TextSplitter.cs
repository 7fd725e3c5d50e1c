namespace Sirocco.Text.Splitting;

/// <summary>Cuts a text into pieces that cover it: every byte belongs to exactly one piece and order is kept.</summary>
internal abstract class TextSplitter
{
    /// <summary>End of the piece that starts at <paramref name="start"/>; greater than it, at most the length of <paramref name="text"/>.</summary>
    /// <param name="text">Well-formed UTF-8; its start and end are the start and end of the text for look-around.</param>
    /// <param name="start">Where the piece starts: 0 or the end of an earlier piece; less than the length.</param>
    public abstract int Next(ReadOnlySpan<byte> text, int start);
}
