using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Sirocco.Formats;

/// <summary>
/// Puts columns together from levels and values (Melnik et al. 2010, "Dremel", the other way round: all rows of a column at once instead of row by row).
/// </summary>
internal static class RecordAssembly
{
    /// <summary>Makes the column of a node.</summary>
    /// <param name="node">The node.</param>
    /// <param name="leaves">By leaf; only those below the node are looked at.</param>
    internal static Column Build(SchemaNode node, LeafBatch?[] leaves)
    {
        LeafBatch levels = leaves[FirstLeaf(node)]!;
        if (node.Leaf >= 0) return BuildLeaf(node, levels);
        return node.Field.Type.Kind == ColumnKind.Struct ? BuildStruct(node, levels, leaves) : BuildList(node, levels, leaves);
    }

    private static int FirstLeaf(SchemaNode node)
    {
        while (node.Leaf < 0) node = node.Children[0];
        return node.Leaf;
    }

    private static Column BuildStruct(SchemaNode node, LeafBatch levels, LeafBatch?[] leaves)
    {
        byte[]? valid = Validity(node, levels, out int rows);
        Column[] children = [.. node.Children.Select(child => Build(child, leaves))];
        return children.All(child => child.Length == rows) ? new Column(node.Field, rows, valid, children)
            : throw new InvalidDataException($"the fields of '{Visible.Short(node.Field.Name)}' have different numbers of values");
    }

    private static Column BuildList(SchemaNode node, LeafBatch levels, LeafBatch?[] leaves)
    {
        byte[]? valid = Validity(node, levels, out int rows);
        var lists = new ListItems[rows];
        int list = -1, items = 0;
        for (int i = 0; i < levels.Count; i++)
        {
            byte definition = levels.Definition[i], repetition = levels.Repetition[i];
            if (repetition <= node.RepetitionLevel && definition >= node.OuterLevel) lists[++list] = new ListItems(items, 0);
            if (repetition > node.RepetitionLevel + 1 || definition < node.ItemLevel) continue;
            if (list < 0) throw new InvalidDataException("an item belongs to no list");
            lists[list] = lists[list] with { Count = lists[list].Count + 1 };
            items++;
        }
        Column child = Build(node.Children[0], leaves);
        return child.Length == items ? new Column(node.Field, valid, lists, rows, child)
            : throw new InvalidDataException($"the parts of '{Visible.Short(node.Field.Name)}' have different numbers of items");
    }

    /// <summary>A byte for each row of the node, 0 where it is null; null where none is.</summary>
    private static byte[]? Validity(SchemaNode node, LeafBatch levels, out int rows)
    {
        rows = levels.Count;
        if (levels.Definition.Length == 0) return null;
        ReadOnlySpan<byte> definitions = levels.Definition.AsSpan(0, levels.Count);
        if (levels.Repetition.Length == 0 && !definitions.ContainsAnyInRange((byte)0, (byte)Math.Max(node.DefinitionLevel - 1, 0)))
            return null;
        if (levels.Repetition.Length == 0 && node.DefinitionLevel == 0) return null;
        byte[] valid = new byte[levels.Count];
        ReadOnlySpan<byte> repetitions = levels.Repetition.Length == 0 ? default : levels.Repetition.AsSpan(0, levels.Count);
        int count = 0, nulls = 0;
        for (int i = 0; i < definitions.Length; i++)
        {
            if (definitions[i] < node.OuterLevel || (!repetitions.IsEmpty && repetitions[i] > node.RepetitionLevel)) continue;
            bool there = definitions[i] >= node.DefinitionLevel;
            valid[count++] = there ? (byte)1 : (byte)0;
            if (!there) nulls++;
        }
        rows = count;
        return nulls > 0 ? valid : null;
    }

    private static Column BuildLeaf(SchemaNode node, LeafBatch batch)
    {
        byte[]? valid = Validity(node, batch, out int rows);
        LeafValues values = batch.Values;
        int present = valid is null ? rows : valid.AsSpan(0, rows).Count((byte)1);
        if (present != values.Count) throw new InvalidDataException($"{values.Count} values where the levels say {present}");
        ColumnType type = node.Field.Type;
        if (type.Kind == ColumnKind.Null) return new Column(node.Field, rows, valid, []);
        if (type.Kind is ColumnKind.Text or ColumnKind.Binary)
            return new Column(node.Field, rows, valid, Spread(values.Views, valid, rows), values.Buffers);
        ReadOnlyMemory<byte> numbers = Convert(batch.Leaf, values);
        return new Column(node.Field, rows, valid, valid is null ? numbers : SpreadBytes(numbers.Span, valid, rows, type.StorageWidth));
    }

