using System.Text;
using System.Text.Json.Nodes;
using Sirocco.Compute;

namespace Sirocco.Models.Tests;

public sealed class ConfigTests : IDisposable
{
    private const string Minimal = """
        {"model_type": "llama", "vocab_size": 512, "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 2, "num_attention_heads": 4,
          "num_key_value_heads": 2,
         "max_position_embeddings": 2048, "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "architectures": ["LlamaForCausalLM"],
         "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 64}}
        """;

    private readonly TemporaryFolder temporary = new();

    public void Dispose() => temporary.Dispose();

    [SkippableTheory]
    [InlineData("Ministral-3-3B-Instruct-2512", ModelFamily.Ministral3, 3072, 26, 128, 3_429_006_336, null)]
    [InlineData("Ministral-3-3B-Instruct-2512-BF16", ModelFamily.Ministral3, 3072, 26, 128, 3_429_006_336, null)]
    [InlineData("Ministral-3-3B-Base-2512", ModelFamily.Ministral3, 3072, 26, 128, 3_429_006_336, null)]
    [InlineData("Ministral-3-3B-Reasoning-2512", ModelFamily.Ministral3, 3072, 26, 128, 3_429_006_336, null)]
    [InlineData("Ministral-3-8B-Base-2512", ModelFamily.Ministral3, 4096, 34, 128, 8_489_553_920 - 536_870_912, null)]
    [InlineData("Ministral-3-8B-Instruct-2512", ModelFamily.Ministral3, 4096, 34, 128, 8_489_553_920 - 536_870_912, null)]
    [InlineData("Ministral-3-8B-Instruct-2512-BF16", ModelFamily.Ministral3, 4096, 34, 128, 8_489_553_920 - 536_870_912, null)]
    [InlineData("Ministral-3-8B-Reasoning-2512", ModelFamily.Ministral3, 4096, 34, 128, 8_489_553_920 - 536_870_912, null)]
    [InlineData("Ministral-3-14B-Base-2512", ModelFamily.Ministral3, 5120, 40, 128, 13_506_073_600 - 671_088_640, null)]
    [InlineData("Ministral-3-14B-Instruct-2512", ModelFamily.Ministral3, 5120, 40, 128, 13_506_073_600 - 671_088_640, null)]
    [InlineData("Ministral-3-14B-Instruct-2512-BF16", ModelFamily.Ministral3, 5120, 40, 128, 13_506_073_600 - 671_088_640, null)]
    [InlineData("Ministral-3-14B-Reasoning-2512", ModelFamily.Ministral3, 5120, 40, 128, 13_506_073_600 - 671_088_640, null)]
    [InlineData("Llama-3.2-1B", ModelFamily.Llama, 2048, 16, 64, 1_235_814_400, null)]
    [InlineData("Llama-3.2-1B-Instruct", ModelFamily.Llama, 2048, 16, 64, 1_235_814_400, null)]
    [InlineData("Llama-3.2-3B", ModelFamily.Llama, 3072, 28, 128, 3_212_749_824, null)]
    [InlineData("Llama-3.2-3B-Instruct", ModelFamily.Llama, 3072, 28, 128, 3_212_749_824, null)]
    [InlineData("Llama-3.1-8B", ModelFamily.Llama, 4096, 32, 128, 8_030_261_248 - 525_336_576, null)]
    [InlineData("Llama-3.1-8B-Instruct", ModelFamily.Llama, 4096, 32, 128, 8_030_261_248 - 525_336_576, null)]
    [InlineData("llama-nemotron-embed-1b-v2", ModelFamily.Llama, 2048, 16, 64, 1_235_814_400, false)]
    [InlineData("llama-embed-nemotron-8b", ModelFamily.Llama, 4096, 32, 128, 8_030_261_248 - 525_336_576, false)]
    [InlineData("llama-nemotron-rerank-1b-v2", ModelFamily.Llama, 2048, 16, 64, 1_235_814_400, false)]
    public void Published_configurations_are_read(string name, ModelFamily family, int hidden, int layers, int headSize, long parameters, bool? causal)
    {
        ModelConfig config = ModelConfig.Load(Golden.SharedPath("configs/" + name));
        Assert.Equal((family, hidden, layers, headSize, causal), (config.Family, config.HiddenSize, config.Layers, config.HeadSize, config.IsCausal));
        Assert.Equal(parameters, config.ParameterCount);
        Assert.Equal(name.Contains("rerank", StringComparison.Ordinal), config.IsClassifier);
        Assert.Null(config.SlidingWindow);
        Assert.Equal(family == ModelFamily.Ministral3 ? 1.2197225f : 1, config.Rope.ToEmbedding(headSize).QueryScale(131_072), 1e-6f);
    }

