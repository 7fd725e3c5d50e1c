namespace Sirocco.Formats;

/// <summary>The dictionaries of an Arrow file: a batch sees what was there when it was written, the last whole dictionary and the additions since.</summary>
internal sealed class ArrowDictionaries
{
    private readonly MappedFile file;
    private readonly Dictionary<long, ArrowField> fields = [];
    private readonly Dictionary<long, List<Version>> versions = [];

    /// <param name="file">The file.</param>
    /// <param name="schema">Its schema, which says what the dictionaries hold.</param>
    /// <param name="messages">The dictionary batches in their order, each with the number of record batches before it.</param>
    internal ArrowDictionaries(MappedFile file, ArrowSchema schema, List<(ArrowMessage Message, int BatchesBefore)> messages)
    {
        this.file = file;
        foreach (ArrowField field in schema.Fields.SelectMany(field => field.All))
            if (field.Dictionary is { } id) fields[id] = field with { Dictionary = null };
        foreach ((ArrowMessage message, int before) in messages)
        {
            FlatTable header = message.Header(file);
            long id = header.Int64(0);
            if (!fields.ContainsKey(id)) throw new InvalidDataException($"message at offset {message.Offset}: no column uses dictionary {id}");
            if (!versions.TryGetValue(id, out List<Version>? list)) versions[id] = list = [];
            list.Add(new Version(message, before, header.Truth(2)));
        }
    }

    /// <summary>The values of a dictionary as a record batch sees them.</summary>
    internal Column Get(long id, int batch)
    {
        if (!versions.TryGetValue(id, out List<Version>? list)) throw new InvalidDataException($"dictionary {id} is missing");
        lock (list)
        {
            int last = list.FindLastIndex(version => version.BatchesBefore <= batch);
            if (last < 0) throw new InvalidDataException($"dictionary {id} comes only after the batch");
            return Values(id, list, last);
        }
    }

    private Column Values(long id, List<Version> list, int index)
    {
        // From the nearest version that was put together already, or the last whole dictionary, forwards.
        int from = index;
        while (list[from].Values is null && list[from].IsDelta && from > 0) from--;
        for (int i = from; i <= index; i++)
        {
            if (list[i].Values is not null) continue;
            Column own = Read(id, list[i].Message);
            list[i].Values = list[i].IsDelta && i > 0 ? Column.Concatenate(list[i - 1].Values!, own) : own;
        }
        return list[index].Values!;
    }

    private Column Read(long id, ArrowMessage message)
    {
        try
        {
            FlatTable header = message.Header(file);
            if (!header.Has(1)) throw new InvalidDataException("it has no values");
            // What is held here stays as long as the file: dictionaries serve all batches.
            var reader = new ArrowBatchReader(
                file,
                message,
                header.Table(1),
                inner => inner == id ? throw new InvalidDataException("a dictionary uses itself") : Get(inner, int.MaxValue),
                []);
            return reader.Read(fields[id]);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"dictionary {id} at offset {message.Offset}: {e.Message}", e);
        }
    }

    private sealed class Version(ArrowMessage message, int batchesBefore, bool isDelta)
    {
        internal ArrowMessage Message => message;

        internal int BatchesBefore => batchesBefore;

        internal bool IsDelta => isDelta;

        internal Column? Values { get; set; }
    }
}
