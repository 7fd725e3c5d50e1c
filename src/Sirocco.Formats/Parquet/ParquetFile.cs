using System.Buffers.Binary;

namespace Sirocco.Formats;

/// <summary>
/// A Parquet file (parquet-format 2.12): all encodings, both page versions, all codecs but LZO, nested columns. Rows come out in batches of a few megabytes;
/// only the columns asked for are touched. Statistics, indexes and Bloom filters are not used; encryption is not supported.
/// </summary>
public sealed class ParquetFile : TableFile
{
    private const int LargestBatch = 1 << 14, BatchBytes = 8 << 20;

    private readonly ParquetMetadata metadata;
    private readonly ParquetSchema schema;
    private readonly SchemaNode[] roots;

    private ParquetFile(MappedFile file)
        : base(file)
    {
        try
        {
            metadata = ParquetMetadata.Read(Footer(file));
            schema = new ParquetSchema(metadata.Schema);
            roots = [.. ArrowNote.Apply(metadata.KeyValues, schema.Roots)];
            for (int i = 0; i < metadata.RowGroups.Count; i++) Check(i, metadata.RowGroups[i]);
            long rows = metadata.RowGroups.Sum(group => group.RowCount);
            if (rows > 0 && schema.Leaves.Count == 0)
                throw new InvalidDataException($"has {rows} rows but no column that they could be in; the file is damaged");
            if (rows != metadata.RowCount) throw new InvalidDataException($"the row groups have {rows} rows, the file says {metadata.RowCount}");
        }
        catch (Exception e) when (e is InvalidDataException or OverflowException)
        {
            throw new InvalidDataException($"{file.Path}: {(e is OverflowException ? "the row groups' rows overflow" : Visible.OneLine(e.Message))}", e);
        }
        Fields = [.. roots.Select(root => root.Field)];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<ColumnField> Fields { get; }

    /// <inheritdoc/>
    public override long RowCount => metadata.RowCount;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Metadata => metadata.KeyValues;

    /// <summary>The program that wrote the file, if it says.</summary>
    public string? CreatedBy => metadata.CreatedBy;

    /// <summary>The parts that the rows are stored in.</summary>
    public IReadOnlyList<ParquetRowGroup> RowGroups => metadata.RowGroups;

    /// <summary>Maps a file and reads its footer.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is not a Parquet file, or its footer is damaged.</exception>
    public static new ParquetFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            return new ParquetFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<ColumnBatch> ReadBatches(IReadOnlyList<string>? columns = null)
    {
        int[] selected = Select(columns);
        return Enumerable.Range(0, RowGroups.Count).SelectMany(group => ReadRowGroup(group, selected));
    }

    /// <summary>Reads the rows of one row group.</summary>
    /// <param name="rowGroup">Its place in <see cref="RowGroups"/>.</param>
    /// <param name="columns">As in <see cref="ReadBatches"/>.</param>
    public IEnumerable<ColumnBatch> ReadRowGroup(int rowGroup, IReadOnlyList<string>? columns = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)rowGroup, (uint)RowGroups.Count, nameof(rowGroup));
        return ReadRowGroup(rowGroup, Select(columns));
    }

    private IEnumerable<ColumnBatch> ReadRowGroup(int rowGroup, int[] selected)
    {
        ParquetRowGroup group = RowGroups[rowGroup];
        SchemaNode[] nodes = [.. selected.Select(field => roots[field])];
        var readers = new ColumnChunkReader?[schema.Leaves.Count];
        try
        {
            foreach (int leaf in nodes.SelectMany(Leaves)) readers[leaf] ??= new ColumnChunkReader(File, rowGroup, schema.Leaves[leaf], group.Columns[leaf]);
            long bytes = readers.Select((reader, leaf) => reader is null ? 0 : Math.Min(group.Columns[leaf].UncompressedBytes, 1L << 40)).Sum();
            int batchRows = (int)Math.Clamp(BatchBytes / Math.Max(bytes / Math.Max(group.RowCount, 1), 1), 1, LargestBatch);
            long first = RowGroups.Take(rowGroup).Sum(before => before.RowCount);
            for (long row = 0; row < group.RowCount; row += batchRows)
                yield return ReadBatch(rowGroup, nodes, readers, first + row, (int)Math.Min(batchRows, group.RowCount - row));
        }
        finally
        {
            foreach (ColumnChunkReader? reader in readers) reader?.Dispose();
        }
    }

    private ColumnBatch ReadBatch(int rowGroup, SchemaNode[] nodes, ColumnChunkReader?[] readers, long first, int rows)
    {
        LeafBatch?[] leaves = [.. readers.Select(reader => reader?.Read(rows))];
        try
        {
            Column[] columns = [.. nodes.Select(node => RecordAssembly.Build(node, leaves))];
            if (columns.Any(column => column.Length != rows)) throw new InvalidDataException("its columns have different numbers of rows");
            return new ColumnBatch(first, rows, columns, [.. leaves.SelectMany(leaf => leaf?.Held ?? [])]);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{Path}: row group {rowGroup}, rows from {first}: {Visible.OneLine(e.Message)}", e);
        }
    }

    private static IEnumerable<int> Leaves(SchemaNode node) => node.Leaf >= 0 ? [node.Leaf] : node.Children.SelectMany(Leaves);

    private static ReadOnlySpan<byte> Footer(MappedFile file)
    {
        // "PAR1", pages, footer, its length in four bytes, "PAR1".
        if (file.Length < 12) throw new InvalidDataException($"is {file.Length} bytes; a Parquet file has at least 12");
        ReadOnlySpan<byte> tail = file.Span(file.Length - 8, 8);
        if (tail[4..].SequenceEqual("PARE"u8)) throw new InvalidDataException("is an encrypted Parquet file; decrypt it first");
        if (!tail[4..].SequenceEqual("PAR1"u8))
            throw new InvalidDataException($"offset {file.Length - 4}: does not end with PAR1; it is not a Parquet file, or it is truncated");
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(tail);
        if (length > file.Length - 12)
            throw new InvalidDataException($"offset {file.Length - 8}: a footer of {length} bytes exceeds the file of {file.Length}");
        return file.Span(file.Length - 8 - length, (int)length);
    }

    private void Check(int index, ParquetRowGroup group)
    {
        if (group.Columns.Count != schema.Leaves.Count)
            throw new InvalidDataException($"row group {index} has {group.Columns.Count} columns, the schema {schema.Leaves.Count}");
        for (int i = 0; i < group.Columns.Count; i++)
        {
            (ParquetColumnChunk chunk, SchemaLeaf leaf) = (group.Columns[i], schema.Leaves[i]);
            if (chunk.Type != leaf.Type)
                throw new InvalidDataException($"row group {index} stores column '{Visible.Short(leaf.Path)}' as {chunk.Type}, the schema says {leaf.Type}");
            if (leaf.RepetitionLevel == 0 && chunk.ValueCount != group.RowCount)
            {
                throw new InvalidDataException(
                    $"row group {index} has {chunk.ValueCount} values of column '{Visible.Short(leaf.Path)}' for {group.RowCount} rows");
            }
        }
    }
}