    [Theory] // spec/model.md §1.6, from double arithmetic
    [InlineData(1e6, 1, 0.805842188)]
    [InlineData(1e6, 20, 0.0133352143)]
    [InlineData(1e6, 21, 0.0101534637)]
    [InlineData(1e6, 28, 0.00132517942)]
    [InlineData(1e6, 37, 2.12388021e-05)]
    [InlineData(1e6, 63, 7.755861e-08)]
    [InlineData(1e9, 1, 0.723394163)]
    [InlineData(1e9, 13, 0.0148550802)]
    [InlineData(1e9, 14, 0.00990654092)]
    [InlineData(1e9, 19, 0.00113089932)]
    [InlineData(1e9, 25, 1.90657993e-05)]
    [InlineData(1e9, 63, 8.63982642e-11)]
    public void Yarn_gives_the_published_frequencies(double theta, int index, double expected)
    {
        RopeParameters rope = new()
        {
            Theta = theta,
            Scaling = RopeScaling.Yarn,
            Factor = 16,
            OriginalMaxPositions = 16_384,
            Mscale = 1,
            MscaleAllDim = 1,
            QueryScaleBeta = 0.1,
        };
        RotaryEmbedding embedding = rope.ToEmbedding(128);
        Assert.Equal(1, embedding.InverseFrequencies[0]);
        Assert.InRange(embedding.InverseFrequencies[index] / expected, 1 - 1e-6, 1 + 1e-6);
        Assert.Equal(1, embedding.AttentionFactor);
    }

    [Theory] // spec/model.md §6.2
    [InlineData(64, 32, 14, 0.00321144599)]
    [InlineData(64, 32, 15, 0.00129054793)]
    [InlineData(64, 32, 17, 9.7082878e-05)]
    [InlineData(64, 32, 18, 1.94616382e-05)]
    [InlineData(64, 32, 31, 9.41830673e-08)]
    [InlineData(128, 32, 28, 0.00321144599)]
    [InlineData(128, 32, 34, 9.7082878e-05)]
    [InlineData(128, 32, 63, 7.67231497e-08)]
    [InlineData(128, 8, 29, 0.00216657076)]
    [InlineData(128, 8, 34, 0.000178507813)]
    [InlineData(128, 8, 63, 3.06892599e-07)]
    public void Llama_3_gives_the_published_frequencies(int headSize, double factor, int index, double expected)
    {
        RopeParameters rope = new() { Theta = 500_000, Scaling = RopeScaling.Llama3, Factor = factor, OriginalMaxPositions = 8192 };
        Assert.InRange(rope.ToEmbedding(headSize).InverseFrequencies[index] / expected, 1 - 1e-6, 1 + 1e-6);
    }

    [Theory]
    [InlineData(null, null, null, 1.2772588722)]
    [InlineData(1.0, 1.0, null, 1)]
    [InlineData(1.0, 0.0, null, 1.2772588722)]
    [InlineData(0.5, 1.0, null, (1 + (0.05 * 2.772588722)) / 1.2772588722)]
    [InlineData(1.0, 1.0, 1.5, 1.5)]
    public void Yarns_attention_factor_follows_mscale(double? mscale, double? all, double? given, double expected)
    {
        RopeParameters rope = new()
        {
            Scaling = RopeScaling.Yarn,
            Factor = 16,
            OriginalMaxPositions = 64,
            Mscale = mscale,
            MscaleAllDim = all,
            AttentionFactor = given,
        };
        Assert.Equal(expected, rope.ToEmbedding(16).AttentionFactor, 1e-6);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(16_383, 1)]
    [InlineData(16_384, 1.0693147)]
    [InlineData(32_768, 1.1098612)]
    [InlineData(262_143, 1.2772589)]
    public void The_query_scale_steps_at_multiples_of_the_original_context(int position, double expected) =>
        Assert.Equal(expected, new RotaryEmbedding([1], 1, 0.1f, 16_384).QueryScale(position), 1e-6);

    [Fact]
    public void Both_spellings_of_rotary_settings_mean_the_same()
    {
        JsonObject v5 = JsonNode.Parse(Minimal)!.AsObject();
        JsonObject rope = v5["rope_scaling"]!.DeepClone().AsObject();
        rope["rope_theta"] = 500000.0;
        rope["type"] = "llama3";
        rope.Remove("rope_type");
        v5.Remove("rope_scaling");
        v5.Remove("rope_theta");
        v5["rope_parameters"] = rope;
        Assert.Equal(Read(Minimal).Rope, Read(v5.ToJsonString()).Rope);
    }

    [Fact]
    public void Of_both_spellings_at_once_rope_scaling_counts_unless_it_is_empty()
    {
        JsonObject json = JsonNode.Parse(Minimal)!.AsObject();
        json["rope_parameters"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = 7000.0 };
        Assert.Equal(Read(Minimal).Rope, Read(json.ToJsonString()).Rope);
        json["rope_scaling"] = new JsonObject();
        Assert.Equal((RopeScaling.None, 7000), (Read(json.ToJsonString()).Rope.Scaling, Read(json.ToJsonString()).Rope.Theta));
    }

