using System.Buffers.Binary;
using System.Text.Unicode;

namespace Sirocco.Formats;

/// <summary>Makes columns out of the nodes and buffers of one record batch, which follow each other in the order of the schema, depth first.</summary>
internal ref struct ArrowBatchReader
{
    private readonly MappedFile file;
    private readonly ArrowMessage message;
    private readonly ReadOnlySpan<byte> nodes, buffers, variadic;
    private readonly int codec;
    private readonly Func<long, Column> dictionary;
    private readonly List<PooledBytes> held;
    private int node, buffer, view;

    // Rows that take no bytes in the file are not believed beyond a number that memory has room for.
    private readonly long MostRows => (1 << 24) + (8 * message.BodyLength);

    internal ArrowBatchReader(MappedFile file, ArrowMessage message, FlatTable batch, Func<long, Column> dictionary, List<PooledBytes> held)
    {
        this.file = file;
        this.message = message;
        this.dictionary = dictionary;
        this.held = held;
        nodes = batch.Structs(1, 16);
        buffers = batch.Structs(2, 16);
        variadic = batch.Structs(4, 8);
        codec = -1;
        if (!batch.Has(3)) return;
        FlatTable compression = batch.Table(3);
        codec = compression.Byte(0);
        if (codec > 1 || compression.Byte(1) != 0) throw new InvalidDataException($"compression {codec} is not known");
    }

    /// <summary>Steps over a column that is not wanted.</summary>
    internal void Skip(ArrowField field)
    {
        NextNode(out _);
        ArrowLayout layout = field.Dictionary is null ? field.Layout : ArrowLayout.Fixed;
        buffer += layout switch
        {
            ArrowLayout.Null or ArrowLayout.RunEnds => 0,
            ArrowLayout.Struct or ArrowLayout.FixedList => 1,
            ArrowLayout.Bytes or ArrowLayout.ListView => 3,
            ArrowLayout.Views => 2 + NextVariadic(),
            ArrowLayout.Unsupported => throw Unsupported(field),
            _ => 2,
        };
        if (field.Dictionary is not null) return;
        foreach (ArrowField child in field.Children) Skip(child);
    }

    internal Column Read(ArrowField field)
    {
        int rows = NextNode(out long nulls);
        ColumnType type = field.Field.Type;
        if (field.Dictionary is { } id)
        {
            byte[]? known = Validity(rows, nulls);
            return dictionary(id).Take(Indices(NextBuffer(), rows, field, known), field.Field);
        }
        switch (field.Layout)
        {
            case ArrowLayout.Null:
                return new Column(field.Field, rows, null, []);
            case ArrowLayout.RunEnds:
                return ReadRuns(field, rows);
            case ArrowLayout.Unsupported:
                throw Unsupported(field);
        }
        byte[]? valid = Validity(rows, nulls);
        switch (field.Layout)
        {
            case ArrowLayout.Bits:
                return new Column(field.Field, rows, valid, Bits(NextBuffer(), rows));
            case ArrowLayout.Fixed:
                ReadOnlyMemory<byte> values = Exactly(NextBuffer(), rows, field.Width);
                return new Column(field.Field, rows, valid, field.Width == type.StorageWidth ? values : Widen(values.Span, rows, field.Width, type));
            case ArrowLayout.Bytes:
                ReadOnlyMemory<byte> offsets = NextBuffer();
                return ReadBytes(field, rows, valid, offsets, NextBuffer());
            case ArrowLayout.Views:
                return ReadViews(field, rows, valid);
            case ArrowLayout.Struct:
                var children = new Column[field.Children.Count];
                for (int i = 0; i < children.Length; i++)
                {
                    if ((children[i] = Read(field.Children[i])).Length != rows)
                        throw new InvalidDataException($"{children[i].Length} values of a field for {rows} structs");
                }
                return new Column(field.Field, rows, valid, children);
            case ArrowLayout.FixedList:
                if ((long)rows * field.Width > int.MaxValue || rows > MostRows) throw new InvalidDataException($"{rows} lists of {field.Width} items");
                var equal = new ListItems[rows];
                for (int i = 0; i < rows; i++) equal[i] = new ListItems(i * field.Width, field.Width);
                return Lists(field, rows, valid, equal);
            case ArrowLayout.ListView:
                ReadOnlyMemory<byte> starts = Exactly(NextBuffer(), rows, field.Width), sizes = Exactly(NextBuffer(), rows, field.Width);
                var views = new ListItems[rows];
                for (int i = 0; i < rows; i++)
                    if (valid is null || valid[i] != 0) views[i] = new ListItems(Offset(starts.Span, i, field.Width), Offset(sizes.Span, i, field.Width));
                return Lists(field, rows, valid, views);
            default:
                ReadOnlyMemory<byte> ends = Exactly(NextBuffer(), rows == 0 ? 0 : rows + 1L, field.Width);
                var lists = new ListItems[rows];
                for (int i = 0; i < rows; i++)
                {
                    int start = Offset(ends.Span, i, field.Width), end = Offset(ends.Span, i + 1, field.Width);
                    lists[i] = end >= start ? new ListItems(start, end - start) : throw new InvalidDataException($"list {i} ends before it begins");
                }
                return Lists(field, rows, valid, lists);
        }
    }

    private Column Lists(ArrowField field, int rows, byte[]? valid, ListItems[] items)
    {
        Column child = Read(field.Children[0]);
        for (int i = 0; i < rows; i++)
            if (items[i].Start > child.Length - items[i].Count) throw new InvalidDataException($"list {i} exceeds the {child.Length} items");
        return new Column(field.Field, valid, items, rows, child);
    }

    private static Column ReadBytes(ArrowField field, int rows, byte[]? valid, ReadOnlyMemory<byte> offsets, ReadOnlyMemory<byte> bytes)
    {
        ReadOnlySpan<byte> ends = Exactly(offsets, rows == 0 ? 0 : rows + 1L, field.Width).Span, all = bytes.Span;
        bool isText = field.Field.Type.Kind == ColumnKind.Text;
        var views = new ByteView[rows];
        int start = rows == 0 ? 0 : Offset(ends, 0, field.Width);
        for (int i = 0; i < rows; i++)
        {
            int end = Offset(ends, i + 1, field.Width);
            if (end < start || end > all.Length) throw new InvalidDataException($"value {i} lies outside its {all.Length} bytes");
            views[i] = new ByteView(0, start, end - start);
            if (isText && (valid is null || valid[i] != 0)) CheckText(all[start..end]);
            start = end;
        }
        return new Column(field.Field, rows, valid, views, [bytes]);
    }

    private Column ReadViews(ArrowField field, int rows, byte[]? valid)
    {
        var data = new ReadOnlyMemory<byte>[1 + NextVariadic()];
        data[0] = Exactly(NextBuffer(), rows, 16);
        for (int i = 1; i < data.Length; i++) data[i] = NextBuffer();
        ReadOnlySpan<byte> all = data[0].Span;
        var views = new ByteView[rows];
        for (int i = 0; i < rows; i++)
        {
            if (valid is not null && valid[i] == 0) continue;
            // A length, then the text itself if it has at most 12 bytes, else its first four, the buffer and the place there.
            ReadOnlySpan<byte> entry = all.Slice(i * 16, 16);
            int length = BinaryPrimitives.ReadInt32LittleEndian(entry);
            if (length < 0) throw new InvalidDataException($"value {i} has a negative length");
            int which = length <= 12 ? -1 : BinaryPrimitives.ReadInt32LittleEndian(entry[8..]);
            int start = length <= 12 ? (i * 16) + 4 : BinaryPrimitives.ReadInt32LittleEndian(entry[12..]);
            if (which < -1 || which >= data.Length - 1 || start < 0 || start > data[which + 1].Length - length)
                throw new InvalidDataException($"value {i} lies outside its buffers");
            views[i] = new ByteView(which + 1, start, length);
            if (field.Field.Type.Kind == ColumnKind.Text) CheckText(data[which + 1].Span.Slice(start, length));
        }
        return new Column(field.Field, rows, valid, views, data);
    }

    private Column ReadRuns(ArrowField field, int rows)
    {
        Column ends = Read(field.Children[0]), values = Read(field.Children[1]);
        if (ends.Field.Type.Kind is not (ColumnKind.Int16 or ColumnKind.Int32 or ColumnKind.Int64) || ends.Length != values.Length)
            throw new InvalidDataException("run ends are not whole numbers, one for each value");
        if (rows > MostRows) throw new InvalidDataException($"{rows} rows in runs");
        int[] indices = new int[rows];
        int at = 0;
        for (int run = 0; run < ends.Length && at < rows; run++)
        {
            long end = ends.Integer(run);
            if (end <= at) throw new InvalidDataException($"run {run} ends before it begins");
            indices.AsSpan(at, (int)Math.Min(end, rows) - at).Fill(run);
            at = (int)Math.Min(end, rows);
        }
        return at == rows ? values.Take(indices, field.Field) : throw new InvalidDataException($"the runs end after {at} of {rows} rows");
    }

    /// <param name="nulls">How many values are null; −1 where the writer did not count them, as Arrow's JavaScript writer in slices.</param>
    private int NextNode(out long nulls)
    {
        if (nodes.Length / 16 <= node) throw new InvalidDataException("the record batch has fewer columns than the schema");
        ReadOnlySpan<byte> entry = nodes.Slice(16 * node++, 16);
        long length = BinaryPrimitives.ReadInt64LittleEndian(entry);
        nulls = BinaryPrimitives.ReadInt64LittleEndian(entry[8..]);
        return length is >= 0 and <= int.MaxValue && nulls >= -1 && nulls <= length ? (int)length
            : throw new InvalidDataException($"{length} values, {nulls} of them null");
    }

    private int NextVariadic()
    {
        if (variadic.Length / 8 <= view) throw new InvalidDataException("the record batch does not say how many buffers a column of views has");
        long count = BinaryPrimitives.ReadInt64LittleEndian(variadic[(8 * view++)..]);
        return count >= 0 && count <= buffers.Length / 16 ? (int)count : throw new InvalidDataException($"a column of {count} buffers");
    }

    private ReadOnlyMemory<byte> NextBuffer()
    {
        if (buffers.Length / 16 <= buffer) throw new InvalidDataException("the record batch has fewer buffers than its columns need");
        ReadOnlySpan<byte> entry = buffers.Slice(16 * buffer++, 16);
        long offset = BinaryPrimitives.ReadInt64LittleEndian(entry), length = BinaryPrimitives.ReadInt64LittleEndian(entry[8..]);
        if (offset < 0 || length is < 0 or > int.MaxValue || offset > message.BodyLength - length)
            throw new InvalidDataException($"a buffer of {length} bytes at {offset} exceeds the body of {message.BodyLength}");
        if (length == 0) return default;
        ReadOnlyMemory<byte> bytes = new MappedBytes(file, message.BodyOffset + offset, (int)length).Memory;
        return codec < 0 ? bytes : Unpack(bytes);
    }

    /// <summary>A compressed buffer starts with its length; -1 says that it was left as it is.</summary>
    private readonly ReadOnlyMemory<byte> Unpack(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length < 8) throw new InvalidDataException("a compressed buffer has no length");
        long length = BinaryPrimitives.ReadInt64LittleEndian(bytes.Span);
        bytes = bytes[8..];
        if (length == -1) return bytes;
        long highest = bytes.Length * (long)(codec == 0 ? Lz4.HighestRatio : ZstandardDecoder.HighestRatio);
        if (length < 0 || length > highest || length > int.MaxValue) throw new InvalidDataException($"{bytes.Length} compressed bytes cannot hold {length}");
        if (length == 0) return default;
        var unpacked = new PooledBytes((int)length);
        held.Add(unpacked);
        if (codec == 0) Lz4.DecompressFrame(bytes.Span, unpacked.Memory.Span);
        else ZstandardDecoder.Decompress(bytes.Span, unpacked.Memory.Span);
        return unpacked.Memory;
    }

    private byte[]? Validity(int rows, long nulls)
    {
        ReadOnlyMemory<byte> bits = NextBuffer();
        if (nulls == 0 || (bits.IsEmpty && (rows == 0 || nulls < 0))) return null;   // without bits no value is null
        return Bits(bits, rows);
    }

    /// <summary>A byte for each bit.</summary>
    private static byte[] Bits(ReadOnlyMemory<byte> bits, int count)
    {
        if (bits.Length < (count + 7L) / 8) throw new InvalidDataException($"{bits.Length} bytes for {count} bits");
        ReadOnlySpan<byte> packed = bits.Span;
        byte[] bytes = new byte[count];
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)((packed[i >> 3] >> (i & 7)) & 1);
        return bytes;
    }

    private static int[] Indices(ReadOnlyMemory<byte> buffer, int rows, ArrowField field, byte[]? valid)
    {
        ReadOnlySpan<byte> bytes = Exactly(buffer, rows, field.IndexWidth).Span;
        int[] indices = new int[rows];
        for (int i = 0; i < rows; i++)
        {
            ReadOnlySpan<byte> entry = bytes[(i * field.IndexWidth)..];
            long index = (field.IndexWidth, field.IndexIsSigned) switch
            {
                (1, true) => (sbyte)entry[0],
                (1, false) => entry[0],
                (2, true) => BinaryPrimitives.ReadInt16LittleEndian(entry),
                (2, false) => BinaryPrimitives.ReadUInt16LittleEndian(entry),
                (4, true) => BinaryPrimitives.ReadInt32LittleEndian(entry),
                (4, false) => BinaryPrimitives.ReadUInt32LittleEndian(entry),
                _ => BinaryPrimitives.ReadInt64LittleEndian(entry),
            };
            if (valid is not null && valid[i] == 0) indices[i] = -1;
            else indices[i] = index is >= 0 and <= int.MaxValue ? (int)index : throw new InvalidDataException($"dictionary index {index}");
        }
        return indices;
    }

    private static ReadOnlyMemory<byte> Exactly(ReadOnlyMemory<byte> buffer, long count, int width)
    {
        long size = count * width;
        return size <= buffer.Length ? buffer[..(int)size] : throw new InvalidDataException($"{buffer.Length} bytes for {count} values of {width}");
    }

    private static int Offset(ReadOnlySpan<byte> offsets, int index, int width)
    {
        long offset = width == 4 ? BinaryPrimitives.ReadInt32LittleEndian(offsets[(index * 4)..])
            : BinaryPrimitives.ReadInt64LittleEndian(offsets[(index * 8)..]);
        return offset is >= 0 and <= int.MaxValue ? (int)offset : throw new InvalidDataException($"offset {offset} of value {index}");
    }

    private static void CheckText(ReadOnlySpan<byte> text)
    {
        if (!Utf8.IsValid(text)) throw new InvalidDataException("a text is not valid UTF-8");
    }

    /// <summary>Times of 32 bits, dates in milliseconds and short decimals to the one width that columns have.</summary>
    private static byte[] Widen(ReadOnlySpan<byte> values, int rows, int width, ColumnType type)
    {
        int wide = type.StorageWidth;
        byte[] to = new byte[checked(rows * wide)];
        for (int i = 0; i < rows; i++)
        {
            long value = width == 4 ? BinaryPrimitives.ReadInt32LittleEndian(values[(i * 4)..]) : BinaryPrimitives.ReadInt64LittleEndian(values[(i * 8)..]);
            if (type.Kind == ColumnKind.Date)
                BinaryPrimitives.WriteInt32LittleEndian(to.AsSpan(i * wide), (int)Math.Clamp(value / 86_400_000, int.MinValue, int.MaxValue));
            else if (wide == 8) BinaryPrimitives.WriteInt64LittleEndian(to.AsSpan(i * wide), value);
            else BinaryPrimitives.WriteInt128LittleEndian(to.AsSpan(i * wide), value);
        }
        return to;
    }

    private static InvalidDataException Unsupported(ArrowField field) =>
        new($"its type {(field.Width == 14 ? "union" : $"number {field.Width}")} is not supported; leave the column out when writing the file");
}
