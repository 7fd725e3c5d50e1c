using System.Text.Json;

namespace Sirocco.Formats.Tests;

/// <summary>Against files of pyarrow 26 and datasets, and the rows that pyarrow reads from them.</summary>
public class ArrowTests
{
    public static TheoryData<string> Files() => [.. Golden.Json("arrow/index.json").GetProperty("files").EnumerateObject().Select(file => file.Name)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_row_reads_as_the_reference_reads_it(string name)
    {
        JsonElement entry = Golden.Json("arrow/index.json").GetProperty("files").GetProperty(name);
        using TableFile file = TableFile.Open(Golden.PathOf("arrow/" + name));
        Assert.Equal(entry.GetProperty("rows").GetInt64(), file.RowCount);
        Assert.Equal(entry.GetProperty("kind").GetString() == "stream", ((ArrowFile)file).IsStream);
        TableRows.AssertEqual(TableRows.ReadJsonLines(Golden.PathOf("arrow/" + entry.GetProperty("contents").GetString())), TableRows.Read(file));
    }

    /// <summary>Written by apache-arrow 21.2.0 (JavaScript): slices whose nulls were not counted (−1), a dictionary that grows from batch to batch.</summary>
    [Fact]
    public void Nulls_that_the_writer_did_not_count_are_read()
    {
        using ArrowFile file = ArrowFile.Open(Golden.PathOf("arrow/javascript.arrow"));
        TableRows.AssertEqual(TableRows.ReadJsonLines(Golden.PathOf("arrow/javascript.jsonl")), TableRows.Read(file));
    }

    public static TheoryData<string> Damaged() =>
        [.. Golden.Json("arrow/damaged.json").GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Damaged))]
    public void A_damaged_file_is_refused_in_one_line_or_read_as_the_reference_reads_it(string name)
    {
        JsonElement golden = Golden.Json("arrow/damaged.json");
        JsonElement entry = golden.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
        using var scratch = new TemporaryFolder();
        string path = scratch.Write("x.arrow", entry.GetProperty("bytes").GetBytesFromBase64());
        bool undamaged = entry.GetProperty("verdict").GetString() == "accept" && entry.GetProperty("contents").GetString() == "undamaged";
        try
        {
            using ArrowFile file = ArrowFile.Open(path);
            List<JsonElement> rows = TableRows.Read(file);
            Assert.NotEqual("reject", entry.GetProperty("verdict").GetString());
            if (!undamaged) return;
            string good = scratch.Write("good.arrow", golden.GetProperty("cases")[0].GetProperty("bytes").GetBytesFromBase64());
            using ArrowFile reference = ArrowFile.Open(good);
            TableRows.AssertEqual(TableRows.Read(reference), rows);
        }
        catch (InvalidDataException e) when (!undamaged)
        {
            Assert.StartsWith(path + ": ", e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(e.Message, char.IsControl);
        }
    }

    [Fact]
    public void The_notes_of_the_datasets_library_are_kept()
    {
        using ArrowFile file = ArrowFile.Open(Golden.PathOf("arrow/hf-cache.arrow"));
        Assert.Contains("ClassLabel", file.Metadata["huggingface"], StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_that_are_not_chosen_are_stepped_over()
    {
        using ArrowFile file = ArrowFile.Open(Golden.PathOf("arrow/stream-zstd.arrow"));
        using ColumnBatch batch = file.ReadBatch(0, ["image", "id"]);
        Assert.Equal("doc-3", batch["id"].Text(3));
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], batch["image"]["bytes"].Bytes(0)[..4].ToArray());
    }
}
