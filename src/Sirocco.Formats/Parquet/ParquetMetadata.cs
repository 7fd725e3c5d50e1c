namespace Sirocco.Formats;

/// <summary>How the values of a column are stored before encoding (parquet.thrift, Type).</summary>
internal enum PhysicalType
{
    Boolean = 0,
    Int32 = 1,
    Int64 = 2,
    Int96 = 3,
    Float = 4,
    Double = 5,
    ByteArray = 6,
    FixedLenByteArray = 7,
}

/// <summary>How pages are compressed (parquet.thrift, CompressionCodec).</summary>
public enum ParquetCodec
{
    Uncompressed = 0,
    Snappy = 1,
    Gzip = 2,
    Lzo = 3,
    Brotli = 4,
    /// <summary>LZ4 in Hadoop's framing.</summary>
    Lz4Hadoop = 5,
    Zstd = 6,
    /// <summary>Bare LZ4 blocks.</summary>
    Lz4 = 7,
}

/// <summary>How values are encoded (parquet.thrift, Encoding).</summary>
public enum ParquetEncoding
{
    Plain = 0,
    PlainDictionary = 2,
    Rle = 3,
    BitPacked = 4,
    DeltaBinaryPacked = 5,
    DeltaLengthByteArray = 6,
    DeltaByteArray = 7,
    RleDictionary = 8,
    ByteStreamSplit = 9,
}

/// <summary>parquet.thrift, FieldRepetitionType.</summary>
internal enum Repetition
{
    Required = 0,
    Optional = 1,
    Repeated = 2,
}

/// <summary>A node of the schema as it stands in the file (parquet.thrift, SchemaElement).</summary>
internal sealed class SchemaElement
{
    internal string? Name { get; set; }
    internal int? Type { get; set; }
    internal int TypeLength { get; set; }
    internal int? Repetition { get; set; }
    internal int ChildCount { get; set; }
    internal int? ConvertedType { get; set; }
    internal int Scale { get; set; }
    internal int Precision { get; set; }

    /// <summary>The field that is set of the union LogicalType; 0 for none.</summary>
    internal int LogicalType { get; set; }
    internal bool IsAdjustedToUtc { get; set; }
    internal TimeUnit Unit { get; set; }
    internal int BitWidth { get; set; }
    internal bool IsSigned { get; set; }
}

/// <summary>One column of one row group: where its pages are.</summary>
/// <param name="Path">Names from the root of the schema, joined by dots.</param>
/// <param name="Codec">How its pages are compressed.</param>
/// <param name="Encodings">What its pages are encoded with.</param>
/// <param name="ValueCount">Values, nulls and empty lists included.</param>
/// <param name="CompressedBytes">In the file.</param>
/// <param name="UncompressedBytes">After decompression.</param>
public sealed record ParquetColumnChunk(
    string Path, ParquetCodec Codec, IReadOnlyList<ParquetEncoding> Encodings, long ValueCount, long CompressedBytes, long UncompressedBytes)
{
    internal PhysicalType Type { get; init; }

    /// <summary>Of the first page, which is the dictionary if there is one.</summary>
    internal long Offset { get; init; }
}

/// <summary>A part of the rows, stored column by column.</summary>
public sealed record ParquetRowGroup(long RowCount, IReadOnlyList<ParquetColumnChunk> Columns);

