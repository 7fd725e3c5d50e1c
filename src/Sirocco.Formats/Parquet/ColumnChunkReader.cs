namespace Sirocco.Formats;

/// <summary>What one stored column gives for some rows: a pair of levels for each value, null or empty list, and the values that are there.</summary>
internal sealed class LeafBatch(SchemaLeaf leaf)
{
    internal SchemaLeaf Leaf => leaf;

    internal LeafValues Values { get; } = new(leaf.Width);

    internal int Count { get; private set; }

    /// <summary>Empty where no value can be null.</summary>
    internal byte[] Definition = [];

    /// <summary>Empty where there are no lists.</summary>
    internal byte[] Repetition = [];

    internal List<PooledBytes> Held { get; } = [];

    /// <summary>Makes room for more levels.</summary>
    internal void Append(int count, out Span<byte> definition, out Span<byte> repetition)
    {
        int start = Count;
        if (Count + (long)count > 1 << 28) throw new InvalidDataException($"more than {1 << 28} values belong to a few rows");
        Count += count;
        definition = leaf.DefinitionLevel == 0 ? [] : Grow(ref Definition, start);
        repetition = leaf.RepetitionLevel == 0 ? [] : Grow(ref Repetition, start);
    }

    private Span<byte> Grow(ref byte[] levels, int start)
    {
        if (Count > levels.Length) Array.Resize(ref levels, Math.Max(Count, 2 * levels.Length));
        return levels.AsSpan(start, Count - start);
    }
}

/// <summary>Reads one column of one row group page by page.</summary>
internal sealed class ColumnChunkReader : IDisposable
{
    private const int LongestHeader = 1 << 24, LevelBlock = 1024;

    private readonly MappedFile file;
    private readonly int rowGroup;
    private readonly SchemaLeaf leaf;
    private readonly ParquetColumnChunk chunk;
    private readonly long end;
    private readonly byte[] blockDefinition = [], blockRepetition = [];
    private long position, valuesLeft;
    private int page = -1, pageLeft, blockStart, blockEnd;
    private LevelDecoder? definition, repetition;
    private PageValues? values;
    private ParquetDictionary? dictionary;
    private PooledBytes? dictionaryBytes, pageBytes;

    internal ColumnChunkReader(MappedFile file, int rowGroup, SchemaLeaf leaf, ParquetColumnChunk chunk)
    {
        this.file = file;
        this.rowGroup = rowGroup;
        this.leaf = leaf;
        this.chunk = chunk;
        position = chunk.Offset;
        valuesLeft = chunk.ValueCount;
        end = chunk.Offset + Math.Min(chunk.CompressedBytes, long.MaxValue - chunk.Offset);
        if (end > file.Length) throw Located(new InvalidDataException($"its pages would end at {end}, beyond the end of the file"));
        if (leaf.RepetitionLevel > 0) (blockDefinition, blockRepetition) = (new byte[LevelBlock], new byte[LevelBlock]);
    }

    /// <summary>Reads the next rows.</summary>
    internal LeafBatch Read(int rows)
    {
        var batch = new LeafBatch(leaf);
        try
        {
            if (leaf.RepetitionLevel == 0) ReadFlat(rows, batch);
            else ReadNested(rows, batch);
            return batch;
        }
        catch (InvalidDataException e)
        {
            throw Located(e);
        }
    }

    public void Dispose()
    {
        pageBytes?.Release();
        dictionaryBytes?.Release();
        pageBytes = dictionaryBytes = null;
    }

    // Without lists a row has one pair of levels.
    private void ReadFlat(int rows, LeafBatch batch)
    {
        while (rows > 0)
        {
            if (pageLeft == 0)
            {
                if (!NextPage()) throw new InvalidDataException($"the column ends {rows} rows too early");
                continue;
            }
            int count = Math.Min(rows, pageLeft), present = count;
            batch.Append(count, out Span<byte> levels, out _);
            if (definition is not null)
            {
                definition.Read(levels);
                present = levels.Count((byte)leaf.DefinitionLevel);
            }
            ReadValues(present, batch);
            pageLeft -= count;
            rows -= count;
        }
    }

    // A row ends where the next repetition level is 0, which may be pages later.
    private void ReadNested(int rows, LeafBatch batch)
    {
        int started = 0;
        while (true)
        {
            if (blockStart == blockEnd && !NextBlock())
            {
                if (started < rows) throw new InvalidDataException($"the column ends {rows - started} rows too early");
                return;
            }
            int stop = blockStart;
            for (; stop < blockEnd; stop++)
            {
                if (blockRepetition[stop] != 0) continue;
                if (started == rows) break;
                started++;
            }
            if (batch.Count == 0 && stop > blockStart && blockRepetition[blockStart] != 0)
                throw new InvalidDataException("the first value continues a list that did not begin");
            int count = stop - blockStart;
            batch.Append(count, out Span<byte> definitions, out Span<byte> repetitions);
            blockRepetition.AsSpan(blockStart, count).CopyTo(repetitions);
            blockDefinition.AsSpan(blockStart, count).CopyTo(definitions);
            ReadValues(definitions.Count((byte)leaf.DefinitionLevel), batch);
            blockStart = stop;
            if (blockStart < blockEnd) return;
        }
    }

