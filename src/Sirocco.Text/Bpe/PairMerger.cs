using System.Buffers;

namespace Sirocco.Text.Bpe;

/// <summary>
/// Byte-pair encoding of one piece: as long as neighbours may merge, the pair of lowest rank does, the leftmost on a tie. Short pieces search the array of
/// ranks anew for each merge (quadratic, but within a cache line or two); long ones keep a heap over a linked list, O(n log n).
/// </summary>
internal static class PairMerger
{
    /// <summary>Symbols up to which searching beats the heap.</summary>
    private const int LongestScan = 96;

    /// <summary>Merges in place and returns the number of tokens left.</summary>
    /// <param name="ranks">The vocabulary's merges.</param>
    /// <param name="piece">Bytes of the piece, where <paramref name="ranks"/> looks at them.</param>
    /// <param name="bytePairs">The merges of single bytes, where each initial token is one byte; else null.</param>
    /// <param name="ids">Initial tokens; afterwards the result.</param>
    /// <param name="lengths">Bytes of each, all together those of the piece; afterwards those of the result.</param>
    public static int Merge<TRanks>(TRanks ranks, BytePairTable? bytePairs, ReadOnlySpan<byte> piece, Span<int> ids, Span<int> lengths)
        where TRanks : struct, IPairRanks =>
        ids.Length <= LongestScan ? MergeByScan(ranks, bytePairs, piece, ids, lengths) : MergeByHeap(ranks, piece, ids, lengths);

    private struct Symbol
    {
        public int Id;
        public int Start;
        public int Length;
        public int Rank;   // of the merge with the next symbol; int.MaxValue: none
        public int Merged; // what that merge makes
    }

    private static int MergeByScan<TRanks>(TRanks ranks, BytePairTable? bytePairs, ReadOnlySpan<byte> piece, Span<int> ids, Span<int> lengths)
        where TRanks : struct, IPairRanks
    {
        int count = ids.Length;
        Span<Symbol> symbols = stackalloc Symbol[LongestScan];
        for (int i = 0, at = 0; i < count; at += lengths[i++]) symbols[i] = new Symbol { Id = ids[i], Start = at, Length = lengths[i], Rank = int.MaxValue };
        for (int i = 0; i + 1 < count; i++)
        {
            if (bytePairs is null) Rank(ranks, piece, symbols, i);
            else (symbols[i].Rank, symbols[i].Merged) = bytePairs.Get(piece[i], piece[i + 1]);
        }
        while (true)
        {
            int best = 0, lowest = int.MaxValue;
            for (int i = 0; i < count - 1; i++)
            {
                if (symbols[i].Rank < lowest) (lowest, best) = (symbols[i].Rank, i);
            }
            if (lowest == int.MaxValue) break;

            symbols[best].Id = symbols[best].Merged;
            symbols[best].Length += symbols[best + 1].Length;
            symbols[(best + 2)..count].CopyTo(symbols[(best + 1)..]);
            count--;
            if (best > 0) Rank(ranks, piece, symbols, best - 1);
            if (best + 1 < count) Rank(ranks, piece, symbols, best);
        }
        for (int i = 0; i < count; i++) (ids[i], lengths[i]) = (symbols[i].Id, symbols[i].Length);
        return count;
    }

    private static void Rank<TRanks>(TRanks ranks, ReadOnlySpan<byte> piece, Span<Symbol> symbols, int index)
        where TRanks : struct, IPairRanks
    {
        ref Symbol left = ref symbols[index];
        ref Symbol right = ref symbols[index + 1];
        left.Rank = ranks.TryGet(piece, left.Start, left.Length + right.Length, left.Id, right.Id, out int rank, out left.Merged) ? rank : int.MaxValue;
    }

    private static int MergeByHeap<TRanks>(TRanks ranks, ReadOnlySpan<byte> piece, Span<int> ids, Span<int> lengths)
        where TRanks : struct, IPairRanks
    {
        int count = ids.Length;
        int[] starts = ArrayPool<int>.Shared.Rent(count), next = ArrayPool<int>.Shared.Rent(count), previous = ArrayPool<int>.Shared.Rent(count);
        int[] pairRanks = ArrayPool<int>.Shared.Rent(count), results = ArrayPool<int>.Shared.Rent(count);
        try
        {
            // Rank in the high half, position in the low: the order of merging. An entry whose rank is no longer its pair's is stale.
            List<(int Element, ulong Priority)> initial = [];
            for (int i = 0, at = 0; i < count; at += lengths[i++])
            {
                starts[i] = at;
                next[i] = i + 1 < count ? i + 1 : -1;
                previous[i] = i - 1;
                pairRanks[i] = int.MaxValue;
            }
            for (int i = 0; i + 1 < count; i++)
            {
                if (!ranks.TryGet(piece, starts[i], lengths[i] + lengths[i + 1], ids[i], ids[i + 1], out int rank, out results[i])) continue;
                pairRanks[i] = rank;
                initial.Add((i, Priority(rank, i)));
            }
            PriorityQueue<int, ulong> queue = new(initial);
            while (queue.TryDequeue(out int at, out ulong priority))
            {
                if (pairRanks[at] == int.MaxValue || Priority(pairRanks[at], at) != priority) continue;
                int right = next[at];
                ids[at] = results[at];
                lengths[at] += lengths[right];
                next[at] = next[right];
                pairRanks[right] = int.MaxValue;
                if (next[at] >= 0) previous[next[at]] = at;
                if (previous[at] >= 0) Update(previous[at], ids, lengths, piece);
                Update(at, ids, lengths, piece);
            }

            int kept = 0;
            for (int i = 0; i >= 0; i = next[i])
            {
                (ids[kept], lengths[kept]) = (ids[i], lengths[i]);
                kept++;
            }
            return kept;

            void Update(int pair, Span<int> ids, Span<int> lengths, ReadOnlySpan<byte> piece)
            {
                pairRanks[pair] = int.MaxValue;
                int right = next[pair];
                if (right < 0) return;
                if (!ranks.TryGet(piece, starts[pair], lengths[pair] + lengths[right], ids[pair], ids[right], out int rank, out results[pair])) return;
                pairRanks[pair] = rank;
                queue.Enqueue(pair, Priority(rank, pair));
            }
        }
        finally
        {
            ArrayPool<int>.Shared.Return(starts);
            ArrayPool<int>.Shared.Return(next);
            ArrayPool<int>.Shared.Return(previous);
            ArrayPool<int>.Shared.Return(pairRanks);
            ArrayPool<int>.Shared.Return(results);
        }
    }

    private static ulong Priority(int rank, int position) => ((ulong)(uint)rank << 32) | (uint)position;
}
