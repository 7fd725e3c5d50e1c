using System.Text;
using System.Text.Json;

namespace Sirocco.Formats.Tests;

public class ShardedSafetensorsTests
{
    private static readonly OutgoingTensor[] Tensors =
        [.. Enumerable.Range(0, 5).Select(i => OutgoingTensor.Create<float>($"layers.{i}.weight", [10], Enumerable.Repeat((float)i, 10).ToArray()))];

    [Fact]
    public void A_model_over_the_limit_is_split_with_an_index_and_reads_back_whole()
    {
        using var scratch = new TemporaryFolder();
        SafetensorsWriter.WriteModel(scratch.Path, Tensors, shardBytes: 80);
        Assert.Equal(
            [
                "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors",
                "model.safetensors.index.json"], scratch.Files());
        using JsonDocument index = JsonDocument.Parse(File.ReadAllBytes(scratch.File("model.safetensors.index.json")));
        Assert.Equal(200, index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());

        using TensorArchive archive = TensorArchive.Open(scratch.Path);
        Assert.Equal(Tensors.Select(t => t.Name), archive.Tensors.Select(t => t.Name));
        Assert.Equal(Enumerable.Repeat(4f, 10), archive["layers.4.weight"].ToSingleArray());
        Assert.Equal("pt", archive.Metadata["format"]);
    }

    [Fact]
    public void Weights_of_an_earlier_save_do_not_outlive_a_new_one()
    {
        using var scratch = new TemporaryFolder();
        SafetensorsWriter.WriteModel(scratch.Path, Tensors, shardBytes: 80);
        SafetensorsWriter.WriteModel(scratch.Path, Tensors);
        Assert.Equal(["model.safetensors"], scratch.Files());
        SafetensorsWriter.WriteModel(scratch.Path, Tensors, shardBytes: 120);
        Assert.Equal(["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"], scratch.Files());
    }

    [Fact]
    public void A_cancelled_save_leaves_the_earlier_model_as_it_was()
    {
        using var scratch = new TemporaryFolder();
        SafetensorsWriter.WriteModel(scratch.Path, Tensors);
        byte[] before = File.ReadAllBytes(scratch.File("model.safetensors"));
        using var cancellation = new CancellationTokenSource();
        var cancelling = new OutgoingTensor("a", StorageType.F32, [1], stream =>
        {
            cancellation.Cancel();
            stream.Write(new byte[4]);
        });
        Assert.Throws<OperationCanceledException>(
            () => SafetensorsWriter.WriteModel(scratch.Path, [cancelling, .. Tensors], shardBytes: 40, cancellation: cancellation.Token));
        Assert.Equal(["model.safetensors"], scratch.Files());
        Assert.Equal(before, File.ReadAllBytes(scratch.File("model.safetensors")));
    }

    [Fact]
    public void A_missing_shard_is_one_line_with_the_remedy()
    {
        using var scratch = new TemporaryFolder();
        SafetensorsWriter.WriteModel(scratch.Path, Tensors, shardBytes: 80);
        File.Delete(scratch.File("model-00002-of-00003.safetensors"));
        var error = Assert.Throws<FileNotFoundException>(() => TensorArchive.Open(scratch.Path));
        Assert.Equal(
            $"model-00002-of-00003.safetensors is named by model.safetensors.index.json but missing in {scratch.Path}; download it again or fix the index",
            error.Message);
    }

    [Theory]
    [InlineData("""{"weight_map": {"a": "../x.safetensors"}}""", "weight_map['a'] must be the name of a file in the same folder")]
    [InlineData("""{"weight_map": {"a": "/etc/passwd"}}""", "weight_map['a'] must be the name of a file in the same folder")]
    [InlineData("""{"weight_map": {"a": "C:x"}}""", "weight_map['a'] must be the name of a file in the same folder")]
    [InlineData("""{"weight_map": {"a": "sub\\x"}}""", "weight_map['a'] must be the name of a file in the same folder")]
    [InlineData("""{"weight_map": {"a": 1}}""", "weight_map['a'] must be the name of a file in the same folder")]
    [InlineData("""{"weight_map": {"a": "\ud800"}}""", "is not valid JSON")]
    [InlineData("""{"weight_map": {"a\nb": 1}}""", "weight_map['a\uFFFDb'] must be the name of a file in the same folder")]
    [InlineData("""{"weight_map": []}""", "key 'weight_map' must be an object")]
    [InlineData("""[]""", "key 'weight_map' must be an object")]
    [InlineData("""{"weight_map": {"a": "x", "a": "y"}}""", "names tensor 'a' twice")]
    [InlineData("""{"weight_map" """, "line 1: is not valid JSON")]
    [InlineData("", "is not valid JSON")]
    public void A_bad_index_is_refused(string json, string expected)
    {
        using var scratch = new TemporaryFolder();
        string path = scratch.Write("model.safetensors.index.json", Encoding.UTF8.GetBytes(json));
        var error = Assert.Throws<InvalidDataException>(() => TensorArchive.Open(scratch.Path));
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_that_the_index_names_but_the_shard_lacks_is_refused()
    {
        using var scratch = new TemporaryFolder();
        SafetensorsWriter.Write(scratch.File("s.safetensors"), Tensors);
        scratch.Write("model.safetensors.index.json", """{"weight_map": {"layers.0.weight": "s.safetensors", "other": "s.safetensors"}}"""u8);
        var error = Assert.Throws<InvalidDataException>(() => TensorArchive.Open(scratch.Path));
        Assert.Contains("tensor 'other' is named by model.safetensors.index.json but missing in this shard", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_in_two_shards_is_refused()
    {
        using var scratch = new TemporaryFolder();
        SafetensorsWriter.Write(scratch.File("s.safetensors"), Tensors);
        SafetensorsWriter.Write(scratch.File("t.safetensors"), Tensors);
        scratch.Write("model.safetensors.index.json", """{"weight_map": {"layers.0.weight": "s.safetensors", "layers.1.weight": "t.safetensors"}}"""u8);
        var error = Assert.Throws<InvalidDataException>(() => TensorArchive.Open(scratch.Path));
        Assert.Contains("is also in s.safetensors", error.Message, StringComparison.Ordinal);
    }
}
