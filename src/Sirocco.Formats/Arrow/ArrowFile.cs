using System.Buffers.Binary;

namespace Sirocco.Formats;

/// <summary>
/// An Arrow file in either format: the stream, as the datasets library saves and caches, or the file with a footer (Feather 2). Uncompressed columns are used
/// where they lie in the mapped file; LZ4 and Zstandard buffers are supported, unions and big-endian files are not.
/// </summary>
public sealed class ArrowFile : TableFile
{
    private readonly ArrowSchema schema;
    private readonly List<ArrowMessage> batches = [];
    private readonly List<long> firstRows = [0];
    private readonly ArrowDictionaries dictionaries;

    private ArrowFile(MappedFile file)
        : base(file)
    {
        try
        {
            var found = new List<(ArrowMessage Message, int BatchesBefore)>();
            IsStream = !StartsAsFile(file);
            schema = IsStream ? ReadStream(0, found) : ReadFile(found);
            foreach (ArrowMessage batch in batches)
            {
                long rows = batch.Header(file).Int64(0);
                if (rows is < 0 or > int.MaxValue) throw new InvalidDataException($"message at offset {batch.Offset}: a record batch of {rows} rows");
                firstRows.Add(firstRows[^1] + rows);
            }
            dictionaries = new ArrowDictionaries(file, schema, found);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{file.Path}: {Visible.OneLine(e.Message)}", e);
        }
        Fields = [.. schema.Fields.Select(field => field.Field)];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<ColumnField> Fields { get; }

    /// <inheritdoc/>
    public override long RowCount => firstRows[^1];

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Metadata => schema.Metadata;

    /// <summary>Whether it is in the stream format, without a footer.</summary>
    public bool IsStream { get; }

    /// <summary>Number of record batches.</summary>
    public int BatchCount => batches.Count;

    /// <summary>Maps a file and finds its record batches.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is not an Arrow file, or is damaged.</exception>
    public static new ArrowFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            return new ArrowFile(file);
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
        return Enumerable.Range(0, BatchCount).Select(batch => ReadBatch(batch, selected));
    }

    /// <summary>Reads one record batch.</summary>
    /// <param name="batch">From 0 to <see cref="BatchCount"/>.</param>
    /// <param name="columns">As in <see cref="ReadBatches"/>.</param>
    public ColumnBatch ReadBatch(int batch, IReadOnlyList<string>? columns = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)batch, (uint)BatchCount, nameof(batch));
        return ReadBatch(batch, Select(columns));
    }

    private ColumnBatch ReadBatch(int index, int[] selected)
    {
        ArrowMessage message = batches[index];
        int rows = (int)(firstRows[index + 1] - firstRows[index]);
        var held = new List<PooledBytes>();
        string where = $"record batch {index} at offset {message.Offset}";
        try
        {
            var reader = new ArrowBatchReader(File, message, message.Header(File), id => dictionaries.Get(id, index), held);
            var columns = new Column[schema.Fields.Count];
            for (int i = 0; i < columns.Length; i++)
            {
                where = $"record batch {index} at offset {message.Offset}, column '{Visible.Short(schema.Fields[i].Field.Name)}'";
                if (!selected.Contains(i)) reader.Skip(schema.Fields[i]);
                else if ((columns[i] = reader.Read(schema.Fields[i])).Length != rows)
                    throw new InvalidDataException($"{columns[i].Length} values for {rows} rows");
            }
            return new ColumnBatch(firstRows[index], rows, [.. selected.Select(i => columns[i])], held);
        }
        catch (InvalidDataException e)
        {
            foreach (PooledBytes bytes in held) bytes.Release();
            throw new InvalidDataException($"{Path}: {where}: {Visible.OneLine(e.Message)}", e);
        }
    }

    private static bool StartsAsFile(MappedFile file) => file.Length >= 8 && file.Span(0, 6).SequenceEqual("ARROW1"u8);

    private ArrowSchema ReadStream(long offset, List<(ArrowMessage, int)> found)
    {
        ArrowSchema? read = null;
        while (offset < File.Length && ArrowMessage.TryRead(File, offset, out ArrowMessage message))
        {
            if (read is null != (message.Kind == ArrowMessageKind.Schema))
            {
                throw new InvalidDataException(
                    $"message at offset {offset}: a message of kind {message.Kind} where {(read is null ? "the schema" : "a batch")} is expected");
            }
            switch (message.Kind)
            {
                case ArrowMessageKind.Schema:
                    read = ArrowSchema.Read(message.Header(File));
                    break;
                case ArrowMessageKind.DictionaryBatch:
                    found.Add((message, batches.Count));
                    break;
                case ArrowMessageKind.RecordBatch:
                    batches.Add(message);
                    break;
                default:
                    throw new InvalidDataException($"message at offset {offset}: a message of kind {(int)message.Kind} is not a table's");
            }
            offset = message.End;
        }
        return read ?? throw new InvalidDataException("is empty; an Arrow stream starts with its schema");
    }

    private ArrowSchema ReadFile(List<(ArrowMessage, int)> found)
    {
        // "ARROW1" and two zeros, a stream, the footer, its length in four bytes, "ARROW1".
        if (File.Length < 18 || !File.Span(File.Length - 6, 6).SequenceEqual("ARROW1"u8))
            throw new InvalidDataException($"offset {Math.Max(File.Length - 6, 0)}: does not end with ARROW1; it is truncated");
        int length = BinaryPrimitives.ReadInt32LittleEndian(File.Span(File.Length - 10, 4));
        if (length <= 0 || length > File.Length - 18) throw new InvalidDataException($"offset {File.Length - 10}: a footer of {length} bytes exceeds the file");
        FlatTable footer = FlatTable.Root(File.Span(File.Length - 10 - length, length));
        if (!footer.Has(1)) throw new InvalidDataException("the footer has no schema");
        ArrowSchema read = ArrowSchema.Read(footer.Table(1));
        // All dictionaries of a file hold for all of its batches.
        foreach (ArrowMessage message in Blocks(footer.Structs(2, 24), ArrowMessageKind.DictionaryBatch)) found.Add((message, 0));
        batches.AddRange(Blocks(footer.Structs(3, 24), ArrowMessageKind.RecordBatch));
        return read;
    }

    private List<ArrowMessage> Blocks(ReadOnlySpan<byte> blocks, ArrowMessageKind kind)
    {
        var messages = new List<ArrowMessage>();
        for (; !blocks.IsEmpty; blocks = blocks[24..])
        {
            long offset = BinaryPrimitives.ReadInt64LittleEndian(blocks);
            if (offset < 8 || offset > File.Length - 8) throw new InvalidDataException($"the footer names a message at {offset}, which is not in the file");
            if (!ArrowMessage.TryRead(File, offset, out ArrowMessage message) || message.Kind != kind)
                throw new InvalidDataException($"message at offset {offset}: a {kind} is expected");
            messages.Add(message);
        }
        return messages;
    }
}
