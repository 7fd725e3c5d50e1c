using System.Buffers.Binary;
using System.Numerics;

namespace Sirocco.Training;

/// <summary>
/// TensorFlow's framing of records in a file: the length as a 64-bit integer, its checksum, the bytes, their checksum. A checksum is CRC-32C (Castagnoli),
/// turned right by 15 bits and added to a constant, because checksums of data that hold checksums are weak.
/// </summary>
internal static class TfRecord
{
    private const int HeaderLength = 12, ChecksumLength = 4;
    private const uint MaskDelta = 0xA282EAD8;

    public static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        for (; bytes.Length >= 8; bytes = bytes[8..]) crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (byte b in bytes) crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }

    /// <summary>Writes a record in one piece.</summary>
    public static void Write(Stream output, ReadOnlySpan<byte> record)
    {
        byte[] framed = new byte[HeaderLength + record.Length + ChecksumLength];
        BinaryPrimitives.WriteInt64LittleEndian(framed, record.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(framed.AsSpan(8), Masked(framed.AsSpan(0, 8)));
        record.CopyTo(framed.AsSpan(HeaderLength));
        BinaryPrimitives.WriteUInt32LittleEndian(framed.AsSpan(HeaderLength + record.Length), Masked(record));
        output.Write(framed);
    }

    /// <summary>The next record, or null where none, or none that is whole, follows; the stream then stands anywhere.</summary>
    public static byte[]? Read(Stream input)
    {
        byte[] header = new byte[HeaderLength];
        if (input.ReadAtLeast(header, HeaderLength, throwOnEndOfStream: false) < HeaderLength) return null;
        if (BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8)) != Masked(header.AsSpan(0, 8))) return null;
        long length = BinaryPrimitives.ReadInt64LittleEndian(header);
        if (length < 0 || length > input.Length - input.Position - ChecksumLength || length > Array.MaxLength) return null;
        byte[] record = new byte[length];
        input.ReadExactly(record);
        byte[] checksum = new byte[ChecksumLength];
        input.ReadExactly(checksum);
        return BinaryPrimitives.ReadUInt32LittleEndian(checksum) == Masked(record) ? record : null;
    }

    private static uint Masked(ReadOnlySpan<byte> bytes) => BitOperations.RotateRight(Crc32C(bytes), 15) + MaskDelta;
}
