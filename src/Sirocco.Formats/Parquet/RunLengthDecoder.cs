using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Sirocco.Formats;

/// <summary>Parquet's RLE / bit-packing hybrid (Encodings.md): levels, dictionary indices and booleans.</summary>
internal sealed class RunLengthDecoder
{
    private readonly ReadOnlyMemory<byte> body;
    private readonly int width;
    private int position;

    // Of the current run: values left, and either the repeated value or the bit where the next packed one starts.
    private int left;
    private uint repeated;
    private bool packed;
    private long bit;

    /// <param name="body">Runs, without a length before them.</param>
    /// <param name="width">Bits of a value, 0 to 32.</param>
    internal RunLengthDecoder(ReadOnlyMemory<byte> body, int width)
    {
        this.body = body;
        this.width = width is >= 0 and <= 32 ? width : throw new InvalidDataException($"values of {width} bits");
    }

    /// <summary>Reads the next values.</summary>
    internal void Read<T>(Span<T> values) where T : unmanaged, IBinaryInteger<T>
    {
        ReadOnlySpan<byte> bytes = body.Span;
        while (!values.IsEmpty)
        {
            if (left == 0) NextRun(bytes);
            int count = Math.Min(left, values.Length);
            if (packed)
            {
                Unpack(bytes, bit, width, values[..count]);
                bit += (long)count * width;
            }
            else
            {
                values[..count].Fill(T.CreateTruncating(repeated));
            }
            left -= count;
            values = values[count..];
        }
    }

    /// <summary>Reads little-endian values of <paramref name="width"/> bits that start at a bit of <paramref name="bytes"/>.</summary>
    private static void Unpack<T>(ReadOnlySpan<byte> bytes, long bit, int width, Span<T> values) where T : unmanaged, IBinaryInteger<T>
    {
        ulong mask = (1ul << width) - 1;
        int i = 0;
        // Eight bytes hold any value of up to 32 bits, wherever in its first byte it starts.
        for (; i < values.Length && (bit >> 3) + 8 <= bytes.Length; i++, bit += width)
            values[i] = T.CreateTruncating((Unsafe.ReadUnaligned<ulong>(in bytes[(int)(bit >> 3)]) >> (int)(bit & 7)) & mask);
        if (i == values.Length) return;
        Span<byte> tail = stackalloc byte[16];
        for (; i < values.Length; i++, bit += width)
        {
            ReadOnlySpan<byte> rest = bytes[(int)(bit >> 3)..];
            tail.Clear();
            rest[..Math.Min(8, rest.Length)].CopyTo(tail);
            values[i] = T.CreateTruncating((BinaryPrimitives.ReadUInt64LittleEndian(tail) >> (int)(bit & 7)) & mask);
        }
    }

    private void NextRun(ReadOnlySpan<byte> bytes)
    {
        uint header = Varint.Read32(bytes, ref position);
        packed = (header & 1) != 0;
        if (packed)
        {
            long size = (long)(header >> 1) * width, count = (long)(header >> 1) * 8;
            // Some writers cut the last group short.
            if (size > bytes.Length - position)
            {
                count = width == 0 ? count : (bytes.Length - position) * 8L / width;
                size = bytes.Length - position;
            }
            bit = position * 8L;
            position += (int)size;
            left = (int)Math.Min(count, int.MaxValue);
        }
        else
        {
            int size = (width + 7) / 8;
            if (size > bytes.Length - position) throw new InvalidDataException("a run of values ends inside");
            repeated = 0;
            for (int i = 0; i < size; i++) repeated |= (uint)bytes[position + i] << (8 * i);
            if (width < 32 && repeated >> width != 0) throw new InvalidDataException($"a repeated value exceeds {width} bits");
            position += size;
            left = (int)Math.Min(header >> 1, int.MaxValue);
        }
        if (left == 0) throw new InvalidDataException("a run of values is empty");
    }
}

/// <summary>LEB128 numbers inside pages.</summary>
internal static class Varint
{
    internal static uint Read32(ReadOnlySpan<byte> bytes, ref int position)
    {
        ulong value = Read64(bytes, ref position);
        return value <= uint.MaxValue ? (uint)value : throw new InvalidDataException("a number exceeds 32 bits");
    }

    internal static ulong Read64(ReadOnlySpan<byte> bytes, ref int position)
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            if (position >= bytes.Length) throw new InvalidDataException("the values end before their number");
            byte b = bytes[position++];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }
        throw new InvalidDataException("a number does not end");
    }
}
