using System.Buffers;

namespace Sirocco.Text.Bpe;

/// <summary>What byte-pair encoding asks of a vocabulary: may these two neighbours merge, how early, and into what.</summary>
internal interface IPairRanks
{
    /// <param name="piece">The whole piece.</param>
    /// <param name="start">Where the left token starts in it.</param>
    /// <param name="length">Bytes of both tokens together.</param>
    /// <param name="left">Id of the left token.</param>
    /// <param name="right">Id of the right token.</param>
    /// <param name="rank">Lower merges first.</param>
    /// <param name="merged">Id of the token that they become.</param>
    bool TryGet(ReadOnlySpan<byte> piece, int start, int length, int left, int right, out int rank, out int merged);
}

/// <summary>Merge order by the id of the result: vocabularies whose ids are ranks (Tekken, tiktoken).</summary>
internal readonly struct RanksByToken(TokenTable tokens) : IPairRanks
{
    public bool TryGet(ReadOnlySpan<byte> piece, int start, int length, int left, int right, out int rank, out int merged)
    {
        rank = merged = tokens.Find(piece.Slice(start, length));
        return merged >= 0;
    }
}

/// <summary>Merge order by an explicit list (tokenizer.json, GGUF).</summary>
internal readonly struct RanksByMerge(MergeTable merges) : IPairRanks
{
    public bool TryGet(ReadOnlySpan<byte> piece, int start, int length, int left, int right, out int rank, out int merged) =>
        merges.TryGet(left, right, out rank, out merged);
}

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
    /// <param name="ids">Initial tokens; afterwards the result.</param>
    /// <param name="lengths">Bytes of each, all together those of the piece; afterwards those of the result.</param>
    public static int Merge<TRanks>(TRanks ranks, ReadOnlySpan<byte> piece, Span<int> ids, Span<int> lengths)
        where TRanks : struct, IPairRanks =>
        ids.Length <= LongestScan ? MergeByScan(ranks, piece, ids, lengths) : MergeByHeap(ranks, piece, ids, lengths);

    private static int MergeByScan<TRanks>(TRanks ranks, ReadOnlySpan<byte> piece, Span<int> ids, Span<int> lengths)
        where TRanks : struct, IPairRanks
    {
        int count = ids.Length;
        Span<int> starts = stackalloc int[LongestScan + 1];
        Span<int> pairRanks = stackalloc int[LongestScan + 1];
        Span<int> results = stackalloc int[LongestScan + 1];
        for (int i = 0, at = 0; i < count; at += lengths[i++]) starts[i] = at;
        for (int i = 0; i + 1 < count; i++) Rank(ranks, piece, ids, lengths, starts, pairRanks, results, i);
        while (count > 1)
        {
            int best = 0, lowest = int.MaxValue;
            for (int i = 0; i < count - 1; i++)
            {
                if (pairRanks[i] < lowest)
                {
                    lowest = pairRanks[i];
                    best = i;
                }
            }
            if (lowest == int.MaxValue) break;

            ids[best] = results[best];
            lengths[best] += lengths[best + 1];
            count--;
            ids[(best + 2)..(count + 1)].CopyTo(ids[(best + 1)..]);
            lengths[(best + 2)..(count + 1)].CopyTo(lengths[(best + 1)..]);
            starts[(best + 2)..(count + 1)].CopyTo(starts[(best + 1)..]);
            pairRanks[(best + 2)..(count + 1)].CopyTo(pairRanks[(best + 1)..]);
            results[(best + 2)..(count + 1)].CopyTo(results[(best + 1)..]);
            if (best > 0) Rank(ranks, piece, ids, lengths, starts, pairRanks, results, best - 1);
            if (best + 1 < count) Rank(ranks, piece, ids, lengths, starts, pairRanks, results, best);
        }
        return count;
    }

    private static void Rank<TRanks>(
        TRanks ranks, ReadOnlySpan<byte> piece, Span<int> ids, Span<int> lengths, Span<int> starts, Span<int> pairRanks, Span<int> results, int index)
        where TRanks : struct, IPairRanks
    {
        bool found = ranks.TryGet(piece, starts[index], lengths[index] + lengths[index + 1], ids[index], ids[index + 1], out int rank, out results[index]);
        pairRanks[index] = found ? rank : int.MaxValue;
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
