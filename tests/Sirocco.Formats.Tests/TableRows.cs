using System.Buffers;
using System.Text.Json;

namespace Sirocco.Formats.Tests;

/// <summary>Rows of tables as JSON, and their comparison with the rows that the reference libraries read.</summary>
internal static class TableRows
{
    internal static List<JsonElement> Read(TableFile file, IReadOnlyList<string>? columns = null)
    {
        var rows = new List<JsonElement>();
        foreach (ColumnBatch batch in file.ReadBatches(columns))
        {
            using (batch)
            {
                Assert.Equal(rows.Count, batch.FirstRow);
                rows.AddRange(Rows(batch));
            }
        }
        return rows;
    }

    internal static IEnumerable<JsonElement> Rows(ColumnBatch batch)
    {
        for (int row = 0; row < batch.RowCount; row++)
        {
            var bytes = new ArrayBufferWriter<byte>();
            using (var writer = new Utf8JsonWriter(bytes)) batch.WriteRow(writer, row);
            using JsonDocument document = JsonDocument.Parse(bytes.WrittenMemory);
            yield return document.RootElement.Clone();
        }
    }

    internal static List<JsonElement> ReadJsonLines(string path) =>
        [.. File.ReadLines(path).Where(line => line.Length > 0).Select(line => JsonDocument.Parse(line).RootElement.Clone())];

    internal static void AssertEqual(IReadOnlyList<JsonElement> expected, IReadOnlyList<JsonElement> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (int i = 0; i < expected.Count; i++) Assert.True(Same(expected[i], actual[i]), $"row {i}: expected {expected[i]}, got {actual[i]}");
    }

    /// <summary>Equal values, whole numbers digit by digit, others bit by bit.</summary>
    internal static bool Same(JsonElement expected, JsonElement actual)
    {
        if (expected.ValueKind != actual.ValueKind) return false;
        return expected.ValueKind switch
        {
            JsonValueKind.Object => expected.EnumerateObject().Count() == actual.EnumerateObject().Count()
                && expected.EnumerateObject().Zip(actual.EnumerateObject())
                    .All(pair => pair.First.Name == pair.Second.Name && Same(pair.First.Value, pair.Second.Value)),
            JsonValueKind.Array => expected.GetArrayLength() == actual.GetArrayLength()
                && expected.EnumerateArray().Zip(actual.EnumerateArray()).All(pair => Same(pair.First, pair.Second)),
            JsonValueKind.String => expected.GetString() == actual.GetString(),
            JsonValueKind.Number => expected.GetRawText() == actual.GetRawText()
                || (expected.GetRawText().AsSpan().ContainsAny(".eE")
                    && BitConverter.DoubleToInt64Bits(expected.GetDouble()) == BitConverter.DoubleToInt64Bits(actual.GetDouble())),
            _ => true,
        };
    }
}
