namespace Sirocco.Formats;

/// <summary>parquet.thrift, PageType.</summary>
internal enum PageKind
{
    Data = 0,
    Index = 1,
    Dictionary = 2,
    DataV2 = 3,
}

/// <summary>What stands before each page (parquet.thrift, PageHeader).</summary>
internal struct PageHeader
{
    internal PageKind Kind;
    internal int UncompressedSize, CompressedSize, ValueCount;
    internal int? Checksum;
    internal ParquetEncoding Encoding, DefinitionEncoding, RepetitionEncoding;

    /// <summary>Bytes of levels, which lie uncompressed before the values; only of <see cref="PageKind.DataV2"/>.</summary>
    internal int DefinitionBytes, RepetitionBytes;

    /// <summary>Whether the values are compressed if the column is; only of <see cref="PageKind.DataV2"/>.</summary>
    internal bool IsCompressed;

    /// <summary>Reads the header at the start of <paramref name="bytes"/>.</summary>
    internal static PageHeader Read(ReadOnlySpan<byte> bytes, out int length)
    {
        var reader = new ThriftReader(bytes);
        var header = new PageHeader { IsCompressed = true };
        int? kind = null, uncompressed = null, compressed = null;
        int described = 0;
        while (reader.NextField(out short id, out ThriftType type))
        {
            switch (id, type)
            {
                case (1, ThriftType.I32): kind = reader.ReadInt32(); break;
                case (2, ThriftType.I32): uncompressed = reader.ReadInt32(); break;
                case (3, ThriftType.I32): compressed = reader.ReadInt32(); break;
                case (4, ThriftType.I32): header.Checksum = reader.ReadInt32(); break;
                case (5 or 7 or 8, ThriftType.Struct):
                    described = id;
                    ReadKind(ref reader, id, ref header);
                    break;
                default: reader.Skip(type); break;
            }
        }
        length = reader.Position;
        if (kind is null || uncompressed is not >= 0 || compressed is not >= 0) throw reader.Bad("the page header lacks its kind or sizes");
        header.Kind = (PageKind)kind;
        (header.UncompressedSize, header.CompressedSize) = (uncompressed.Value, compressed.Value);
        int expected = header.Kind switch { PageKind.Data => 5, PageKind.Dictionary => 7, PageKind.DataV2 => 8, _ => described };
        if (described != expected || header.ValueCount < 0 || header.DefinitionBytes < 0 || header.RepetitionBytes < 0)
            throw reader.Bad("the page header does not describe its kind of page");
        return header;
    }

    private static void ReadKind(ref ThriftReader reader, short kind, ref PageHeader header)
    {
        bool counted = false, encoded = false;
        short outer = reader.BeginStruct();
        while (reader.NextField(out short id, out ThriftType type))
        {
            switch (kind, id, type)
            {
                case (_, 1, ThriftType.I32):
                    header.ValueCount = reader.ReadInt32();
                    counted = true;
                    break;
                case (5 or 7, 2, ThriftType.I32) or (8, 4, ThriftType.I32):
                    header.Encoding = (ParquetEncoding)reader.ReadInt32();
                    encoded = true;
                    break;
                case (5, 3, ThriftType.I32): header.DefinitionEncoding = (ParquetEncoding)reader.ReadInt32(); break;
                case (5, 4, ThriftType.I32): header.RepetitionEncoding = (ParquetEncoding)reader.ReadInt32(); break;
                case (8, 5, ThriftType.I32): header.DefinitionBytes = reader.ReadInt32(); break;
                case (8, 6, ThriftType.I32): header.RepetitionBytes = reader.ReadInt32(); break;
                case (8, 7, ThriftType.True or ThriftType.False): header.IsCompressed = type == ThriftType.True; break;
                default: reader.Skip(type); break;
            }
        }
        reader.EndStruct(outer);
        if (!counted || !encoded) throw reader.Bad("the page header lacks the number or the encoding of its values");
    }
}
