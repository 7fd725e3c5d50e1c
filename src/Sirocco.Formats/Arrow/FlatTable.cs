using System.Buffers.Binary;
using System.Text;

namespace Sirocco.Formats;

/// <summary>
/// A table of a FlatBuffer (flatbuffers internals.md) that is read where it lies. Every offset is checked for range and alignment when it is followed; offsets
/// only point forward, so a chain of them ends.
/// </summary>
internal readonly ref struct FlatTable
{
    private readonly ReadOnlySpan<byte> buffer;
    private readonly int position, fields, fieldBytes, size;

    private FlatTable(ReadOnlySpan<byte> buffer, int position)
    {
        this.buffer = buffer;
        this.position = position;
        if (position % 4 != 0) throw Bad("a table is not aligned");
        long table = position - (long)BinaryPrimitives.ReadInt32LittleEndian(Bytes(position, 4));
        if (table < 0 || table > buffer.Length || table % 2 != 0) throw Bad("a table's list of fields lies outside");
        fields = (int)table;
        fieldBytes = BinaryPrimitives.ReadUInt16LittleEndian(Bytes(fields, 2));
        size = BinaryPrimitives.ReadUInt16LittleEndian(Bytes(fields + 2, 2));
        if (fieldBytes < 4 || fieldBytes % 2 != 0 || size < 4) throw Bad("a table's list of fields is damaged");
        Bytes(fields, fieldBytes);
        Bytes(position, size);
    }

    /// <summary>The table that a message starts with.</summary>
    internal static FlatTable Root(ReadOnlySpan<byte> buffer)
    {
        if (buffer.Length < 4) throw Bad("it is empty");
        uint offset = BinaryPrimitives.ReadUInt32LittleEndian(buffer);
        if (offset > buffer.Length) throw Bad("its root lies outside");
        return new FlatTable(buffer, (int)offset);
    }

    internal bool Has(int field) => Place(field, 1) > 0;

    internal byte Byte(int field, byte otherwise = 0) => Place(field, 1) is > 0 and int at ? buffer[at] : otherwise;

    internal bool Truth(int field) => Byte(field) switch { 0 => false, _ => true };

    internal short Int16(int field, short otherwise = 0) =>
        Place(field, 2) is > 0 and int at ? BinaryPrimitives.ReadInt16LittleEndian(buffer[at..]) : otherwise;

    internal int Int32(int field, int otherwise = 0) => Place(field, 4) is > 0 and int at ? BinaryPrimitives.ReadInt32LittleEndian(buffer[at..]) : otherwise;

    internal long Int64(int field) => Place(field, 8) is > 0 and int at ? BinaryPrimitives.ReadInt64LittleEndian(buffer[at..]) : 0;

    /// <summary>A table inside; the caller has asked <see cref="Has"/>.</summary>
    internal FlatTable Table(int field) => new(buffer, Follow(Place(field, 4)));

    /// <summary>A text; null when absent.</summary>
    internal string? Text(int field)
    {
        int at = Place(field, 4);
        if (at == 0) return null;
        at = Follow(at);
        int length = Length(at, 1);
        if (at + 4 + (long)length >= buffer.Length || buffer[at + 4 + length] != 0) throw Bad("a text does not end");
        return Encoding.UTF8.GetString(buffer.Slice(at + 4, length));
    }

    /// <summary>A list of structs or numbers of <paramref name="width"/> bytes; empty when absent.</summary>
    internal ReadOnlySpan<byte> Structs(int field, int width)
    {
        int at = Place(field, 4);
        if (at == 0) return default;
        at = Follow(at);
        int count = Length(at, width);
        if (width % 8 == 0 && count > 0 && (at + 4) % 8 != 0) throw Bad("a list is not aligned");
        return buffer.Slice(at + 4, count * width);
    }

    /// <summary>Number of tables in a list.</summary>
    internal int Count(int field) => Place(field, 4) is > 0 and int at ? Length(Follow(at), 4) : 0;

    /// <summary>One table of a list.</summary>
    internal FlatTable Item(int field, int index) => new(buffer, Follow(Follow(Place(field, 4)) + 4 + (4 * index)));

    // Where a field's value lies; 0 when it is absent.
    private int Place(int field, int width)
    {
        int entry = 4 + (2 * field);
        if (entry + 2 > fieldBytes) return 0;
        int offset = BinaryPrimitives.ReadUInt16LittleEndian(buffer[(fields + entry)..]);
        if (offset == 0) return 0;
        Bytes((long)position + offset, width);
        return (position + offset) % width == 0 ? position + offset : throw Bad("a value is not aligned");
    }

    private int Follow(int at)
    {
        if (at == 0) throw Bad("a part is missing");
        uint offset = BinaryPrimitives.ReadUInt32LittleEndian(Bytes(at, 4));
        long target = at + (long)offset;
        if (offset == 0 || target > buffer.Length - 4 || target % 4 != 0) throw Bad("an offset points outside");
        return (int)target;
    }

    private int Length(int at, int width)
    {
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(Bytes(at, 4));
        return count * (long)width <= buffer.Length - at - 4 ? (int)count : throw Bad($"a list of {count} exceeds the metadata");
    }

    private ReadOnlySpan<byte> Bytes(long at, int count) =>
        at >= 0 && at + count <= buffer.Length ? buffer.Slice((int)at, count) : throw Bad("it ends inside a part");

    private static InvalidDataException Bad(string what) => new($"the metadata is damaged: {what}");
}