    [Theory]
    [InlineData("mistral", "null", 16)]
    [InlineData("ministral3", "null", 16)]
    [InlineData("mistral", null, 8)]
    [InlineData("ministral3", null, 8)]
    [InlineData("llama", "null", 16)]
    [InlineData("llama", null, 16)]
    public void No_number_of_key_value_heads_means_the_classs_default_and_null_one_for_each_head(string type, string? value, int expected)
    {
        JsonObject json = JsonNode.Parse(Minimal)!.AsObject();
        json["model_type"] = type;
        json["num_attention_heads"] = 16;
        json["head_dim"] = 4;
        json.Remove("num_key_value_heads");
        if (value is not null) json["num_key_value_heads"] = JsonNode.Parse(value);
        Assert.Equal(expected, Read(json.ToJsonString()).KeyValueHeads);
    }

    [Theory] // Ministral3Config has a head_dim of its own, the others divide
    [InlineData("ministral3", null, 128)]
    [InlineData("ministral3", "null", 16)]
    [InlineData("mistral", null, 16)]
    [InlineData("llama", "null", 16)]
    public void No_head_size_means_the_classs_default_and_null_a_share_of_the_hidden_size(string type, string? value, int expected)
    {
        JsonObject json = JsonNode.Parse(Minimal)!.AsObject();
        json["model_type"] = type;
        if (value is not null) json["head_dim"] = JsonNode.Parse(value);
        Assert.Equal(expected, Read(json.ToJsonString()).HeadSize);
    }

    [Theory]
    [InlineData("llama", null, true)]
    [InlineData("mistral", 9, false)]
    [InlineData("ministral3", 9, false)]
    public void Only_Mistrals_families_have_windows_and_only_Llama_biases(string type, int? window, bool biased)
    {
        JsonObject json = JsonNode.Parse(Minimal)!.AsObject();
        (json["model_type"], json["sliding_window"], json["attention_bias"], json["mlp_bias"]) = (type, 9, true, true);
        ModelConfig config = Read(json.ToJsonString());
        Assert.Equal((window, biased, biased), (config.SlidingWindow, config.AttentionBias, config.MlpBias));
    }

