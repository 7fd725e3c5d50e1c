using System.Buffers.Binary;

namespace Sirocco.Formats;

/// <summary>How the values of an Arrow column lie in its buffers (Columnar.rst).</summary>
internal enum ArrowLayout
{
    /// <summary>No buffers.</summary>
    Null,
    /// <summary>A bit a value.</summary>
    Bits,
    /// <summary>The same number of bytes for each value.</summary>
    Fixed,
    /// <summary>Offsets, bytes.</summary>
    Bytes,
    /// <summary>Sixteen bytes a value, which hold a short text or say in which of several buffers it lies.</summary>
    Views,
    /// <summary>Offsets, and a child.</summary>
    List,
    /// <summary>Offsets, sizes, and a child.</summary>
    ListView,
    /// <summary>A child with the same number of values for each row.</summary>
    FixedList,
    Struct,
    /// <summary>Two children: where each run ends, and its value.</summary>
    RunEnds,
    Unsupported,
}

/// <summary>A field of an Arrow schema: what the table shows, and how it lies in a record batch.</summary>
/// <param name="Field">Name and type as the table shows them.</param>
/// <param name="Layout">How the values lie; of the dictionary's values if there is one.</param>
/// <param name="Width">Stored bytes of a value, of an offset, or values of a fixed-size list.</param>
/// <param name="Children">Fields of a struct, the item of a list, the two parts of run ends.</param>
internal sealed record ArrowField(ColumnField Field, ArrowLayout Layout, int Width, IReadOnlyList<ArrowField> Children)
{
    /// <summary>The dictionary that the values are indices of.</summary>
    internal long? Dictionary { get; init; }

    internal int IndexWidth { get; init; }

    internal bool IndexIsSigned { get; init; }

    /// <summary>This field and all below.</summary>
    internal IEnumerable<ArrowField> All => Children.SelectMany(child => child.All).Prepend(this);
}

/// <summary>The schema message (Schema.fbs).</summary>
internal sealed record ArrowSchema(IReadOnlyList<ArrowField> Fields, IReadOnlyDictionary<string, string> Metadata)
{
    private const int DeepestNesting = 64, MostFields = 100_000;

    private const int NullType = 1, IntType = 2, FloatType = 3, BinaryType = 4, TextType = 5, BoolType = 6, DecimalType = 7, DateType = 8, TimeType = 9,
        TimestampType = 10, IntervalType = 11, ListType = 12, StructType = 13, FixedBinaryType = 15, FixedListType = 16, MapType = 17,
        DurationType = 18, LargeBinaryType = 19, LargeTextType = 20, LargeListType = 21, RunEndType = 22, BinaryViewType = 23,
        TextViewType = 24, ListViewType = 25, LargeListViewType = 26;

