using System.Security.Cryptography;
using System.Text.Json;

namespace Sirocco.Formats.Tests;

/// <summary>Against data sets in the layouts of the datasets library 5.2.</summary>
public class DatasetFolderTests
{
    [Fact]
    public void Numbered_parts_are_read_in_order_and_split_by_their_names()
    {
        using var scratch = new TemporaryFolder();
        Directory.CreateDirectory(scratch.File("data"));
        (string, string)[] parts = [("train-00001-of-00002", "one-row"), ("train-00000-of-00002", "required"), ("dev_set-00000-of-00001-0a1b2c", "required")];
        foreach ((string part, string golden) in parts)
            File.Copy(Golden.PathOf($"parquet/{golden}.parquet"), scratch.File($"data/{part}.parquet"));
        DatasetFolder folder = DatasetFolder.Open(scratch.Path);
        Assert.Equal(["dev_set", "train"], folder.Splits);
        Assert.Equal(61, folder.ReadBatches("train", ["id"]).Sum(batch => batch.RowCount));
    }

    [Theory]
    [InlineData("train.parquet", "train")]
    [InlineData("corpus.parquet", "train")]
    [InlineData("data/val.arrow", "validation")]
    [InlineData("Test.jsonl", "test")]
    [InlineData("data/test.jsonl.gz", "test")]
    [InlineData("dev/part1.parquet", "validation")]
    [InlineData("my_test_2.parquet", "test")]
    [InlineData("latest.parquet", "train")]
    public void A_file_name_says_its_split(string name, string split)
    {
        using var scratch = new TemporaryFolder();
        Directory.CreateDirectory(Path.GetDirectoryName(scratch.File(name))!);
        File.WriteAllBytes(scratch.File(name), []);
        Assert.Equal([split], DatasetFolder.Open(scratch.Path).Splits);
    }

    [Fact]
    public void A_split_in_two_formats_is_refused()
    {
        using var scratch = new TemporaryFolder();
        foreach (string name in (string[])["train.jsonl", "train.parquet", "merlin_metadata.json"]) File.WriteAllBytes(scratch.File(name), []);
        Assert.Equal(
            $"{scratch.Path}: holds the split 'train' in several formats (train.jsonl, train.parquet); keep one",
            Assert.Throws<InvalidDataException>(() => DatasetFolder.Open(scratch.Path)).Message);
    }

    [Fact]
    public void A_single_file_is_the_train_split() =>
        Assert.Equal(60, DatasetFolder.Open(Golden.PathOf("parquet/required.parquet")).ReadBatches("train").Sum(batch => batch.RowCount));

    [Fact]
    public void A_split_that_is_not_there_is_named_with_those_that_are()
    {
        string path = Golden.PathOf("parquet/required.parquet");
        Assert.Equal(
            $"{path}: has no split 'test'; its splits are train",
            Assert.Throws<InvalidDataException>(() => DatasetFolder.Open(path).ReadBatches("test")).Message);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"_data_files\": [{\"filename\": null}]}")]
    [InlineData("{\"_data_files\": [{\"filename\": \"../../etc/passwd\"}]}")]
    [InlineData("{\"_data_files\": [{\"filename\": \"gone.arrow\"}]}")]
    public void A_saved_folder_that_describes_impossible_files_is_refused(string state)
    {
        using var scratch = new TemporaryFolder();
        File.WriteAllText(scratch.File("state.json"), state);
        Assert.Contains("state.json", Assert.Throws<InvalidDataException>(() => DatasetFolder.Open(scratch.Path)).Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> Published()
    {
        var data = new TheoryData<string, string>();
        foreach (string set in (string[])["cord-v2", "medpix", "raven", "rdr", "gsm8k", "squad"])
            foreach (string layout in (string[])["hub", "saved"]) data.Add(set, layout);
        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(Published))]
    public void A_published_data_set_reads_as_the_datasets_library_reads_it(string set, string layout)
    {
        string root = Shared("goldens/datasets/" + set);
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(root, "expected.json")));
        DatasetFolder folder = DatasetFolder.Open(Path.Combine(root, layout));
        JsonElement splits = expected.RootElement.GetProperty("splits");
        Assert.Equal(splits.EnumerateObject().Select(split => split.Name).Order(), folder.Splits.Order());
        foreach (JsonProperty split in splits.EnumerateObject())
        {
            JsonElement[] rows = [.. folder.ReadBatches(split.Name).SelectMany(TableRows.Rows)];
            Assert.Equal(split.Value.GetArrayLength(), rows.Length);
            foreach ((JsonElement row, JsonElement entry) in rows.Zip(split.Value.EnumerateArray())) AssertRow(entry.GetProperty("row"), row);
        }
    }

    private static void AssertRow(JsonElement expected, JsonElement actual)
    {
        if (expected.ValueKind == JsonValueKind.Object && expected.TryGetProperty("bytes_sha256", out JsonElement hash))
        {
            byte[] image = actual.GetProperty("bytes").GetProperty("base64").GetBytesFromBase64();
            Assert.Equal(hash.GetString(), Convert.ToHexStringLower(SHA256.HashData(image)));
            return;
        }
        switch (expected.ValueKind)
        {
            case JsonValueKind.Object:
                Assert.Equal(expected.EnumerateObject().Select(part => part.Name), actual.EnumerateObject().Select(part => part.Name));
                foreach (JsonProperty part in expected.EnumerateObject()) AssertRow(part.Value, actual.GetProperty(part.Name));
                break;
            case JsonValueKind.Array:
                Assert.Equal(expected.GetArrayLength(), actual.GetArrayLength());
                foreach ((JsonElement e, JsonElement a) in expected.EnumerateArray().Zip(actual.EnumerateArray())) AssertRow(e, a);
                break;
            default:
                Assert.True(TableRows.Same(expected, actual), $"expected {expected}, got {actual}");
                break;
        }
    }

    private static string Shared(string relative)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "shared", relative);
            if (Directory.Exists(path)) return path;
        }
        throw new SkipException("the folder ../shared with the larger goldens is not here");
    }
}
