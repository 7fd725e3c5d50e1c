using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>Records of a table, whatever its format: JSON, JSON Lines (also .gz), CSV, TSV, Parquet, Arrow.</summary>
internal static class TableRecords
{
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // What other programs pack files with.
    private static readonly string[] Packings = [".zst", ".xz", ".bz2", ".lz4", ".zip", ".7z", ".tar", ".tgz"];

    public static bool IsColumnar(string path) => Path.GetExtension(path).ToLowerInvariant() is ".parquet" or ".arrow";

    /// <summary>The kinds of the members of a file that is one JSON object; none where it is something else.</summary>
    public static IReadOnlyDictionary<string, JsonValueKind> Members(string path) =>
        IsColumnar(path) || Path.GetExtension(path).ToLowerInvariant() is ".csv" or ".tsv" or ".gz" ? new Dictionary<string, JsonValueKind>()
            : JsonRecords.Outline(path).Members;

    public static void Read(string path, RecordVisitor visit)
    {
        string content = GzipContent.Extension(path);
        if (Packings.Contains(content) || (GzipContent.IsNamed(path) && content is not (".jsonl" or ".json" or ".ndjson" or "")))
            throw new InvalidDataException($"{path}: of compressed files only JSON Lines with .gz are read; unpack it first");
        if (IsColumnar(path)) ReadColumns(path, visit);
        else if (content is ".csv" or ".tsv") CsvRecords.Read(path, visit);
        else JsonRecords.Read(path, visit);
    }

    // Rows of a few ids and texts each: going through JSON costs little and keeps one reader of records.
    private static void ReadColumns(string path, RecordVisitor visit)
    {
        using TableFile table = TableFile.Open(path);
        string[] columns = [.. table.Fields.Where(field => field.Type.Kind is not (ColumnKind.Binary or ColumnKind.FixedBinary)).Select(field => field.Name)];
        ArrayBufferWriter<byte> json = new();
        using Utf8JsonWriter writer = new(json, Writing);
        int index = 0;
        foreach (ColumnBatch batch in table.ReadBatches(columns))
        {
            using (batch)
            {
                for (int row = 0; row < batch.RowCount; row++)
                {
                    RecordPlace place = new(path, index++, 0);
                    json.ResetWrittenCount();
                    writer.Reset();
                    Write(batch, writer, row, place);
                    using JsonDocument record = JsonDocument.Parse(json.WrittenMemory);
                    visit(record.RootElement, place);
                }
            }
        }

        if (index == 0) throw new InvalidDataException($"{path}: holds no rows");
    }

    private static void Write(ColumnBatch batch, Utf8JsonWriter writer, int row, RecordPlace place)
    {
        try
        {
            batch.WriteRow(writer, row);
            writer.Flush();
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{place}: a text of the row is not valid UTF-8", e);
        }
    }
}
