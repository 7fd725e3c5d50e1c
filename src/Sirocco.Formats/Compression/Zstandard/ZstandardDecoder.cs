using System.Buffers.Binary;

namespace Sirocco.Formats;

/// <summary>
/// Zstandard (RFC 8878) for content whose length is known and which lies in memory at once: the window is the output itself. Dictionaries are not supported.
/// </summary>
internal sealed unsafe class ZstandardDecoder
{
    /// <summary>A block of 128 KiB can be said in 4 bytes.</summary>
    internal const int HighestRatio = 1 << 15;

    private const uint FrameMagic = 0xFD2FB528, SkippableMagic = 0x184D2A50;
    private const int LargestBlock = 1 << 17;

    // The tables are kept between calls: they are 30 KB, and a column has thousands of pages.
    [ThreadStatic]
    private static ZstandardDecoder? ofThread;

    private readonly HuffmanTable huffman = new();
    private readonly SequenceDecoder sequences = new();

    // Room behind the last literal for copies of whole vectors.
    private readonly byte[] literals = new byte[LargestBlock + 32];

    /// <summary>Fills <paramref name="destination"/> from one or more frames.</summary>
    /// <exception cref="InvalidDataException">The bytes are damaged, or not of that length; the message names no file.</exception>
    internal static void Decompress(ReadOnlySpan<byte> source, Span<byte> destination) => (ofThread ??= new ZstandardDecoder()).Frames(source, destination);

    private void Frames(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        int written = 0;
        do
        {
            if (source.Length < 8) throw new InvalidDataException("Zstandard data ends inside a frame");
            uint magic = BinaryPrimitives.ReadUInt32LittleEndian(source);
            if ((magic & ~15u) == SkippableMagic)
            {
                uint length = BinaryPrimitives.ReadUInt32LittleEndian(source[4..]);
                if (length > source.Length - 8) throw new InvalidDataException("Zstandard data ends inside a skippable frame");
                source = source[(8 + (int)length)..];
                continue;
            }
            if (magic != FrameMagic) throw new InvalidDataException("Zstandard data does not start with its mark");
            source = source[4..];
            written += Frame(ref source, destination[written..]);
        }
        while (!source.IsEmpty);
        if (written != destination.Length) throw new InvalidDataException($"Zstandard data of {written} bytes where {destination.Length} are expected");
    }

    private int Frame(ref ReadOnlySpan<byte> source, Span<byte> destination)
    {
        int descriptor = source[0];
        bool single = (descriptor & 0x20) != 0, checksum = (descriptor & 4) != 0;
        if ((descriptor & 8) != 0) throw new InvalidDataException("Zstandard frame sets a reserved bit");
        if ((descriptor & 3) != 0) throw new InvalidDataException("Zstandard frame needs a dictionary, which is not in the file");
        int sizeBytes = (descriptor >> 6) switch { 0 => single ? 1 : 0, 1 => 2, 2 => 4, _ => 8 };
        int header = 1 + (single ? 0 : 1) + sizeBytes;
        if (source.Length < header) throw new InvalidDataException("Zstandard frame ends inside its header");
        source = source[header..];   // the sizes said there are checked by what comes out

        huffman.Clear();
        sequences.Reset();
        int written = 0;
        for (bool last = false; !last;)
        {
            if (source.Length < 3) throw new InvalidDataException("Zstandard frame ends before its last block");
            int block = source[0] | (source[1] << 8) | (source[2] << 16), size = block >> 3;
            last = (block & 1) != 0;
            source = source[3..];
            int kind = (block >> 1) & 3, taken = kind == 1 ? 1 : size;
            if (size > LargestBlock || taken > source.Length) throw new InvalidDataException("Zstandard frame ends inside a block");
            ReadOnlySpan<byte> body = source[..taken];
            source = source[taken..];
            if (kind < 2 && size > destination.Length - written)
                throw new InvalidDataException($"Zstandard data holds more than the expected {destination.Length} bytes");
            switch (kind)
            {
                case 0:
                    body.CopyTo(destination[written..]);
                    written += size;
                    break;
                case 1:
                    destination.Slice(written, size).Fill(body[0]);
                    written += size;
                    break;
                case 2:
                    written = Block(body, destination, written);
                    break;
                default:
                    throw new InvalidDataException("Zstandard block is of a reserved kind");
            }
        }
        if (!checksum) return written;
        if (source.Length < 4) throw new InvalidDataException("Zstandard frame ends before its checksum");
        if (BinaryPrimitives.ReadUInt32LittleEndian(source) != (uint)XxHash64.Compute(destination[..written]))
            throw new InvalidDataException("Zstandard frame does not match its checksum");
        source = source[4..];
        return written;
    }

    private int Block(ReadOnlySpan<byte> body, Span<byte> destination, int written)
    {
        int read = ReadLiterals(body, out int count);
        body = body[read..];
        fixed (byte* text = literals, output = destination)
            return sequences.Run(body, text, count, output, written, destination.Length);
    }

    /// <summary>Fills <see cref="literals"/>.</summary>
    /// <returns>Bytes read.</returns>
    private int ReadLiterals(ReadOnlySpan<byte> source, out int count)
    {
        if (source.IsEmpty) throw new InvalidDataException("Zstandard block is empty");
        int kind = source[0] & 3, form = (source[0] >> 2) & 3;
        int header = kind < 2 ? form switch { 1 => 2, 3 => 3, _ => 1 } : form switch { 2 => 4, 3 => 5, _ => 3 };
        if (source.Length < header) throw new InvalidDataException("Zstandard block ends inside its literals");
        ulong value = 0;
        for (int i = 0; i < header; i++) value |= (ulong)source[i] << (8 * i);
        int packed;
        if (kind < 2)
        {
            count = (int)(value >> ((form & 1) == 0 ? 3 : 4));
            packed = kind == 0 ? count : 1;
        }
        else
        {
            int bits = form switch { 2 => 14, 3 => 18, _ => 10 };
            ulong mask = (1ul << bits) - 1;
            count = (int)((value >> 4) & mask);
            packed = (int)((value >> (4 + bits)) & mask);
        }
        if (count > LargestBlock || packed > source.Length - header) throw new InvalidDataException("Zstandard literals exceed their block");
        ReadOnlySpan<byte> body = source.Slice(header, packed);
        Span<byte> target = literals.AsSpan(0, count);
        switch (kind)
        {
            case 0:
                body.CopyTo(target);
                break;
            case 1:
                target.Fill(body[0]);
                break;
            default:
                if (kind == 2) body = body[huffman.ReadTree(body)..];
                else if (!huffman.IsBuilt) throw new InvalidDataException("Zstandard literals use the Huffman tree of an earlier block, but there is none");
                if (form == 0) huffman.Decode(body, target);
                else huffman.DecodeFour(body, target);
                break;
        }
        return header + packed;
    }
}
