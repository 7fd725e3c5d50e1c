using System.Buffers.Binary;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// The framing of a .wandb file: a header of 7 bytes (":W&amp;B", 0xBEE1, version), then LevelDB's log format, in which records are cut so that no piece
/// crosses a border of 32 KiB. A piece is its checksum, length, kind and bytes. Unlike LevelDB's, the checksum is the plain CRC-32 of kind and bytes.
/// </summary>
internal sealed class WandbFile : IDisposable
{
    private const int Block = 32 * 1024, HeaderLength = 7;
    private const byte Version = 0, Full = 1, First = 2, Middle = 3, Last = 4;

    private readonly FileStream file;

    /// <summary>Begins a file.</summary>
    public WandbFile(string path)
    {
        file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        file.Write([(byte)':', (byte)'W', (byte)'&', (byte)'B', 0xE1, 0xBE, Version]);
        file.Flush();
    }

    /// <summary>Appends a record.</summary>
    public void Write(ReadOnlySpan<byte> record)
    {
        bool first = true, last;
        do
        {
            int room = Block - (int)(file.Position % Block);
            if (room < HeaderLength)
            {
                file.Write(new byte[room]); // too short for a piece: zeros
                room = Block;
            }

            int length = Math.Min(room - HeaderLength, record.Length);
            last = length == record.Length;
            WritePiece((first, last) switch { (true, true) => Full, (true, false) => First, (false, false) => Middle, _ => Last }, record[..length]);
            record = record[length..];
            first = false;
        }
        while (!last);
        file.Flush();
    }

    public void Dispose() => file.Dispose();

    private void WritePiece(byte kind, ReadOnlySpan<byte> bytes)
    {
        byte[] piece = new byte[HeaderLength + bytes.Length];
        piece[6] = kind;
        bytes.CopyTo(piece.AsSpan(HeaderLength));
        BinaryPrimitives.WriteUInt32LittleEndian(piece, Crc32.Compute(piece.AsSpan(6)));
        BinaryPrimitives.WriteUInt16LittleEndian(piece.AsSpan(4), (ushort)bytes.Length);
        file.Write(piece);
    }
}
