using System.Text.Json;

namespace Sirocco.Formats.Tests;

/// <summary>Against files of pyarrow 26, datasets, polars, duckdb and fastparquet, and the rows that pyarrow reads from them.</summary>
public class ParquetTests
{
    public static TheoryData<string> Files() => [.. Golden.Json("parquet/index.json").GetProperty("files").EnumerateObject().Select(file => file.Name)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_row_reads_as_the_reference_reads_it(string name)
    {
        JsonElement entry = Golden.Json("parquet/index.json").GetProperty("files").GetProperty(name);
        using TableFile file = TableFile.Open(Golden.PathOf("parquet/" + name));
        Assert.Equal(entry.GetProperty("rows").GetInt64(), file.RowCount);
        Assert.Equal(
            entry.GetProperty("row_groups").EnumerateArray().Select(rows => rows.GetInt64()), ((ParquetFile)file).RowGroups.Select(group => group.RowCount));
        TableRows.AssertEqual(TableRows.ReadJsonLines(Golden.PathOf("parquet/" + entry.GetProperty("contents").GetString())), TableRows.Read(file));
    }

    /// <summary>Written by parquet-rs 59.3.0 (parquet-wasm 0.8.0), DuckDB 1.5.6 and hyparquet-writer 0.17.0; the rows are those that were written.</summary>
    [Theory]
    [InlineData("arrow-rs", 90)]           // pages of 64 bytes, every delta encoding and BYTE_STREAM_SPLIT, three row groups
    [InlineData("duckdb-nested", 60)]      // maps in lists in maps, lists of lists of lists, structs of nulls
    [InlineData("hyparquet-nested", 400)]  // lists that go on over pages
    public void Files_of_other_writers_hold_what_was_written(string name, int rows)
    {
        using TableFile file = TableFile.Open(Golden.PathOf($"parquet/{name}.parquet"));
        Assert.Equal(rows, file.RowCount);
        TableRows.AssertEqual(TableRows.ReadJsonLines(Golden.PathOf($"parquet/{name}.jsonl")), TableRows.Read(file));
    }

    public static TheoryData<string> Damaged() =>
        [.. Golden.Json("parquet/damaged.json").GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Damaged))]
    public void A_damaged_file_is_refused_in_one_line_or_read_as_the_reference_reads_it(string name)
    {
        JsonElement golden = Golden.Json("parquet/damaged.json");
        JsonElement entry = golden.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
        using var scratch = new TemporaryFolder();
        string path = scratch.Write("x.parquet", entry.GetProperty("bytes").GetBytesFromBase64());
        bool undamaged = entry.GetProperty("verdict").GetString() == "accept" && entry.GetProperty("contents").GetString() == "undamaged";
        try
        {
            using ParquetFile file = ParquetFile.Open(path);
            List<JsonElement> rows = TableRows.Read(file);
            Assert.NotEqual("reject", entry.GetProperty("verdict").GetString());
            if (!undamaged) return;
            string good = scratch.Write("good.parquet", golden.GetProperty("cases")[0].GetProperty("bytes").GetBytesFromBase64());
            using ParquetFile reference = ParquetFile.Open(good);
            TableRows.AssertEqual(TableRows.Read(reference), rows);
        }
        catch (InvalidDataException e) when (!undamaged)
        {
            Assert.StartsWith(path + ": ", e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(e.Message, char.IsControl);
        }
    }

    [Fact]
    public void Rows_without_columns_are_refused()
    {
        // In Thrift's compact protocol: version 1, a schema of a root without children, 2^62 rows, one group of as many and no columns.
        byte[] rows = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
        byte[] footer =
        [
            0x15, 0x02, 0x19, 0x1C, 0x48, 0x01, (byte)'r', 0x15, 0x00, 0x00, 0x16, .. rows, 0x19, 0x1C, 0x19, 0x0C, 0x16, 0x00, 0x16, .. rows, 0x00, 0x00,
        ];
        using var scratch = new TemporaryFolder();
        string path = scratch.Write("x.parquet", [.. "PAR1"u8, .. footer, .. BitConverter.GetBytes(footer.Length), .. "PAR1"u8]);
        var error = Assert.Throws<InvalidDataException>(() => ParquetFile.Open(path).Dispose());
        Assert.Equal($"{path}: has 4611686018427387904 rows but no column that they could be in; the file is damaged", error.Message);
    }

    [Fact]
    public void Only_the_chosen_columns_are_read_and_in_the_order_of_the_choice()
    {
        using ParquetFile file = ParquetFile.Open(Golden.PathOf("parquet/row-groups.parquet"));
        using ColumnBatch batch = file.ReadBatches(["pos_doc", "id"]).First();
        Assert.Equal(["pos_doc", "id"], batch.Columns.Select(column => column.Field.Name));
        Assert.Equal("list<struct<id: text, score: float64>>", batch["pos_doc"].Field.Type.ToString());
        Assert.Equal("doc-0", batch["id"].Text(0));
        ListItems items = batch["pos_doc"].Items(1);
        Assert.Equal(1, items.Count);
        Assert.Equal("d30", batch["pos_doc"].Children[0]["id"].Text(items.Start));
    }

    [Fact]
    public void A_column_that_is_not_there_is_named_with_those_that_are()
    {
        using ParquetFile file = ParquetFile.Open(Golden.PathOf("parquet/required.parquet"));
        Assert.Equal(
            $"{file.Path}: has no column 'text'; its columns are id, n", Assert.Throws<InvalidDataException>(() => file.ReadBatches(["text"]).Count()).Message);
    }

    [Fact]
    public void A_batch_that_outlives_the_reading_keeps_its_texts()
    {
        using ParquetFile file = ParquetFile.Open(Golden.PathOf("parquet/row-groups.parquet"));
        List<ColumnBatch> batches = [.. file.ReadBatches(["id"])];
        Assert.Equal(
            Enumerable.Range(0, 40).Select(i => $"doc-{i}"),
            batches.SelectMany(batch => Enumerable.Range(0, batch.RowCount).Select(row => batch["id"].Text(row))));
    }
}
