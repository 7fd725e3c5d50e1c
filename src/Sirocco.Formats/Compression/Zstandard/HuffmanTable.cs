using System.Numerics;

namespace Sirocco.Formats;

/// <summary>The Huffman decoder of Zstandard's literals (RFC 8878, section 4.2).</summary>
internal sealed unsafe class HuffmanTable
{
    private const int LongestCode = 11;

    private readonly FiniteStateTable weightTable = new(6);

    // For each run of LongestCode bits: the symbol in the low byte, the length of its code in the high one.
    private readonly ushort[] entries = new ushort[1 << LongestCode];
    private int log;

    /// <summary>Whether an earlier block left a tree that a later one may use again.</summary>
    internal bool IsBuilt => log > 0;

    internal void Clear() => log = 0;

    /// <summary>Reads a tree.</summary>
    /// <returns>Bytes read.</returns>
    internal int ReadTree(ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty) throw new InvalidDataException("Zstandard literals end before their Huffman tree");
        Span<byte> weights = stackalloc byte[256];
        weights.Clear();
        int header = source[0], count, read;
        if (header >= 128)
        {
            count = header - 127;
            read = 1 + ((count + 1) / 2);
            if (read > source.Length) throw new InvalidDataException("Zstandard Huffman tree ends inside");
            for (int i = 0; i < count; i++) weights[i] = (byte)((i & 1) == 0 ? source[1 + (i / 2)] >> 4 : source[1 + (i / 2)] & 15);
        }
        else
        {
            read = 1 + header;
            if (read > source.Length) throw new InvalidDataException("Zstandard Huffman tree ends inside");
            count = ReadWeights(source[1..read], weights);
        }
        Build(weights, count);
        return read;
    }

    /// <summary>Decodes one stream into all of <paramref name="target"/>.</summary>
    internal void Decode(ReadOnlySpan<byte> source, Span<byte> target)
    {
        fixed (byte* from = source, to = target)
        fixed (ushort* table = entries)
        {
            var bits = new BackwardBits(from, source.Length);
            DecodeRest(ref bits, table, to, to + target.Length);
        }
    }

    /// <summary>Decodes four streams, whose first three lengths come first, into the quarters of <paramref name="target"/>.</summary>
    internal void DecodeFour(ReadOnlySpan<byte> source, Span<byte> target)
    {
        if (source.Length < 10) throw new InvalidDataException("Zstandard literals end inside");
        int first = source[0] | (source[1] << 8), second = source[2] | (source[3] << 8), third = source[4] | (source[5] << 8),
            fourth = source.Length - 6 - first - second - third;
        int quarter = (target.Length + 3) / 4;
        if (fourth < 1 || quarter * 3 > target.Length) throw new InvalidDataException("Zstandard literals have impossible stream lengths");
        fixed (byte* from = source, to = target)
        fixed (ushort* table = entries)
        {
            byte* from1 = from + 6, from2 = from1 + first, from3 = from2 + second, from4 = from3 + third;
            var a = new BackwardBits(from1, first);
            var b = new BackwardBits(from2, second);
            var c = new BackwardBits(from3, third);
            var d = new BackwardBits(from4, fourth);
            byte* to1 = to, to2 = to + quarter, to3 = to2 + quarter, to4 = to3 + quarter, end = to + target.Length;
            int shift = log;
            // Four independent chains hide each other's latency; five symbols of at most 11 bits fit one refill of 57.
            while (end - to4 >= 5 && a.IsFarFromStart && b.IsFarFromStart && c.IsFarFromStart && d.IsFarFromStart)
            {
                a.RefillFast();
                b.RefillFast();
                c.RefillFast();
                d.RefillFast();
                for (int i = 0; i < 5; i++)
                {
                    uint e1 = table[a.PeekFast(shift)], e2 = table[b.PeekFast(shift)], e3 = table[c.PeekFast(shift)], e4 = table[d.PeekFast(shift)];
                    to1[i] = (byte)e1;
                    to2[i] = (byte)e2;
                    to3[i] = (byte)e3;
                    to4[i] = (byte)e4;
                    a.Skip((int)(e1 >> 8));
                    b.Skip((int)(e2 >> 8));
                    c.Skip((int)(e3 >> 8));
                    d.Skip((int)(e4 >> 8));
                }
                to1 += 5;
                to2 += 5;
                to3 += 5;
                to4 += 5;
            }
            DecodeRest(ref a, table, to1, to + quarter);
            DecodeRest(ref b, table, to2, to + (2 * quarter));
            DecodeRest(ref c, table, to3, to + (3 * quarter));
            DecodeRest(ref d, table, to4, end);
        }
    }

    private void DecodeRest(ref BackwardBits stream, ushort* table, byte* to, byte* end)
    {
        BackwardBits bits = stream;
        int shift = log;
        while (to < end)
        {
            bits.Refill();
            uint entry = table[bits.Peek(shift)];
            *to++ = (byte)entry;
            bits.Skip((int)(entry >> 8));
        }
        bits.Refill();
        if (!bits.IsFinished) throw new InvalidDataException("Zstandard literals do not end where their stream ends");
    }

    private int ReadWeights(ReadOnlySpan<byte> source, Span<byte> weights)
    {
        int read = weightTable.ReadAndBuild(source, new CodeTable(LongestCode + 2, null, null));
        ReadOnlySpan<FiniteState> states = weightTable.States;
        fixed (byte* from = source)
        {
            var bits = new BackwardBits(from + read, source.Length - read);
            int one = (int)bits.Read(weightTable.Log), two = (int)bits.Read(weightTable.Log), count = 0;
            // Two states take turns until the bits run out; the state whose turn it then is gives the last weight.
            while (true)
            {
                if (count > 253) throw new InvalidDataException("Zstandard Huffman tree has too many weights");
                bits.Refill();
                FiniteState state = states[one];
                weights[count++] = (byte)state.Base;
                one = state.Next + (int)bits.Read(state.StateBits);
                if (bits.Overran)
                {
                    weights[count++] = (byte)states[two].Base;
                    return count;
                }
                (one, two) = (two, one);
            }
        }
    }

    private void Build(Span<byte> weights, int count)
    {
        Span<int> ranks = stackalloc int[LongestCode + 2];
        ranks.Clear();
        uint total = 0;
        for (int i = 0; i < count; i++)
        {
            int weight = weights[i];
            if (weight > LongestCode) throw new InvalidDataException("Zstandard Huffman tree has an impossible weight");
            if (weight > 0) total += 1u << (weight - 1);
        }
        if (total == 0) throw new InvalidDataException("Zstandard Huffman tree is empty");
        int bits = BitOperations.Log2(total) + 1;
        uint rest = (1u << bits) - total;
        // The last symbol's weight is what fills the tree.
        if (bits > LongestCode || !BitOperations.IsPow2(rest)) throw new InvalidDataException("Zstandard Huffman tree is not complete");
        weights[count++] = (byte)(BitOperations.Log2(rest) + 1);

        for (int i = 0; i < count; i++) ranks[weights[i]]++;
        int next = 0;
        Span<int> starts = stackalloc int[LongestCode + 2];
        for (int weight = 1; weight <= LongestCode + 1; weight++)
        {
            starts[weight] = next;
            next += ranks[weight] << (weight - 1);
        }
        for (int symbol = 0; symbol < count; symbol++)
        {
            int weight = weights[symbol];
            if (weight == 0) continue;
            int width = 1 << (weight - 1);
            entries.AsSpan(starts[weight], width).Fill((ushort)(symbol | ((bits + 1 - weight) << 8)));
            starts[weight] += width;
        }
        log = bits;
    }
}
