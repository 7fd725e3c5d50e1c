namespace Sirocco.Text.Bpe;

/// <summary>The merges of all pairs of single bytes, by direct index: half of the look-ups that a piece needs are among them.</summary>
internal sealed class BytePairTable
{
    private readonly ulong[] pairs = new ulong[1 << 16];

    public static BytePairTable Make<TRanks>(TRanks ranks, ReadOnlySpan<int> byteIds)
        where TRanks : struct, IPairRanks
    {
        BytePairTable table = new();
        Span<byte> piece = stackalloc byte[2];
        for (int pair = 0; pair < 1 << 16; pair++)
        {
            (piece[0], piece[1]) = ((byte)(pair >> 8), (byte)pair);
            bool found = ranks.TryGet(piece, 0, 2, byteIds[piece[0]], byteIds[piece[1]], out int rank, out int merged);
            table.pairs[pair] = ((ulong)(uint)(found ? rank : int.MaxValue) << 32) | (uint)merged;
        }
        return table;
    }

    /// <summary>Rank (<see cref="int.MaxValue"/>: no merge) and result.</summary>
    public (int Rank, int Merged) Get(byte left, byte right)
    {
        ulong pair = pairs[(left << 8) | right];
        return ((int)(pair >> 32), (int)pair);
    }
}
