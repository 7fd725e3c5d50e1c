using System.Runtime.CompilerServices;

namespace Sirocco.Formats;

/// <summary>The raw Snappy format (google/snappy, format_description.txt): a length, then literals and copies.</summary>
internal static unsafe class Snappy
{
    /// <summary>No element makes more of its bytes than a copy of 64 bytes said in 3.</summary>
    internal const int HighestRatio = 22;

    /// <summary>Fills <paramref name="destination"/>, whose length is the known length of the content.</summary>
    /// <exception cref="InvalidDataException">The bytes are not Snappy, or not of that length; the message names no file.</exception>
    internal static void Decompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        int start = ReadLength(source, out uint length);
        if (length != (uint)destination.Length) throw new InvalidDataException($"Snappy data of {length} bytes where {destination.Length} are expected");
        fixed (byte* first = source, output = destination)
        {
            byte* from = first + start, fromEnd = first + source.Length, to = output, end = output + destination.Length;
            while (from < fromEnd)
            {
                uint tag = *from++;
                if ((tag & 3) == 0)
                {
                    nuint count = (tag >> 2) + 1;
                    if (count > 60)
                    {
                        int bytes = (int)count - 60;
                        if (fromEnd - from < bytes) throw Damaged(from - first);
                        uint value = 0;
                        for (int i = 0; i < bytes; i++) value |= (uint)from[i] << (8 * i);
                        count = (nuint)value + 1;
                        from += bytes;
                    }
                    if (count > (nuint)(fromEnd - from) || count > (nuint)(end - to)) throw Damaged(from - first);
                    MatchCopy.Literals(from, fromEnd, to, end, count);
                    from += count;
                    to += count;
                    continue;
                }

                nuint size = (tag >> 2) + 1, distance;
                switch (tag & 3)
                {
                    case 1:
                        if (fromEnd - from < 1) throw Damaged(from - first);
                        size = ((tag >> 2) & 7) + 4;
                        distance = (tag >> 5 << 8) | *from;
                        from += 1;
                        break;
                    case 2:
                        if (fromEnd - from < 2) throw Damaged(from - first);
                        distance = Unsafe.ReadUnaligned<ushort>(from);
                        from += 2;
                        break;
                    default:
                        if (fromEnd - from < 4) throw Damaged(from - first);
                        distance = Unsafe.ReadUnaligned<uint>(from);
                        from += 4;
                        break;
                }
                if (distance == 0 || distance > (nuint)(to - output) || size > (nuint)(end - to)) throw Damaged(from - first);
                MatchCopy.Copy(to, distance, size, end);
                to += size;
            }
            if (to != end) throw new InvalidDataException($"Snappy data ends after {to - output} of {length} bytes");
        }
    }

    private static int ReadLength(ReadOnlySpan<byte> source, out uint length)
    {
        ulong value = 0;
        for (int i = 0; i < Math.Min(5, source.Length); i++)
        {
            value |= (ulong)(source[i] & 0x7F) << (7 * i);
            if (source[i] >= 0x80) continue;
            length = value <= int.MaxValue ? (uint)value : throw new InvalidDataException($"Snappy data claims {value} bytes");
            return i + 1;
        }
        throw new InvalidDataException("Snappy data does not start with a length");
    }

    private static InvalidDataException Damaged(long at) => new($"Snappy data is damaged at its byte {at}");
}
