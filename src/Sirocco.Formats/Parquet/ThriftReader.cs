using System.Text;

namespace Sirocco.Formats;

/// <summary>Types of the compact protocol as they stand in field and list headers.</summary>
internal enum ThriftType
{
    Stop = 0,
    True = 1,
    False = 2,
    Byte = 3,
    I16 = 4,
    I32 = 5,
    I64 = 6,
    Double = 7,
    Binary = 8,
    List = 9,
    Set = 10,
    Map = 11,
    Struct = 12,
}

/// <summary>
/// Thrift's compact protocol (thrift-compact-protocol.md), as far as Parquet's metadata needs it. Lengths are checked against what is left, nesting against a
/// bound.
/// </summary>
internal ref struct ThriftReader(ReadOnlySpan<byte> bytes)
{
    private const int DeepestNesting = 32;

    private readonly ReadOnlySpan<byte> bytes = bytes;
    private short lastField;

    /// <summary>Bytes read so far.</summary>
    internal int Position { get; private set; }

    /// <summary>Enters a struct; give the result to <see cref="EndStruct"/>.</summary>
    internal short BeginStruct()
    {
        short outer = lastField;
        lastField = 0;
        return outer;
    }

    internal void EndStruct(short outer) => lastField = outer;

    /// <summary>Reads a field's header; false at the end of the struct.</summary>
    internal bool NextField(out short id, out ThriftType type)
    {
        byte header = ReadByte();
        type = (ThriftType)(header & 15);
        id = 0;
        if (type == ThriftType.Stop) return false;
        if (type > ThriftType.Struct) throw Bad($"field type {(int)type} does not exist");
        id = lastField = header >> 4 == 0 ? (short)ReadInteger() : (short)(lastField + (header >> 4));
        return true;
    }

    /// <summary>Reads a list's header.</summary>
    internal int ReadList(out ThriftType element)
    {
        byte header = ReadByte();
        element = (ThriftType)(header & 15);
        ulong count = header >> 4 == 15 ? ReadVarint() : (ulong)(header >> 4);
        // Every element takes at least a byte.
        if (count > (ulong)(bytes.Length - Position)) throw Bad($"a list of {count} elements exceeds the {bytes.Length - Position} bytes left");
        return (int)count;
    }

    internal byte ReadByte() => Position < bytes.Length ? bytes[Position++] : throw Bad("the metadata ends inside");

    /// <summary>A whole number of any width.</summary>
    internal long ReadInteger()
    {
        ulong value = ReadVarint();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    internal int ReadInt32()
    {
        long value = ReadInteger();
        return value is >= int.MinValue and <= int.MaxValue ? (int)value : throw Bad($"the number {value} exceeds 32 bits");
    }

    internal ReadOnlySpan<byte> ReadBinary()
    {
        ulong length = ReadVarint();
        if (length > (ulong)(bytes.Length - Position)) throw Bad($"a text of {length} bytes exceeds the {bytes.Length - Position} bytes left");
        ReadOnlySpan<byte> value = bytes.Slice(Position, (int)length);
        Position += (int)length;
        return value;
    }

    internal string ReadText() => Encoding.UTF8.GetString(ReadBinary());

    /// <summary>Steps over a field that is not wanted.</summary>
    internal void Skip(ThriftType type, int depth = 0)
    {
        if (depth > DeepestNesting) throw Bad("the metadata is nested too deeply");
        switch (type)
        {
            case ThriftType.True or ThriftType.False:
                break;
            case ThriftType.Byte:
                ReadByte();
                break;
            case ThriftType.I16 or ThriftType.I32 or ThriftType.I64:
                ReadVarint();
                break;
            case ThriftType.Double:
                if (bytes.Length - Position < 8) throw Bad("the metadata ends inside");
                Position += 8;
                break;
            case ThriftType.Binary:
                ReadBinary();
                break;
            case ThriftType.List or ThriftType.Set:
                for (int count = ReadList(out ThriftType element); count > 0; count--) SkipElement(element, depth);
                break;
            case ThriftType.Map:
                ulong pairs = ReadVarint();
                if (pairs == 0) break;
                byte types = ReadByte();
                if (pairs > (ulong)(bytes.Length - Position)) throw Bad($"a map of {pairs} pairs exceeds the {bytes.Length - Position} bytes left");
                for (; pairs > 0; pairs--)
                {
                    SkipElement((ThriftType)(types >> 4), depth);
                    SkipElement((ThriftType)(types & 15), depth);
                }
                break;
            case ThriftType.Struct:
                short outer = BeginStruct();
                while (NextField(out _, out ThriftType field)) Skip(field, depth + 1);
                EndStruct(outer);
                break;
            default:
                throw Bad($"field type {(int)type} does not exist");
        }
    }

    internal readonly InvalidDataException Bad(string what) => new($"{what} (byte {Position} of the metadata)");

    // Inside lists a truth value takes a byte of its own.
    private void SkipElement(ThriftType type, int depth)
    {
        if (type is ThriftType.True or ThriftType.False) ReadByte();
        else Skip(type, depth + 1);
    }

    private ulong ReadVarint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            byte b = ReadByte();
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }
        throw Bad("a number does not end");
    }
}
