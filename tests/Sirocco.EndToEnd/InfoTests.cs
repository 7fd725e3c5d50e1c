using System.Text.Json;

namespace Sirocco.EndToEnd;

public sealed class InfoTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_model_folder_is_described_with_its_network_prompts_and_memory()
    {
        JsonElement facts = Json("info", Golden.Encoder, "--json");
        Assert.Equal("Ministral3", facts.GetProperty("network").GetProperty("family").GetString());
        Assert.Equal(32, facts.GetProperty("network").GetProperty("hidden_size").GetInt32());
        Assert.Equal("\"query: \"", facts.GetProperty("use").GetProperty("prompts").GetProperty("query").GetString());
        Assert.Equal(
            4 * facts.GetProperty("network").GetProperty("decoder_parameters").GetInt64(),
            facts.GetProperty("network").GetProperty("memory").GetProperty("f32_bytes").GetInt64());
        Assert.False(string.IsNullOrEmpty(facts.GetProperty("kernels").GetString()));
        Assert.Contains("bidirectional", SiroccoProcess.Run("info", Golden.Encoder).ExpectSuccess().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_in_Mistrals_own_layout_is_described_with_its_network_and_weights()
    {
        File.Copy(Path.Combine(Golden.Encoder, "model.safetensors"), folder.File("consolidated.safetensors"));
        folder.Write("params.json", """
            {"dim": 32, "n_layers": 2, "head_dim": 16, "hidden_dim": 48, "n_heads": 2, "n_kv_heads": 1, "vocab_size": 2000}
            """);
        JsonElement facts = Json("info", folder.Path, "--json"), network = facts.GetProperty("network");
        Assert.Equal("model folder in Mistral's own layout", facts.GetProperty("kind").GetString());
        Assert.Equal((32, 2), (network.GetProperty("hidden_size").GetInt32(), network.GetProperty("layers").GetInt32()));
        Assert.True(facts.GetProperty("weights").GetProperty("tensors").GetInt32() > 0);
    }

    [Fact]
    public void Every_tensor_is_listed_when_asked()
    {
        JsonElement facts = Json("info", Path.Combine(Golden.CrossEncoder, "model.safetensors"), "--tensors", "--json");
        JsonElement[] tensors = [.. facts.GetProperty("tensors").EnumerateArray()];
        Assert.Equal(facts.GetProperty("weights").GetProperty("tensors").GetInt32(), tensors.Length);
        Assert.Contains(tensors, tensor => tensor.GetProperty("name").GetString() == "score.weight");
    }

    [Theory]
    [InlineData("tokenizer.json", "tokenizer.json")]
    [InlineData("config.json", "config.json of a model")]
    [InlineData("goldens.safetensors", "safetensors")]
    public void A_file_is_known_by_its_content_whatever_its_name(string name, string kind)
    {
        File.Copy(Path.Combine(Golden.Encoder, name), folder.File("anything"));
        Assert.Equal(kind, Json("info", folder.File("anything"), "--json").GetProperty("kind").GetString());
    }

    [Fact]
    public void Records_are_counted()
    {
        JsonElement records = Json("info", folder.Write("data", "{\"id\":1,\"text\":\"a\"}\n\n{\"text\":\"b\"}"), "--json").GetProperty("records");
        Assert.Equal(2, records.GetProperty("count").GetInt32());
        Assert.Equal("id, text", records.GetProperty("keys").GetString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("\u0010\u0000\u0000\u0000\u0000\u0000\u0000\u0000{\"a\":")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")]
    public void A_damaged_file_of_weights_is_one_line_that_names_it(string content)
    {
        string path = folder.Write("x.safetensors", content);
        Assert.Contains(path, SiroccoProcess.Run("info", path, "--json").ExpectFailure(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x.gguf", "GG")]
    [InlineData("x.gguf", "GGML and more")]
    [InlineData("x.gguf", "\0\0\0\0\0\0\0\0")]
    [InlineData("x.gguf", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")]
    [InlineData("x.npy", "\u0080\u0002}q\0.")]
    [InlineData("x.parquet", "PAR")]
    [InlineData("x.parquet", "{\"message\": \"rate limited\"}")]
    [InlineData("x.parquet", "<!DOCTYPE html><title>404</title>")]
    [InlineData("x.parquet", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")]
    [InlineData("x.arrow", "nothing of that kind")]
    public void A_file_that_is_not_what_its_name_says_and_nothing_else_is_one_line_that_names_it(string name, string content)
    {
        string path = folder.Write(name, content);
        Assert.Contains(path, SiroccoProcess.Run("info", path, "--json").ExpectFailure(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_gguf_file_of_any_architecture_is_described()
    {
        // Version 3, one tensor, one entry: general.architecture = "clip"; two f32 at the next multiple of 32.
        byte[] header =
        [
            .. "GGUF"u8, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
            20, 0, 0, 0, 0, 0, 0, 0, .. "general.architecture"u8, 8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, .. "clip"u8,
            3, 0, 0, 0, 0, 0, 0, 0, .. "abc"u8, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        byte[] file = new byte[((header.Length + 31) / 32 * 32) + 8];
        header.CopyTo(file, 0);
        JsonElement facts = Json("info", folder.Write("any", file), "--json");
        Assert.Equal(("GGUF", "clip"), (facts.GetProperty("kind").GetString(), facts.GetProperty("network").GetProperty("architecture").GetString()));
        Assert.Equal(2, facts.GetProperty("weights").GetProperty("parameters").GetInt64());
    }

    [Fact]
    public void The_common_options_are_accepted_everywhere_and_another_device_nowhere()
    {
        string[] common = ["--precision", "f32", "--threads", "1", "--device", "cpu", "--seed", "7"];
        SiroccoProcess.Run(["info", Golden.Encoder, .. common]).ExpectSuccess();
        SiroccoProcess.RunWith("{\"text\": \"a\"}\n", ["tokenize", Golden.Encoder, .. common]).ExpectSuccess();
        SiroccoProcess.Run(["embed", Golden.Encoder, "a text", .. common]).ExpectSuccess();
        Assert.Contains(
            "computes on the processor only", SiroccoProcess.Run("tokenize", Golden.Encoder, "--device", "cuda:0").ExpectFailure(), StringComparison.Ordinal);
        Assert.Contains("--precision", SiroccoProcess.Run("info", Golden.Encoder, "--precision", "f64").ExpectWrongUsage(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"peft_type\": \"LORA\", bad", "is not valid JSON at line 1, byte")]
    [InlineData("{\"peft_type\": \"LORA\", \"r\": 8, \"r\": 16}", "'r'")]
    public void A_damaged_adapter_is_one_line_that_names_it(string content, string message)
    {
        string path = folder.Write("adapter_config.json", content);
        string error = SiroccoProcess.Run("info", path).ExpectFailure();
        Assert.Contains(path, error, StringComparison.Ordinal);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_folder_with_a_mistyped_setting_is_one_line_that_names_the_key()
    {
        folder.Write(
            "config.json",
            File.ReadAllText(Path.Combine(Golden.Encoder, "config.json"))
                .Replace("\"hidden_size\": 32", "\"hidden_size\": \"wide\"", StringComparison.Ordinal));
        Assert.Contains("hidden_size", SiroccoProcess.Run("info", folder.Path).ExpectFailure(), StringComparison.Ordinal);
    }

    private static JsonElement Json(params string[] arguments) => JsonDocument.Parse(SiroccoProcess.Run(arguments).ExpectSuccess().Output).RootElement;
}