    /// <summary>Reads a schema message on its own, as Parquet files carry it.</summary>
    internal static ArrowSchema ReadMessage(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length >= 8 && BinaryPrimitives.ReadUInt32LittleEndian(bytes) == uint.MaxValue) bytes = bytes[4..];
        if (bytes.Length < 4 || BinaryPrimitives.ReadUInt32LittleEndian(bytes) > bytes.Length - 4) throw new InvalidDataException("the message is truncated");
        FlatTable message = FlatTable.Root(bytes.Slice(4, BinaryPrimitives.ReadInt32LittleEndian(bytes)));
        if (message.Byte(1) != (byte)ArrowMessageKind.Schema || message.Int64(3) != 0 || message.Int16(0) is not (3 or 4))
            throw new InvalidDataException("the message is not a schema");
        return Read(message.Table(2));
    }

    internal static ArrowSchema Read(FlatTable schema)
    {
        if (schema.Int16(0) != 0) throw new InvalidDataException("its numbers are big-endian; write it on a little-endian machine");
        var fields = new List<ArrowField>();
        int left = MostFields;
        for (int i = 0; i < schema.Count(1); i++) fields.Add(ReadField(schema.Item(1, i), 0, ref left));
        schema.Structs(3, 8);
        return new ArrowSchema(fields, ReadKeyValues(schema, 2));
    }

    private static Dictionary<string, string> ReadKeyValues(FlatTable table, int field)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < table.Count(field); i++)
        {
            FlatTable pair = table.Item(field, i);
            values[pair.Text(0) ?? ""] = pair.Text(1) ?? "";
        }
        return values;
    }

    private static ArrowField ReadField(FlatTable field, int depth, ref int left)
    {
        if (depth > DeepestNesting) throw new InvalidDataException($"the schema is nested deeper than {DeepestNesting} levels");
        // Two lists may share their tables, so that a few bytes would stand for a tree of any size.
        if (--left < 0) throw new InvalidDataException($"the schema has more than {MostFields} fields");
        var children = new List<ArrowField>();
        for (int i = 0; i < field.Count(5); i++) children.Add(ReadField(field.Item(5, i), depth + 1, ref left));
        ReadKeyValues(field, 6);
        int kind = field.Byte(2);
        if (!field.Has(3)) throw new InvalidDataException($"the schema's field '{Visible.Short(field.Text(0) ?? "")}' has no type");
        (ColumnType type, ArrowLayout layout, int width) = ReadType(kind, field.Table(3), children);
        var result = new ArrowField(new ColumnField(field.Text(0) ?? "", type, field.Truth(1)), layout, width, children);
        if (!field.Has(4)) return result;
        FlatTable encoding = field.Table(4);
        int indexBits = 32;
        bool signed = true;
        if (encoding.Has(1)) (indexBits, signed) = (encoding.Table(1).Int32(0), encoding.Table(1).Truth(1));
        if (indexBits is not (8 or 16 or 32 or 64)) throw new InvalidDataException($"dictionary indices of {indexBits} bits");
        return result with { Dictionary = encoding.Int64(0), IndexWidth = indexBits / 8, IndexIsSigned = signed };
    }

    private static (ColumnType Type, ArrowLayout Layout, int Width) ReadType(int kind, FlatTable type, List<ArrowField> children)
    {
        IReadOnlyList<ColumnField> fields = [.. children.Select(child => child.Field)];
        int expected = kind switch
        {
            ListType or FixedListType or MapType or LargeListType or ListViewType or LargeListViewType => 1,
            RunEndType => 2,
            _ => children.Count,
        };
        if (children.Count != expected) throw new InvalidDataException($"a nested type has {children.Count} children where {expected} are needed");
        switch (kind)
        {
            case NullType:
                return (new ColumnType(ColumnKind.Null), ArrowLayout.Null, 0);
            case IntType:
                ColumnKind whole = (type.Int32(0), type.Truth(1)) switch
                {
                    (8, true) => ColumnKind.Int8,
                    (16, true) => ColumnKind.Int16,
                    (32, true) => ColumnKind.Int32,
                    (64, true) => ColumnKind.Int64,
                    (8, false) => ColumnKind.UInt8,
                    (16, false) => ColumnKind.UInt16,
                    (32, false) => ColumnKind.UInt32,
                    (64, false) => ColumnKind.UInt64,
                    _ => throw new InvalidDataException($"whole numbers of {type.Int32(0)} bits"),
                };
                return Simple(new ColumnType(whole));
            case FloatType:
                return Simple(new ColumnType(type.Int16(0) switch
                {
                    0 => ColumnKind.Float16,
                    1 => ColumnKind.Float32,
                    2 => ColumnKind.Float64,
                    _ => throw new InvalidDataException($"floating-point precision {type.Int16(0)}"),
                }));
            case BoolType:
                return (new ColumnType(ColumnKind.Boolean), ArrowLayout.Bits, 0);
            case DecimalType:
                int bits = type.Int32(2, 128), precision = type.Int32(0), scale = type.Int32(1);
                if (bits is not (32 or 64 or 128 or 256) || precision is < 1 or > 76 || scale is < -76 or > 76)
                    throw new InvalidDataException($"decimals of {bits} bits, {precision} digits, {scale} of them behind the point");
                return (new ColumnType(ColumnKind.Decimal) { Width = Math.Max(16, bits / 8), Precision = precision, Scale = scale },
                    ArrowLayout.Fixed, bits / 8);
            case DateType:
                return (new ColumnType(ColumnKind.Date), ArrowLayout.Fixed, type.Int16(0, 1) == 0 ? 4 : 8);
            case TimeType:
                if (type.Int32(1, 32) is not (32 or 64)) throw new InvalidDataException($"times of {type.Int32(1, 32)} bits");
                return (new ColumnType(ColumnKind.Time) { Unit = Unit(type.Int16(0, 1)) }, ArrowLayout.Fixed, type.Int32(1, 32) / 8);
            case TimestampType:
                return Simple(
                    new ColumnType(ColumnKind.Timestamp) { Unit = Unit(type.Int16(0)), TimeZone = type.Text(1) is { Length: > 0 } zone ? zone : null });
            case DurationType:
                return Simple(new ColumnType(ColumnKind.Duration) { Unit = Unit(type.Int16(0, 1)) });
            case IntervalType:
                int length = type.Int16(0) switch { 0 => 4, 1 => 8, 2 => 16, _ => throw new InvalidDataException($"interval unit {type.Int16(0)}") };
                return Simple(new ColumnType(ColumnKind.FixedBinary) { Width = length });
            case FixedBinaryType:
                int width = type.Int32(0);
                if (width is < 0 or > 1 << 24) throw new InvalidDataException($"binary values of {width} bytes");
                return Simple(new ColumnType(ColumnKind.FixedBinary) { Width = width });
            case BinaryType or LargeBinaryType:
                return (new ColumnType(ColumnKind.Binary), ArrowLayout.Bytes, kind == BinaryType ? 4 : 8);
            case TextType or LargeTextType:
                return (new ColumnType(ColumnKind.Text), ArrowLayout.Bytes, kind == TextType ? 4 : 8);
            case BinaryViewType or TextViewType:
                return (new ColumnType(kind == TextViewType ? ColumnKind.Text : ColumnKind.Binary), ArrowLayout.Views, 0);
            case ListType or LargeListType:
                return (new ColumnType(ColumnKind.List) { Fields = fields }, ArrowLayout.List, kind == ListType ? 4 : 8);
            case ListViewType or LargeListViewType:
                return (new ColumnType(ColumnKind.List) { Fields = fields }, ArrowLayout.ListView, kind == ListViewType ? 4 : 8);
            case FixedListType:
                if (type.Int32(0) < 0) throw new InvalidDataException($"lists of {type.Int32(0)} items");
                return (new ColumnType(ColumnKind.List) { Fields = fields }, ArrowLayout.FixedList, type.Int32(0));
            case MapType:
                if (fields[0].Type is not { Kind: ColumnKind.Struct, Fields.Count: 2 }) throw new InvalidDataException("the entries of a map are not pairs");
                return (new ColumnType(ColumnKind.Map) { Fields = fields }, ArrowLayout.List, 4);
            case StructType:
                return (new ColumnType(ColumnKind.Struct) { Fields = fields }, ArrowLayout.Struct, 0);
            case RunEndType:
                return (fields[1].Type, ArrowLayout.RunEnds, 0);
            default:
                return (new ColumnType(ColumnKind.Null), ArrowLayout.Unsupported, kind);
        }
    }

    private static (ColumnType, ArrowLayout, int) Simple(ColumnType type) => (type, ArrowLayout.Fixed, type.StorageWidth);

    private static TimeUnit Unit(short unit) => unit is >= 0 and <= 3 ? (TimeUnit)unit : throw new InvalidDataException($"time unit {unit}");
}
