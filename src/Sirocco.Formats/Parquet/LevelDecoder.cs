using System.Numerics;

namespace Sirocco.Formats;

/// <summary>The repetition or definition levels of a page, read a few at a time.</summary>
internal sealed class LevelDecoder
{
    private readonly RunLengthDecoder? runs;
    private readonly ReadOnlyMemory<byte> packed;
    private readonly int highest, width;
    private long bit;

    private LevelDecoder(int highest, RunLengthDecoder? runs, ReadOnlyMemory<byte> packed)
    {
        this.highest = highest;
        this.runs = runs;
        this.packed = packed;
        width = Width(highest);
    }

    /// <summary>Levels as pages have them now.</summary>
    internal static LevelDecoder OfRuns(ReadOnlyMemory<byte> body, int highest) => new(highest, new RunLengthDecoder(body, Width(highest)), default);

    /// <summary>The levels at the start of a page of the first version, which then go off <paramref name="body"/>.</summary>
    internal static LevelDecoder Take(ref ReadOnlyMemory<byte> body, ParquetEncoding encoding, int highest, int count)
    {
        if (encoding == ParquetEncoding.BitPacked)
        {
            long size = (((long)count * Width(highest)) + 7) / 8;
            if (size > body.Length) throw new InvalidDataException("the levels exceed their page");
            var old = new LevelDecoder(highest, null, body[..(int)size]);
            body = body[(int)size..];
            return old;
        }
        if (encoding != ParquetEncoding.Rle) throw new InvalidDataException($"levels in the encoding {encoding} cannot be read");
        if (body.Length < 4) throw new InvalidDataException("the levels exceed their page");
        int length = System.Buffers.Binary.BinaryPrimitives.ReadInt32LittleEndian(body.Span);
        if ((uint)length > (uint)(body.Length - 4)) throw new InvalidDataException($"levels of {(uint)length} bytes exceed their page");
        LevelDecoder levels = OfRuns(body.Slice(4, length), highest);
        body = body[(4 + length)..];
        return levels;
    }

    internal void Read(Span<byte> levels)
    {
        if (runs is not null) runs.Read(levels);
        else Unpack(levels);
        if (highest < 255 && levels.ContainsAnyInRange((byte)(highest + 1), (byte)255)) throw new InvalidDataException($"a level exceeds {highest}");
    }

    private static int Width(int highest) => BitOperations.Log2((uint)highest) + 1;

    // The deprecated BIT_PACKED encoding: from the highest bit of a byte to the lowest.
    private void Unpack(Span<byte> levels)
    {
        ReadOnlySpan<byte> bytes = packed.Span;
        foreach (ref byte level in levels)
        {
            int value = 0;
            for (int i = 0; i < width; i++, bit++)
                value = (value << 1) | ((bytes[(int)(bit >> 3)] >> (7 - (int)(bit & 7))) & 1);
            level = (byte)value;
        }
    }
}