    /// <summary>Leaves room where the nulls are.</summary>
    private static T[] Spread<T>(T[] values, byte[]? valid, int rows)
    {
        if (valid is null) return values;
        var spread = new T[rows];
        for (int i = 0, next = 0; i < rows; i++)
            if (valid[i] != 0) spread[i] = values[next++];
        return spread;
    }

    private static ReadOnlyMemory<byte> SpreadBytes(ReadOnlySpan<byte> values, byte[] valid, int rows, int width) => width switch
    {
        1 => Spread(values.ToArray(), valid, rows),
        4 => MemoryMarshal.AsBytes(Spread(MemoryMarshal.Cast<byte, uint>(values).ToArray(), valid, rows).AsSpan()).ToArray(),
        8 => MemoryMarshal.AsBytes(Spread(MemoryMarshal.Cast<byte, ulong>(values).ToArray(), valid, rows).AsSpan()).ToArray(),
        _ => SpreadAny(values, valid, rows, width),
    };

    private static byte[] SpreadAny(ReadOnlySpan<byte> values, byte[] valid, int rows, int width)
    {
        byte[] spread = new byte[checked(rows * width)];
        for (int i = 0, next = 0; i < rows; i++)
            if (valid[i] != 0) values.Slice(next++ * width, width).CopyTo(spread.AsSpan(i * width));
        return spread;
    }

    /// <summary>From the width that Parquet stores to the width that a column has.</summary>
    private static ReadOnlyMemory<byte> Convert(SchemaLeaf leaf, LeafValues values)
    {
        ColumnType type = leaf.LogicalType;
        ReadOnlySpan<byte> from = values.Numbers.Span;
        int width = type.StorageWidth, count = values.Count;
        if (type.Kind == ColumnKind.Decimal)
        {
            byte[] wide = new byte[checked(count * width)];
            for (int i = 0; i < count; i++) WriteDecimal(leaf, values, i, wide.AsSpan(i * width, width));
            return wide;
        }
        if (leaf.Type == PhysicalType.Int96) return Timestamps(from);
        if (leaf.Width == width) return values.Numbers;
        ReadOnlySpan<int> numbers = MemoryMarshal.Cast<byte, int>(from);
        byte[] to = new byte[checked(count * width)];
        for (int i = 0; i < count; i++)
        {
            if (width == 1) to[i] = (byte)numbers[i];
            else if (width == 2) BinaryPrimitives.WriteInt16LittleEndian(to.AsSpan(i * 2), (short)numbers[i]);
            else BinaryPrimitives.WriteInt64LittleEndian(to.AsSpan(i * 8), numbers[i]);
        }
        return to;
    }

    private static void WriteDecimal(SchemaLeaf leaf, LeafValues values, int i, Span<byte> to)
    {
        bool bigEndian = leaf.Type is PhysicalType.ByteArray or PhysicalType.FixedLenByteArray;
        ReadOnlySpan<byte> from = leaf.Type == PhysicalType.ByteArray ? values.Bytes(i) : values.Numbers.Span.Slice(i * leaf.Width, leaf.Width);
        if (from.IsEmpty || from.Length > to.Length) throw new InvalidDataException($"a decimal of {from.Length} bytes");
        from.CopyTo(to);
        if (bigEndian) to[..from.Length].Reverse();
        to[from.Length..].Fill((sbyte)to[from.Length - 1] < 0 ? (byte)0xFF : (byte)0);
    }

    // INT96: nanoseconds of the day, then the Julian day; 2,440,588 is 1970-01-01. Times that 64 bits of nanoseconds cannot hold wrap, as they do elsewhere.
    private static byte[] Timestamps(ReadOnlySpan<byte> from)
    {
        byte[] to = new byte[from.Length / 12 * 8];
        for (int i = 0; i < to.Length / 8; i++)
        {
            ReadOnlySpan<byte> value = from.Slice(i * 12, 12);
            long nanoseconds = BinaryPrimitives.ReadInt64LittleEndian(value), days = BinaryPrimitives.ReadInt32LittleEndian(value[8..]) - 2_440_588L;
            BinaryPrimitives.WriteInt64LittleEndian(to.AsSpan(i * 8), (days * 86_400_000_000_000) + nanoseconds);
        }
        return to;
    }
}
