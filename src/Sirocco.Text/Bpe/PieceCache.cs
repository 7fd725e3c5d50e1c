namespace Sirocco.Text.Bpe;

/// <summary>
/// Remembers the tokens of short pieces. Direct-mapped, of fixed size and shared by threads without a lock: an entry is immutable and replaced whole, so a
/// reader sees an old entry or a new one, never half of each.
/// </summary>
internal sealed class PieceCache
{
    private sealed record Entry(ulong Fingerprint, byte[] Piece, int[] Ids);

    /// <summary>Longer pieces are rarely seen twice.</summary>
    public const int LongestPiece = 48;

    private const int Slots = 1 << 14;

    private readonly Entry?[] entries = new Entry?[Slots];

    public bool TryGet(ReadOnlySpan<byte> piece, ulong fingerprint, out ReadOnlySpan<int> ids)
    {
        Entry? entry = Volatile.Read(ref entries[Index(fingerprint)]);
        if (entry is not null && entry.Fingerprint == fingerprint && piece.SequenceEqual(entry.Piece))
        {
            ids = entry.Ids;
            return true;
        }
        ids = default;
        return false;
    }

    public void Set(ReadOnlySpan<byte> piece, ulong fingerprint, ReadOnlySpan<int> ids) =>
        Volatile.Write(ref entries[Index(fingerprint)], new Entry(fingerprint, piece.ToArray(), ids.ToArray()));

    private static int Index(ulong fingerprint) => (int)((fingerprint * 0xD6E8FEB86659FD93UL) >> (64 - 14));
}