    [Theory]
    [InlineData("hidden_size", null, "hidden_size is missing")]
    [InlineData("hidden_size", "\"64\"", "hidden_size is \"64\", expected a whole number")]
    [InlineData("hidden_size", "1e30", "hidden_size is 1e30, expected a whole number from 1 to")]
    [InlineData("num_hidden_layers", "0", "num_hidden_layers is 0")]
    [InlineData("num_hidden_layers", "2.5", "num_hidden_layers is 2.5, expected a whole number")]
    [InlineData("num_key_value_heads", "3", "expected a divisor of num_attention_heads")]
    [InlineData("num_attention_heads", "5", "num_key_value_heads is 2, expected a divisor")]
    [InlineData("head_dim", "15", "head_dim is 15, expected an even number")]
    [InlineData("vocab_size", "-1", "vocab_size is -1")]
    [InlineData("rms_norm_eps", "[]", "rms_norm_eps is [], expected a number")]
    [InlineData("rope_scaling", "{\"rope_type\": \"llama3\"}", "rope_scaling.factor is missing")]
    [InlineData("rope_scaling", "7", "rope_scaling is 7, expected an object")]
    [InlineData("temperature", "0", "temperature is 0, expected a number above 0")]
    [InlineData("model_type", null, "model_type is missing")]
    public void A_wrong_key_is_named_with_its_file_and_what_was_expected(string key, string? value, string message)
    {
        JsonObject json = JsonNode.Parse(Minimal)!.AsObject();
        if (value is null) json.Remove(key);
        else json[key] = JsonNode.Parse(value);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Read(json.ToJsonString()));
        Assert.StartsWith("config.json: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData(64, true)]
    [InlineData(128, false)]
    public void Mistrals_own_settings_give_YaRN_and_the_query_scale_one_original_length(int ofScale, bool taken)
    {
        string file = temporary.Write("params.json", $$"""
            {"dim": 64, "n_layers": 1, "head_dim": 16, "hidden_dim": 96, "n_heads": 4, "n_kv_heads": 2, "vocab_size": 64,
             "yarn": {"original_max_position_embeddings": 64, "factor": 16},
             "llama_4_scaling": {"beta": 0.1, "original_max_position_embeddings": {{ofScale}} } }
            """);
        if (taken)
        {
            Assert.Equal((64, 0.1), (NativeConfig.Read(file).Rope.OriginalMaxPositions, NativeConfig.Read(file).Rope.QueryScaleBeta));
            return;
        }

        string message = Assert.Throws<InvalidDataException>(() => NativeConfig.Read(file)).Message;
        Assert.Contains("llama_4_scaling.original_max_position_embeddings is 128, expected 64 as in yarn", message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void The_settings_of_a_folder_in_Mistrals_own_layout_are_those_that_its_network_is_built_by()
    {
        string native = NativeFolder.Of(Golden.Folder("models/ministral3-causal"), temporary.File("native"));
        using CausalModel model = CausalModel.FromPretrained(native);
        ModelConfig config = ModelConfig.Load(native);
        Assert.Equal((model.Config.Family, model.Config.HiddenSize, model.Config.Rope), (config.Family, config.HiddenSize, config.Rope));
    }

    [Theory]
    [InlineData("model_type", "\"bert\"", "model_type 'bert' is not supported")]
    [InlineData("hidden_act", "\"gelu\"", "hidden_act 'gelu'")]
    [InlineData("rope_scaling", "{\"rope_type\": \"dynamic\", \"factor\": 2}", "rope_type 'dynamic'")]
    [InlineData("rope_scaling", "{\"type\": \"linear\", \"factor\": 2}", "rope_type 'linear'")]
    public void What_is_not_built_is_refused_by_name(string key, string value, string message)
    {
        JsonObject json = JsonNode.Parse(Minimal)!.AsObject();
        json[key] = JsonNode.Parse(value);
        Assert.Contains(message, Assert.Throws<NotSupportedException>(() => Read(json.ToJsonString())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_configurations_fail_cleanly_whatever_is_changed()
    {
        string[] published = Golden.Shared is { } shared
            ? Directory.GetFiles(Path.Combine(shared, "configs"), "config.json", SearchOption.AllDirectories)
            : [];
        string[] sources = [Minimal, .. published.Order(StringComparer.Ordinal).Take(6).Select(File.ReadAllText)];
        FuzzRounds.Run(4000, random =>
        {
            byte[] bytes = Encoding.UTF8.GetBytes(
                random.Next(2) == 0 ? Mutate(sources[random.Next(sources.Length)], random) : sources[random.Next(sources.Length)]);
            for (int i = random.Next(4); i > 0; i--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (random.Next(8) == 0) bytes = bytes[..random.Next(bytes.Length)];
            try
            {
                ModelConfig config = ConfigFile.Read(ConfigReader.FromBytes("config.json", bytes));
                float[] frequencies = config.Rope.ToEmbedding(config.HeadSize).InverseFrequencies;
                Assert.Equal(config.HeadSize / 2, frequencies.Length);
            }
            catch (Exception e) when (e is InvalidDataException or NotSupportedException)
            {
                Assert.StartsWith("config.json", e.Message, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', e.Message);
            }
        });
    }

    [Fact]
    public void A_configuration_written_and_read_again_is_the_same()
    {
        ModelConfig[] configs =
        [
            TinyModels.Ministral,
            TinyModels.Llama with { Pooling = "last", Temperature = 0.5f, IsCausal = false, SlidingWindow = null },
        ];
        foreach (ModelConfig config in configs)
        {
            string type = config.Family == ModelFamily.Llama ? "llama_bidirec" : "ministral3";
            ModelConfig again = Read(ConfigFile.Text(ConfigFile.Json(config, type, ["X"])));
            Assert.Equal(
                config with { Architectures = [], Source = null, EndIds = [], IsCausal = again.IsCausal },
                again with { Architectures = [], Source = null, EndIds = [], Labels = config.Labels });
            Assert.Equal(config.EndIds, again.EndIds);
        }
    }

    private static ModelConfig Read(string json) => ConfigFile.Read(ConfigReader.FromBytes("config.json", Encoding.UTF8.GetBytes(json)));

    /// <summary>One value of the document replaced by something that does not belong there.</summary>
    private static string Mutate(string json, Random random)
    {
        string[] values =
        [
            "null", "-1", "0", "1e308", "-1e308", "4294967296", "1.5", "\"x\"", "[]", "{}", "[1]", "true", "\"\\ud800\"", "1e-300", "{\"rope_type\": \"yarn\"}",
        ];
        JsonObject root = JsonNode.Parse(json)!.AsObject();
        List<JsonObject> objects = [root, .. root.Select(entry => entry.Value).OfType<JsonObject>()];
        JsonObject target = objects[random.Next(objects.Count)];
        if (target.Count == 0) return json;
        string key = target.ElementAt(random.Next(target.Count)).Key;
        string replaced = Guid.NewGuid().ToString("N");
        target[key] = replaced;
        return root.ToJsonString().Replace($"\"{replaced}\"", values[random.Next(values.Length)], StringComparison.Ordinal);
    }
}
