using System.Numerics;

namespace Sirocco.Formats;

/// <summary>
/// DELTA_BINARY_PACKED (Encodings.md; Lemire and Boytsov 2012): a first value, then differences, packed in blocks of miniblocks. Arithmetic wraps.
/// </summary>
internal sealed class DeltaDecoder
{
    private readonly ReadOnlyMemory<byte> body;
    private readonly int miniblocks, perMiniblock;
    private readonly byte[] widths;
    private int position, miniblock, leftInMiniblock, left;
    private long last, smallest, bit;
    private bool first = true;

    internal DeltaDecoder(ReadOnlyMemory<byte> body)
    {
        this.body = body;
        ReadOnlySpan<byte> bytes = body.Span;
        uint block = Varint.Read32(bytes, ref position), parts = Varint.Read32(bytes, ref position), count = Varint.Read32(bytes, ref position);
        last = ReadSigned(bytes);
        if (block is 0 or > 1 << 20 || parts is 0 or > 1 << 10 || block % parts != 0 || block / parts % 8 != 0)
            throw new InvalidDataException($"delta blocks of {block} values in {parts} parts");
        if (count > int.MaxValue) throw new InvalidDataException($"{count} delta values");
        (miniblocks, perMiniblock, left) = ((int)parts, (int)(block / parts), (int)count);
        widths = new byte[miniblocks];
        miniblock = miniblocks;
    }

    /// <summary>Values not read yet.</summary>
    internal int Left => left;

    /// <summary>Where the encoded values end; nothing else is read from this decoder afterwards.</summary>
    internal int FindEnd()
    {
        ReadOnlySpan<byte> bytes = body.Span;
        for (long values = left - 1L; values > 0; values -= perMiniblock)
        {
            NextMiniblock(bytes);
        }
        return position;
    }

    /// <summary>Reads the next values; narrower numbers than 64 bits are the low bits.</summary>
    internal void Read<T>(Span<T> values) where T : unmanaged, IBinaryInteger<T>
    {
        if (values.Length > left) throw new InvalidDataException("the values end before their number");
        if (values.IsEmpty) return;
        left -= values.Length;
        int i = 0;
        if (first)
        {
            values[i++] = T.CreateTruncating(last);
            first = false;
        }
        ReadOnlySpan<byte> bytes = body.Span;
        while (i < values.Length)
        {
            if (leftInMiniblock == 0)
            {
                NextMiniblock(bytes);
                leftInMiniblock = perMiniblock;
            }
            int width = widths[miniblock - 1], count = Math.Min(leftInMiniblock, values.Length - i);
            leftInMiniblock -= count;
            for (int end = i + count; i < end; i++, bit += width)
            {
                last += smallest + (long)Bits(bytes, bit, width);
                values[i] = T.CreateTruncating(last);
            }
        }
    }

    // Moves past the next miniblock and leaves its start in bit.
    private void NextMiniblock(ReadOnlySpan<byte> bytes)
    {
        if (miniblock == miniblocks)
        {
            smallest = ReadSigned(bytes);
            if (miniblocks > bytes.Length - position) throw new InvalidDataException("the values end before their number");
            bytes.Slice(position, miniblocks).CopyTo(widths);
            position += miniblocks;
            miniblock = 0;
        }
        int width = widths[miniblock++], size = width * (perMiniblock / 8);
        if (width > 64) throw new InvalidDataException($"delta values of {width} bits");
        if (size > bytes.Length - position) throw new InvalidDataException("the values end before their number");
        bit = position * 8L;
        position += size;
    }

    private static ulong Bits(ReadOnlySpan<byte> bytes, long bit, int width)
    {
        if (width == 0) return 0;
        int at = (int)(bit >> 3), shift = (int)(bit & 7);
        ReadOnlySpan<byte> from = bytes[at..];
        ulong low = 0, high = 0;
        if (from.Length >= 8) low = System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(from);
        else for (int i = 0; i < from.Length; i++) low |= (ulong)from[i] << (8 * i);
        if (shift + width > 64) high = from[8];
        ulong value = shift == 0 ? low : (low >> shift) | (high << (64 - shift));
        return width == 64 ? value : value & ((1ul << width) - 1);
    }

    private long ReadSigned(ReadOnlySpan<byte> bytes)
    {
        ulong value = Varint.Read64(bytes, ref position);
        return (long)(value >> 1) ^ -(long)(value & 1);
    }
}
