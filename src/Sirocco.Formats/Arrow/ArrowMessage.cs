using System.Buffers.Binary;

namespace Sirocco.Formats;

/// <summary>What a message of an Arrow stream is (Message.fbs).</summary>
internal enum ArrowMessageKind
{
    None = 0,
    Schema = 1,
    DictionaryBatch = 2,
    RecordBatch = 3,
}

/// <summary>Where a message and its body lie in the file.</summary>
internal readonly record struct ArrowMessage(ArrowMessageKind Kind, long Offset, long MetadataOffset, int MetadataLength, long BodyLength)
{
    private const int LongestMetadata = 1 << 28;

    internal long BodyOffset => MetadataOffset + MetadataLength;

    internal long End => BodyOffset + BodyLength;

    /// <summary>Reads what stands at <paramref name="offset"/>; false at the mark that ends a stream.</summary>
    internal static bool TryRead(MappedFile file, long offset, out ArrowMessage message)
    {
        message = default;
        // The mark 0xFFFFFFFF came with format version 0.15; before it the length stood first.
        long at = offset;
        uint length = ReadUInt32(file, at);
        at += 4;
        if (length == uint.MaxValue)
        {
            length = ReadUInt32(file, at);
            at += 4;
        }
        if (length == 0) return false;
        if (length > LongestMetadata || length > file.Length - at)
            throw new InvalidDataException($"offset {offset}: metadata of {length} bytes exceeds the {file.Length - at} left in the file");
        try
        {
            FlatTable table = FlatTable.Root(file.Span(at, (int)length));
            long body = table.Int64(3);
            if (body < 0 || body > file.Length - at - length)
                throw new InvalidDataException($"its body of {body} bytes exceeds the {file.Length - at - length} left in the file");
            if (table.Int16(0) is not (3 or 4)) throw new InvalidDataException($"metadata version {table.Int16(0) + 1} is not supported (4 and 5 are)");
            message = new ArrowMessage((ArrowMessageKind)table.Byte(1), offset, at, (int)length, body);
            if (!table.Has(2)) throw new InvalidDataException("it has no content");
            return true;
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"message at offset {offset}: {e.Message}", e);
        }
    }

    /// <summary>The table that describes the content.</summary>
    internal FlatTable Header(MappedFile file) => FlatTable.Root(file.Span(MetadataOffset, MetadataLength)).Table(2);

    private static uint ReadUInt32(MappedFile file, long at) =>
        file.Length - at >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(file.Span(at, 4))
            : throw new InvalidDataException($"offset {at}: the file ends inside a message; it is truncated");
}
