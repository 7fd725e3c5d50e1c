using System.Text.Json;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Formats;

namespace Sirocco.Cli.Verbs.Info;

/// <summary>What can be said about a Parquet or Arrow file.</summary>
internal static class TableDescription
{
    public static void Add(Facts facts, TableFile file)
    {
        facts.Add("rows", file.RowCount)
            .Add("columns", file.Fields.Select(field => new Facts().Add("name", field.Name).Add("type", field.Type.ToString())).ToList());
        if (file is ParquetFile parquet) facts.Add("storage", Storage(parquet));
        if (file is ArrowFile arrow)
            facts.Add("storage", new Facts().Add("format", arrow.IsStream ? "stream" : "file").Add("record_batches", arrow.BatchCount));
        facts.Add("metadata", file.Metadata.Count > 0 ? string.Join(", ", file.Metadata.Keys) : null);
    }

    /// <summary>Writes the first rows as JSON Lines, in the conventions of <see cref="ColumnBatch.WriteRow"/>.</summary>
    public static void WriteRows(string path, int count, Stream output)
    {
        if (count < 0) throw new UsageException($"--rows {count}: a number of rows is at least 0");
        using TableFile file = TableFile.Open(path);
        using Utf8JsonWriter writer = new(output, JsonRecord.WriterOptions);
        foreach (ColumnBatch batch in file.ReadBatches())
        {
            using (batch)
            {
                for (int row = 0; row < batch.RowCount && count > 0; row++, count--)
                {
                    batch.WriteRow(writer, row);
                    writer.Flush();
                    writer.Reset();
                    output.WriteByte((byte)'\n');
                }
            }

            if (count == 0) break;
        }
    }

    private static Facts Storage(ParquetFile file)
    {
        ParquetColumnChunk[] chunks = [.. file.RowGroups.SelectMany(group => group.Columns)];
        return new Facts()
            .Add("writer", file.CreatedBy)
            .Add("row_groups", file.RowGroups.Count)
            .Add("codecs", chunks.Select(chunk => chunk.Codec.ToString()).Distinct().Order().ToList())
            .Add("encodings", chunks.SelectMany(chunk => chunk.Encodings).Distinct().Order().Select(encoding => encoding.ToString()).ToList())
            .Add("compressed_bytes", chunks.Sum(chunk => chunk.CompressedBytes))
            .Add("uncompressed_bytes", chunks.Sum(chunk => chunk.UncompressedBytes));
    }
}
