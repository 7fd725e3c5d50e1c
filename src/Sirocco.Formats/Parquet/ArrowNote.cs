namespace Sirocco.Formats;

/// <summary>
/// Arrow's writers note their own schema in a Parquet file. Most of it says nothing new; zones of timestamps and durations, which Parquet has no types for, are
/// taken from it. A note that cannot be read means that the footer was damaged, so the file is refused as Arrow refuses it.
/// </summary>
internal static class ArrowNote
{
    private const string Key = "ARROW:schema";

    internal static IEnumerable<SchemaNode> Apply(IReadOnlyDictionary<string, string> metadata, IReadOnlyList<SchemaNode> roots)
    {
        if (!metadata.TryGetValue(Key, out string? note)) return roots;
        ArrowSchema schema;
        try
        {
            schema = ArrowSchema.ReadMessage(Convert.FromBase64String(note));
        }
        catch (Exception e) when (e is FormatException or InvalidDataException)
        {
            throw new InvalidDataException($"the Arrow schema in the footer is damaged: {e.Message}", e);
        }
        return schema.Fields.Count == roots.Count
            ? roots.Zip(schema.Fields, (root, noted) => root with { Field = root.Field with { Type = Combine(root.Field.Type, noted.Field.Type) } })
            : roots;
    }

    private static ColumnType Combine(ColumnType stored, ColumnType noted) => (stored.Kind, noted.Kind) switch
    {
        (ColumnKind.Timestamp, ColumnKind.Timestamp) when stored.TimeZone is not null && noted.TimeZone is not null =>
            stored with { TimeZone = noted.TimeZone },
        (ColumnKind.Int64, ColumnKind.Duration) => noted,
        _ => stored,
    };
}
