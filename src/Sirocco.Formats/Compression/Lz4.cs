using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Sirocco.Formats;

/// <summary>LZ4 (lz4_Block_format.md, lz4_Frame_format.md): bare blocks, frames, and the framing of Hadoop.</summary>
internal static unsafe class Lz4
{
    /// <summary>A byte of a length field stands for at most 255 bytes.</summary>
    internal const int HighestRatio = 256;

    private const uint FrameMagic = 0x184D2204;

    /// <summary>Fills <paramref name="destination"/> from one block.</summary>
    /// <exception cref="InvalidDataException">The bytes are damaged, or not of that length; the message names no file.</exception>
    internal static void DecompressBlock(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        int written = Block(source, destination, 0);
        if (written != destination.Length) throw new InvalidDataException($"LZ4 block of {written} bytes where {destination.Length} are expected");
    }

    /// <summary>
    /// The codec that Parquet files call LZ4 without "raw": blocks behind two big-endian lengths as Hadoop writes them, or, from other writers, a bare block.
    /// </summary>
    internal static void DecompressHadoop(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (!IsHadoop(source, destination.Length))
        {
            DecompressBlock(source, destination);
            return;
        }
        int written = 0;
        while (!source.IsEmpty)
        {
            int size = BinaryPrimitives.ReadInt32BigEndian(source), packed = BinaryPrimitives.ReadInt32BigEndian(source[4..]);
            DecompressBlock(source.Slice(8, packed), destination.Slice(written, size));
            written += size;
            source = source[(8 + packed)..];
        }
    }

    /// <summary>
    /// Fills <paramref name="destination"/> from one frame; checksums are stepped over, as the buffers that come as frames (Arrow) have their own checks.
    /// </summary>
    internal static void DecompressFrame(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (source.Length < 7 || BinaryPrimitives.ReadUInt32LittleEndian(source) != FrameMagic)
            throw new InvalidDataException("LZ4 frame does not start with its mark");
        int flags = source[4];
        if (flags >> 6 != 1) throw new InvalidDataException($"LZ4 frame of unknown version {flags >> 6}");
        bool blockChecksums = (flags & 0x10) != 0, hasSize = (flags & 8) != 0, hasDictionary = (flags & 1) != 0;
        if (hasDictionary) throw new InvalidDataException("LZ4 frame needs a dictionary, which is not in the file");
        int at = 6 + (hasSize ? 8 : 0) + 1, written = 0;
        while (true)
        {
            if (source.Length - at < 4) throw new InvalidDataException("LZ4 frame ends inside");
            uint header = BinaryPrimitives.ReadUInt32LittleEndian(source[at..]);
            at += 4;
            if (header == 0) break;
            int size = (int)(header & int.MaxValue);
            if (size > source.Length - at) throw new InvalidDataException("LZ4 frame ends inside a block");
            ReadOnlySpan<byte> block = source.Slice(at, size);
            if (header >> 31 == 0)
            {
                written = Block(block, destination, written);
            }
            else
            {
                if (size > destination.Length - written) throw new InvalidDataException($"LZ4 frame holds more than the expected {destination.Length} bytes");
                block.CopyTo(destination[written..]);
                written += size;
            }
            at += size + (blockChecksums ? 4 : 0);
        }
        if (written != destination.Length) throw new InvalidDataException($"LZ4 frame of {written} bytes where {destination.Length} are expected");
    }

    private static bool IsHadoop(ReadOnlySpan<byte> source, int length)
    {
        long total = 0;
        while (source.Length >= 8)
        {
            int size = BinaryPrimitives.ReadInt32BigEndian(source), packed = BinaryPrimitives.ReadInt32BigEndian(source[4..]);
            if (size < 0 || packed < 0 || packed > source.Length - 8) return false;
            total += size;
            source = source[(8 + packed)..];
        }
        return source.IsEmpty && total == length;
    }

    /// <summary>Decodes one block after the <paramref name="written"/> bytes that its matches may reach back into.</summary>
    /// <returns>Bytes of <paramref name="destination"/> written so far.</returns>
    private static int Block(ReadOnlySpan<byte> source, Span<byte> destination, int written)
    {
        fixed (byte* first = source, output = destination)
        {
            byte* from = first, fromEnd = first + source.Length, to = output + written, end = output + destination.Length;
            while (from < fromEnd)
            {
                uint token = *from++;
                nuint literals = token >> 4;
                if (literals == 15 && !Extend(ref from, fromEnd, ref literals)) throw Damaged(from - first);
                if (literals > (nuint)(fromEnd - from) || literals > (nuint)(end - to)) throw Damaged(from - first);
                MatchCopy.Literals(from, fromEnd, to, end, literals);
                from += literals;
                to += literals;
                if (from == fromEnd) break;   // the last sequence has no match

                if (fromEnd - from < 2) throw Damaged(from - first);
                nuint distance = Unsafe.ReadUnaligned<ushort>(from), length = token & 15;
                from += 2;
                if (length == 15 && !Extend(ref from, fromEnd, ref length)) throw Damaged(from - first);
                length += 4;
                if (distance == 0 || distance > (nuint)(to - output) || length > (nuint)(end - to)) throw Damaged(from - first);
                MatchCopy.Copy(to, distance, length, end);
                to += length;
            }
            return (int)(to - output);
        }
    }

    private static bool Extend(ref byte* from, byte* end, ref nuint length)
    {
        while (from < end)
        {
            byte more = *from++;
            length += more;
            if (more != 255) return true;
        }
        return false;
    }

    private static InvalidDataException Damaged(long at) => new($"LZ4 block is damaged at its byte {at}");
}
