using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Sirocco.Formats;

namespace Sirocco.Models.Tests;

public sealed class CheckpointTests : IDisposable
{
    private readonly TemporaryFolder temporary = new();

    public void Dispose() => temporary.Dispose();

    [SkippableTheory]
    [InlineData("model.layers.9.mlp.down_proj.weight")]
    [InlineData("model.layers.0.self_attn.q_proj.bias")]
    [InlineData("model.layers.1.self_attn.q_norm.weight")]
    [InlineData("model.norm.bias")]
    public void A_weight_of_the_network_that_would_not_be_used_is_refused(string name)
    {
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => CausalModel.FromPretrained(With(name)).Dispose());
        Assert.Contains($"model.safetensors: tensor '{name}' is no part of the network that config.json describes", error.Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("model.layers.0.self_attn.rotary_emb.inv_freq")]
    [InlineData("model.layers.0.mlp.down_proj.input_scale")]
    [InlineData("vision_tower.transformer.layers.0.attention.q_proj.weight")]
    [InlineData("multi_modal_projector.norm.weight")]
    [InlineData("score.weight")]
    public void Tables_scales_heads_and_vision_towers_may_stand_beside_the_network(string name)
    {
        using CausalModel model = CausalModel.FromPretrained(With(name));
        Assert.DoesNotContain(model.Parameters, parameter => parameter.Name == name);
    }

    [SkippableFact]
    public void A_config_with_fewer_layers_than_the_checkpoint_is_refused()
    {
        string folder = temporary.Copy(Golden.Folder("models/ministral3-causal"));
        string path = Path.Combine(folder, "config.json");
        JsonNode config = JsonNode.Parse(File.ReadAllText(path))!;
        JsonNode text = config["text_config"] ?? config;
        text["num_hidden_layers"] = text["num_hidden_layers"]!.GetValue<int>() - 1;
        File.WriteAllText(path, config.ToJsonString());
        Assert.Contains("layers.", Assert.Throws<InvalidDataException>(() => PretrainedModel.Open(folder).Dispose()).Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("attention.layer_norm_rms_epsilon", float.NaN, "attention.layer_norm_rms_epsilon' is NaN, but a finite number was expected")]
    [InlineData("rope.freq_base", float.PositiveInfinity, "rope.freq_base' is Infinity, but a finite number was expected")]
    [InlineData("embedding_length", 0, "embedding_length' is 0 but must be from 1 to")]
    [InlineData("feed_forward_length", 0, "feed_forward_length' is 0 but must be from 1 to")]
    [InlineData("feed_forward_length", 7, "but the file's metadata asks for [7, ")]
    [InlineData("context_length", 0, "context_length' is 0 but must be from 1 to")]
    public void A_value_of_a_gguf_that_cannot_be_is_named_by_its_key(string key, object value, string message)
    {
        byte[] bytes = File.ReadAllBytes(Path.Combine(Golden.Folder("gguf"), "mistral3-q8_0.gguf"));
        byte[] name = Encoding.UTF8.GetBytes("mistral3." + key);
        int at = bytes.AsSpan().IndexOf(name) + name.Length;
        Assert.True(at > name.Length);
        uint type = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));
        Assert.Equal(value is float ? 6u : 4u, type);
        if (value is float number) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(at + 4), number);
        else BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at + 4), (int)value);
        string path = temporary.File("model.gguf");
        File.WriteAllBytes(path, bytes);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => CausalModel.FromPretrained(path).Dispose());
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("config.json", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "is empty or no regular file")]
    [InlineData("these are no weights at all", "it is not a GGUF file")]
    public void A_gguf_file_that_is_none_is_not_taken_for_safetensors(string content, string message)
    {
        string path = temporary.File("model.gguf");
        File.WriteAllText(path, content);
        string error = Assert.Throws<InvalidDataException>(() => CausalModel.FromPretrained(path).Dispose()).Message;
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.DoesNotContain("safetensors", error, StringComparison.Ordinal);
    }

    /// <summary>A model's folder with one tensor more.</summary>
    private string With(string name)
    {
        string folder = temporary.Copy(Golden.Folder("models/ministral3-causal")), path = Path.Combine(folder, "model.safetensors");
        using (TensorArchive archive = TensorArchive.Open(folder))
        {
            SafetensorsWriter.Write(
                temporary.File("more"),
                [.. archive.Tensors.Select(tensor => OutgoingTensor.Copy(tensor)), OutgoingTensor.Create<float>(name, [2], new float[2])]);
        }

        File.Move(temporary.File("more"), path, overwrite: true);
        return folder;
    }
}
