using System.Buffers.Binary;
using System.IO.Compression;
using Sirocco.Formats;

namespace Sirocco.Training.Plots;

/// <summary>PNG (W3C, third edition) of 8-bit RGB.</summary>
internal static class PngWriter
{
    private const byte Rgb = 2, Up = 2;

    /// <param name="output">Receives the file.</param>
    /// <param name="pixels">[height, width, 3]</param>
    /// <param name="width">In pixels.</param>
    /// <param name="height">In pixels.</param>
    public static void Write(Stream output, ReadOnlySpan<byte> pixels, int width, int height)
    {
        output.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        header[9] = Rgb;
        Chunk(output, "IHDR"u8, header);
        using MemoryStream packed = new();
        using (ZLibStream deflate = new(packed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            byte[] line = new byte[1 + (3 * width)];
            line[0] = Up; // each byte less the one above: plots are mostly vertical repetition
            for (int y = 0; y < height; y++)
            {
                ReadOnlySpan<byte> row = pixels.Slice(y * 3 * width, 3 * width), above = y > 0 ? pixels.Slice((y - 1) * 3 * width, 3 * width) : default;
                for (int i = 0; i < row.Length; i++) line[1 + i] = (byte)(row[i] - (y > 0 ? above[i] : 0));
                deflate.Write(line);
            }
        }

        Chunk(output, "IDAT"u8, packed.GetBuffer().AsSpan(0, (int)packed.Length));
        Chunk(output, "IEND"u8, []);
    }

    private static void Chunk(Stream output, ReadOnlySpan<byte> type, ReadOnlySpan<byte> content)
    {
        byte[] chunk = new byte[12 + content.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, content.Length);
        type.CopyTo(chunk.AsSpan(4));
        content.CopyTo(chunk.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + content.Length), Crc32.Compute(chunk.AsSpan(4, 4 + content.Length)));
        output.Write(chunk);
    }
}
