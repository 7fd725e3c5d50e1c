using System.Runtime.CompilerServices;

namespace Sirocco.Formats;

/// <summary>The sequences of a Zstandard block (RFC 8878, sections 3.1.1.3.2 to 3.1.1.5): so many literals, then a match, over and over.</summary>
internal sealed unsafe class SequenceDecoder
{
    private static readonly CodeTable LengthCodes = new(36,
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096,
            8192, 16384, 32768, 65536],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);

    private static readonly CodeTable MatchCodes = new(53,
        [.. Enumerable.Range(3, 32).Select(n => (uint)n), 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099,
            8195, 16387, 32771, 65539],
        [.. new byte[32], 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);

    private static readonly CodeTable OffsetCodes = new(
        32, [.. Enumerable.Range(0, 32).Select(n => 1u << n)], [.. Enumerable.Range(0, 32).Select(n => (byte)n)]);

    private readonly Section lengths = new(LengthCodes, 9, 6,
        [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1]);

    private readonly Section offsets = new(OffsetCodes, 8, 5, [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1]);

    private readonly Section matches = new(MatchCodes, 9, 6,
        [1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1,
            -1, -1, -1, -1, -1, -1]);

    // The three distances used last.
    private nuint recent1, recent2, recent3;

    /// <summary>A frame starts.</summary>
    internal void Reset()
    {
        (recent1, recent2, recent3) = (1, 4, 8);
        lengths.Current = offsets.Current = matches.Current = null;
    }

    /// <summary>Writes one block.</summary>
    /// <param name="source">The sequences section.</param>
    /// <param name="literals">The block's literals, with 32 bytes of room behind.</param>
    /// <param name="literalCount">How many there are.</param>
    /// <param name="output">The start of the frame's output.</param>
    /// <param name="written">Bytes of it that are there.</param>
    /// <param name="capacity">Bytes that it may have.</param>
    /// <returns>Bytes that are there now.</returns>
    internal int Run(ReadOnlySpan<byte> source, byte* literals, int literalCount, byte* output, int written, int capacity)
    {
        int count = ReadHeader(ref source);
        byte* to = output + written, end = output + capacity, literalEnd = literals + literalCount;
        if (count > 0)
        {
            fixed (byte* from = source)
            fixed (FiniteState* lengthStates = lengths.Current!.States, offsetStates = offsets.Current!.States, matchStates = matches.Current!.States)
            {
                var bits = new BackwardBits(from, source.Length);
                nuint length = (nuint)bits.Read(lengths.Current.Log), offset = (nuint)bits.Read(offsets.Current.Log),
                    match = (nuint)bits.Read(matches.Current.Log);
                nuint first = recent1, second = recent2, third = recent3;
                while (true)
                {
                    FiniteState forLength = lengthStates[length], forOffset = offsetStates[offset], forMatch = matchStates[match];
                    bits.Refill();
                    nuint distance = forOffset.Base + (nuint)bits.ReadFast(forOffset.ExtraBits);
                    nuint matchLength = forMatch.Base + (nuint)bits.ReadFast(forMatch.ExtraBits);
                    // Up to 42 bits follow: 16 of the length, 9 + 9 + 8 of the states.
                    if (bits.Used > 22) bits.Refill();
                    nuint literalLength = forLength.Base + (nuint)bits.ReadFast(forLength.ExtraBits);

                    if (distance > 3)
                    {
                        distance -= 3;
                        (third, second, first) = (second, first, distance);
                    }
                    else
                    {
                        // 1 to 3 name recent distances, counted from the second where no literals come before.
                        nuint which = literalLength == 0 ? distance + 1 : distance;
                        distance = which switch { 1 => first, 2 => second, 3 => third, _ => first - 1 };
                        if (which >= 3) third = second;
                        if (which >= 2) (second, first) = (first, distance);
                    }

                    if (literalLength > (nuint)(literalEnd - literals) || literalLength + matchLength > (nuint)(end - to)) throw Damaged();
                    if (literalLength <= 16 && end - to >= 16) MatchCopy.Literals(literals, literalEnd + 32, to, end, literalLength);
                    else Unsafe.CopyBlockUnaligned(to, literals, (uint)literalLength);
                    literals += literalLength;
                    to += literalLength;
                    if (distance == 0 || distance > (nuint)(to - output)) throw Damaged();
                    MatchCopy.Copy(to, distance, matchLength, end);
                    to += matchLength;

                    if (--count == 0) break;
                    length = forLength.Next + (nuint)bits.ReadFast(forLength.StateBits);
                    match = forMatch.Next + (nuint)bits.ReadFast(forMatch.StateBits);
                    offset = forOffset.Next + (nuint)bits.ReadFast(forOffset.StateBits);
                }
                bits.Refill();
                if (!bits.IsFinished) throw Damaged();
                (recent1, recent2, recent3) = (first, second, third);
            }
        }
        uint rest = (uint)(literalEnd - literals);
        if (rest > end - to) throw Damaged();
        Unsafe.CopyBlockUnaligned(to, literals, rest);
        return (int)(to + rest - output);
    }

    private int ReadHeader(ref ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty) throw Damaged();
        int count = source[0], read = 1;
        if (count == 0)
        {
            if (source.Length > 1) throw Damaged();
            return 0;
        }
        if (count >= 128)
        {
            read = count == 255 ? 3 : 2;
            if (source.Length < read) throw Damaged();
            count = count == 255 ? source[1] + (source[2] << 8) + 0x7F00 : ((count - 128) << 8) + source[1];
        }
        if (source.Length <= read) throw Damaged();
        int modes = source[read++];
        if ((modes & 3) != 0) throw Damaged();
        source = source[read..];
        lengths.Choose(modes >> 6, ref source);
        offsets.Choose((modes >> 4) & 3, ref source);
        matches.Choose((modes >> 2) & 3, ref source);
        return count;
    }

    private static InvalidDataException Damaged() => new("Zstandard block has damaged sequences");

    /// <summary>One of the three tables: the standard one, one of its own, or that of the block before.</summary>
    private sealed class Section
    {
        private readonly CodeTable codes;
        private readonly FiniteStateTable standard, own;

        internal Section(CodeTable codes, int largestLog, int standardLog, short[] probabilities)
        {
            this.codes = codes;
            standard = new FiniteStateTable(standardLog);
            standard.Build(probabilities, standardLog, codes);
            own = new FiniteStateTable(largestLog);
        }

        internal FiniteStateTable? Current { get; set; }

        internal void Choose(int mode, ref ReadOnlySpan<byte> source)
        {
            switch (mode)
            {
                case 0:
                    Current = standard;
                    break;
                case 1:
                    if (source.IsEmpty) throw Damaged();
                    own.BuildSingle(source[0], codes);
                    source = source[1..];
                    Current = own;
                    break;
                case 2:
                    source = source[own.ReadAndBuild(source, codes)..];
                    Current = own;
                    break;
                default:
                    if (Current is null) throw Damaged();
                    break;
            }
        }
    }
}