/// <summary>The footer of a Parquet file (parquet.thrift, FileMetaData).</summary>
internal sealed record ParquetMetadata(
    IReadOnlyList<SchemaElement> Schema,
    long RowCount,
    IReadOnlyList<ParquetRowGroup> RowGroups,
    IReadOnlyDictionary<string, string> KeyValues,
    string? CreatedBy)
{
    // The type in a list's header is not looked at where the field's number says what it holds, as in the readers that Thrift generates.
    internal static ParquetMetadata Read(ReadOnlySpan<byte> footer)
    {
        var reader = new ThriftReader(footer);
        List<SchemaElement>? schema = null;
        List<ParquetRowGroup>? groups = null;
        long? rows = null;
        bool versioned = false;
        var keyValues = new Dictionary<string, string>(StringComparer.Ordinal);
        string? creator = null;
        while (reader.NextField(out short id, out ThriftType type))
        {
            switch (id, type)
            {
                case (1, ThriftType.I32):
                    reader.ReadInt32();
                    versioned = true;
                    break;
                case (2, ThriftType.List):
                    schema = [];
                    for (int count = reader.ReadList(out _); count > 0; count--) schema.Add(ReadElement(ref reader));
                    break;
                case (3, ThriftType.I64):
                    rows = reader.ReadInteger();
                    break;
                case (4, ThriftType.List):
                    groups = [];
                    for (int count = reader.ReadList(out _); count > 0; count--) groups.Add(ReadRowGroup(ref reader));
                    break;
                case (5, ThriftType.List):
                    for (int count = reader.ReadList(out _); count > 0; count--) ReadKeyValue(ref reader, keyValues);
                    break;
                case (6, ThriftType.Binary):
                    creator = reader.ReadText();
                    break;
                case (8, ThriftType.Struct):
                    throw reader.Bad("the file is encrypted; decrypt it first");
                default:
                    reader.Skip(type);
                    break;
            }
        }
        if (schema is null || groups is null || rows is not >= 0 || !versioned)
            throw reader.Bad("the footer lacks its version, schema, row count or row groups");
        return new ParquetMetadata(schema, rows.Value, groups, keyValues, creator);
    }

    private static SchemaElement ReadElement(ref ThriftReader reader)
    {
        var element = new SchemaElement();
        short outer = reader.BeginStruct();
        while (reader.NextField(out short id, out ThriftType type))
        {
            switch (id, type)
            {
                case (1, ThriftType.I32): element.Type = reader.ReadInt32(); break;
                case (2, ThriftType.I32): element.TypeLength = reader.ReadInt32(); break;
                case (3, ThriftType.I32): element.Repetition = reader.ReadInt32(); break;
                case (4, ThriftType.Binary): element.Name = reader.ReadText(); break;
                case (5, ThriftType.I32): element.ChildCount = reader.ReadInt32(); break;
                case (6, ThriftType.I32): element.ConvertedType = reader.ReadInt32(); break;
                case (7, ThriftType.I32): element.Scale = reader.ReadInt32(); break;
                case (8, ThriftType.I32): element.Precision = reader.ReadInt32(); break;
                case (10, ThriftType.Struct): ReadLogicalType(ref reader, element); break;
                default: reader.Skip(type); break;
            }
        }
        reader.EndStruct(outer);
        if (element.Name is null) throw reader.Bad("a schema element has no name");
        return element;
    }

    private static void ReadLogicalType(ref ThriftReader reader, SchemaElement element)
    {
        short outer = reader.BeginStruct();
        while (reader.NextField(out short id, out ThriftType type))
        {
            if (type != ThriftType.Struct) throw reader.Bad("a logical type is not a struct");
            element.LogicalType = id;
            short union = reader.BeginStruct();
            while (reader.NextField(out short part, out ThriftType partType))
            {
                switch (id, part, partType)
                {
                    case (LogicalTypes.Decimal, 1, ThriftType.I32): element.Scale = reader.ReadInt32(); break;
                    case (LogicalTypes.Decimal, 2, ThriftType.I32): element.Precision = reader.ReadInt32(); break;
                    case (LogicalTypes.Time or LogicalTypes.Timestamp, 1, _): element.IsAdjustedToUtc = partType == ThriftType.True; break;
                    case (LogicalTypes.Time or LogicalTypes.Timestamp, 2, ThriftType.Struct): element.Unit = ReadUnit(ref reader); break;
                    case (LogicalTypes.Integer, 1, ThriftType.Byte): element.BitWidth = reader.ReadByte(); break;
                    case (LogicalTypes.Integer, 2, _): element.IsSigned = partType == ThriftType.True; break;
                    default: reader.Skip(partType); break;
                }
            }
            reader.EndStruct(union);
        }
        reader.EndStruct(outer);
    }

    private static TimeUnit ReadUnit(ref ThriftReader reader)
    {
        TimeUnit unit = TimeUnit.Millisecond;
        short outer = reader.BeginStruct();
        while (reader.NextField(out short id, out ThriftType type))
        {
            unit = id switch
            {
                1 => TimeUnit.Millisecond,
                2 => TimeUnit.Microsecond,
                3 => TimeUnit.Nanosecond,
                _ => throw reader.Bad($"time unit {id} is not known"),
            };
            reader.Skip(type);
        }
        reader.EndStruct(outer);
        return unit;
    }

    private static void ReadKeyValue(ref ThriftReader reader, Dictionary<string, string> into)
    {
        string? key = null, value = null;
        short outer = reader.BeginStruct();
        while (reader.NextField(out short id, out ThriftType type))
        {
            if (id == 1 && type == ThriftType.Binary) key = reader.ReadText();
            else if (id == 2 && type == ThriftType.Binary) value = reader.ReadText();
            else reader.Skip(type);
        }
        reader.EndStruct(outer);
        if (key is null) throw reader.Bad("an entry of the file's metadata has no key");
        into[key] = value ?? "";
    }

    private static ParquetRowGroup ReadRowGroup(ref ThriftReader reader)
    {
        List<ParquetColumnChunk>? columns = null;
        long? rows = null;
        bool sized = false;
        short outer = reader.BeginStruct();
        while (reader.NextField(out short id, out ThriftType type))
        {
            switch (id, type)
            {
                case (1, ThriftType.List):
                    columns = [];
                    for (int count = reader.ReadList(out _); count > 0; count--) columns.Add(ReadChunk(ref reader));
                    break;
                case (2, ThriftType.I64):
                    reader.ReadInteger();
                    sized = true;
                    break;
                case (3, ThriftType.I64):
                    rows = reader.ReadInteger();
                    break;
                default:
                    reader.Skip(type);
                    break;
            }
        }
        reader.EndStruct(outer);
        if (columns is null || rows is not >= 0 || !sized) throw reader.Bad("a row group lacks its columns, size or row count");
        return new ParquetRowGroup(rows.Value, columns);
    }

    private static ParquetColumnChunk ReadChunk(ref ThriftReader reader)
    {
        ParquetColumnChunk? chunk = null;
        bool placed = false;
        short outer = reader.BeginStruct();
        while (reader.NextField(out short id, out ThriftType type))
        {
            switch (id, type)
            {
                case (1, ThriftType.Binary):
                    throw reader.Bad(
                        $"a column lies in another file, '{Visible.Short(reader.ReadText())}'; open the files of the data set instead of its summary");
                case (2, ThriftType.I64):
                    reader.ReadInteger();
                    placed = true;
                    break;
                case (3, ThriftType.Struct):
                    chunk = ReadColumn(ref reader);
                    break;
                case (8 or 9, _):
                    throw reader.Bad("a column is encrypted; decrypt the file first");
                default:
                    reader.Skip(type);
                    break;
            }
        }
        reader.EndStruct(outer);
        return chunk is not null && placed ? chunk : throw reader.Bad("a column of a row group lacks its offset or description");
    }

    private static ParquetColumnChunk ReadColumn(ref ThriftReader reader)
    {
        int? physical = null, codec = null;
        List<ParquetEncoding>? encodings = null;
        List<string>? path = null;
        long? values = null, uncompressed = null, compressed = null, data = null, dictionary = null;
        short outer = reader.BeginStruct();
        while (reader.NextField(out short id, out ThriftType type))
        {
            switch (id, type)
            {
                case (1, ThriftType.I32): physical = reader.ReadInt32(); break;
                case (2, ThriftType.List):
                    encodings = [];
                    for (int count = reader.ReadList(out _); count > 0; count--) encodings.Add((ParquetEncoding)reader.ReadInt32());
                    break;
                case (3, ThriftType.List):
                    path = [];
                    for (int names = reader.ReadList(out _); names > 0; names--) path.Add(reader.ReadText());
                    break;
                case (4, ThriftType.I32): codec = reader.ReadInt32(); break;
                case (5, ThriftType.I64): values = reader.ReadInteger(); break;
                case (6, ThriftType.I64): uncompressed = reader.ReadInteger(); break;
                case (7, ThriftType.I64): compressed = reader.ReadInteger(); break;
                case (9, ThriftType.I64): data = reader.ReadInteger(); break;
                case (11, ThriftType.I64): dictionary = reader.ReadInteger(); break;
                case (13, ThriftType.List):   // how many pages have which encoding
                    for (int count = reader.ReadList(out _); count > 0; count--) reader.Skip(ThriftType.Struct);
                    break;
                default: reader.Skip(type); break;
            }
        }
        reader.EndStruct(outer);
        if (physical is null || codec is null || encodings is null || path is null || values is not >= 0 || uncompressed is not >= 0
            || compressed is not >= 0 || data is not >= 0)
        {
            throw reader.Bad("the description of a column lacks a part or has a negative size");
        }
        if (physical is < 0 or > (int)PhysicalType.FixedLenByteArray) throw reader.Bad($"physical type {physical} does not exist");
        if (codec is < 0 or > (int)ParquetCodec.Lz4) throw reader.Bad($"codec {codec} is not known");
        return new ParquetColumnChunk(string.Join('.', path), (ParquetCodec)codec, encodings, values.Value, compressed.Value, uncompressed.Value)
        {
            Type = (PhysicalType)physical,
            // Some writers leave the dictionary's offset at 0 where there is none.
            Offset = dictionary > 0 && dictionary < data ? dictionary.Value : data.Value,
        };
    }
}

/// <summary>Fields of the union LogicalType (parquet.thrift).</summary>
internal static class LogicalTypes
{
    internal const int String = 1, Map = 2, List = 3, Enum = 4, Decimal = 5, Date = 6, Time = 7, Timestamp = 8, Integer = 10, Unknown = 11, Json = 12,
        Uuid = 14, Float16 = 15;
}