    private bool NextBlock()
    {
        while (pageLeft == 0)
            if (!NextPage()) return false;
        int count = Math.Min(LevelBlock, pageLeft);
        repetition!.Read(blockRepetition.AsSpan(0, count));
        definition!.Read(blockDefinition.AsSpan(0, count));
        pageLeft -= count;
        (blockStart, blockEnd) = (0, count);
        return true;
    }

    private void ReadValues(int count, LeafBatch batch)
    {
        if (count == 0) return;
        foreach (PooledBytes? bytes in (ReadOnlySpan<PooledBytes?>)[dictionaryBytes, pageBytes])
            if (bytes is not null && !batch.Held.Contains(bytes)) batch.Held.Add(bytes.Hold());
        values!.Read(count, batch.Values);
    }

    private bool NextPage()
    {
        while (valuesLeft > 0)
        {
            page++;
            if (position >= end) throw new InvalidDataException($"the pages end {valuesLeft} values too early");
            PageHeader header = PageHeader.Read(file.Span(position, (int)Math.Min(end - position, LongestHeader)), out int length);
            long start = position + length;
            if (header.CompressedSize > end - start)
                throw new InvalidDataException($"the page's {header.CompressedSize} bytes exceed the {end - start} left of the column");
            var body = new MappedBytes(file, start, header.CompressedSize).Memory;
            if (header.Checksum is { } checksum && Crc32.Compute(body.Span) != (uint)checksum)
                throw new InvalidDataException("the page does not match its checksum; the file was damaged after it was written");
            switch (header.Kind)
            {
                case PageKind.Dictionary:
                    if (dictionary is not null || values is not null) throw new InvalidDataException("a dictionary does not come first");
                    if (header.Encoding is not (ParquetEncoding.Plain or ParquetEncoding.PlainDictionary))
                        throw new InvalidDataException($"a dictionary in the encoding {header.Encoding} cannot be read");
                    ReadOnlyMemory<byte> entries = Unpack(body, header.UncompressedSize, chunk.Codec, ref dictionaryBytes);
                    dictionary = new ParquetDictionary(leaf, entries, header.ValueCount);
                    break;
                case PageKind.Data or PageKind.DataV2:
                    if (header.ValueCount > valuesLeft)
                        throw new InvalidDataException($"the page has {header.ValueCount} values, the column only {valuesLeft} more");
                    Open(header, body);
                    position = start + header.CompressedSize;
                    pageLeft = header.ValueCount;
                    valuesLeft -= pageLeft;
                    return true;
                case PageKind.Index:
                    break;
                default:
                    throw new InvalidDataException($"page kind {(int)header.Kind} is not known");
            }
            position = start + header.CompressedSize;
        }
        return false;
    }

    private void Open(in PageHeader header, ReadOnlyMemory<byte> body)
    {
        if (header.Kind == PageKind.Data)
        {
            body = Unpack(body, header.UncompressedSize, chunk.Codec, ref pageBytes);
            repetition = leaf.RepetitionLevel > 0 ? LevelDecoder.Take(ref body, header.RepetitionEncoding, leaf.RepetitionLevel, header.ValueCount) : null;
            definition = leaf.DefinitionLevel > 0 ? LevelDecoder.Take(ref body, header.DefinitionEncoding, leaf.DefinitionLevel, header.ValueCount) : null;
        }
        else
        {
            long levels = (long)header.RepetitionBytes + header.DefinitionBytes;
            if (levels > body.Length || levels > header.UncompressedSize) throw new InvalidDataException($"{levels} bytes of levels exceed their page");
            repetition = leaf.RepetitionLevel > 0 ? LevelDecoder.OfRuns(body[..header.RepetitionBytes], leaf.RepetitionLevel) : null;
            definition = leaf.DefinitionLevel > 0
                ? LevelDecoder.OfRuns(body.Slice(header.RepetitionBytes, header.DefinitionBytes), leaf.DefinitionLevel)
                : null;
            body = Unpack(
                body[(int)levels..], header.UncompressedSize - (int)levels, header.IsCompressed ? chunk.Codec : ParquetCodec.Uncompressed, ref pageBytes);
        }
        values = PageValues.Create(header.Encoding, leaf, body, dictionary);
    }

    private static ReadOnlyMemory<byte> Unpack(ReadOnlyMemory<byte> body, int size, ParquetCodec codec, ref PooledBytes? bytes)
    {
        bytes?.Release();
        bytes = null;
        if (codec == ParquetCodec.Uncompressed)
            return body.Length == size ? body : throw new InvalidDataException($"an uncompressed page says that it is {size} bytes in {body.Length}");
        if (size == 0) return default;
        PageCompression.CheckRatio(codec, body.Length, size);
        var unpacked = new PooledBytes(size);
        try
        {
            PageCompression.Decompress(codec, body.Span, unpacked.Memory.Span);
        }
        catch
        {
            unpacked.Release();
            throw;
        }
        bytes = unpacked;
        return unpacked.Memory;
    }

    private InvalidDataException Located(InvalidDataException e) =>
        new($"{file.Path}: row group {rowGroup}, "
            + $"column '{Visible.Short(leaf.Path)}'{(page < 0 ? "" : $", page {page} at offset {position}")}: {Visible.OneLine(e.Message)}", e);
}
