namespace Sirocco.Cli.Records;

/// <summary>Cuts a stream of texts into batches that are worked on together: enough to order by length, not so much that memory is felt.</summary>
internal static class TextBatches
{
    /// <summary>Most texts of a batch.</summary>
    public const int Most = 4096;

    private const long MostCharacters = 16 << 20;

    public static IEnumerable<TextRecord[]> Of(IEnumerable<TextRecord> records, int most = Most)
    {
        List<TextRecord> batch = [];
        long characters = 0;
        foreach (TextRecord record in records)
        {
            batch.Add(record);
            characters += record.Text.Length;
            if (batch.Count < most && characters < MostCharacters) continue;
            yield return [.. batch];
            batch.Clear();
            characters = 0;
        }

        if (batch.Count > 0) yield return [.. batch];
    }
}
