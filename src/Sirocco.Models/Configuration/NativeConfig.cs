using System.Text.Json.Nodes;

namespace Sirocco.Models;

/// <summary>Mistral's own params.json, read as the config.json that it stands for.</summary>
internal static class NativeConfig
{
    public static ModelConfig Read(string path)
    {
        ConfigReader file = ConfigReader.Load(path);
        ConfigReader? yarn = file.Object("yarn"), scale = file.Object("llama_4_scaling");
        JsonObject rope = new() { ["rope_theta"] = file.Number("rope_theta", 1, 1e15, 10_000), ["rope_type"] = yarn is null ? "default" : "yarn" };
        if (yarn is not null)
        {
            rope["factor"] = yarn.Number("factor", 1, 1e6, 1);
            rope["original_max_position_embeddings"] = yarn.Int("original_max_position_embeddings", 1, int.MaxValue);
            rope["beta_fast"] = yarn.Number("beta", 1e-6, 1e9, 32);
            rope["beta_slow"] = yarn.Number("alpha", 1e-6, 1e9, 1);

            // apply_scale false means that both magnitudes are the same and cancel: an attention factor of 1.
            if (!yarn.Bool("apply_scale", true)) rope["attention_factor"] = 1.0;
        }

        if (scale is not null)
        {
            const string Original = "original_max_position_embeddings"; // one number in config.json, YaRN's and the query scale's
            int original = scale.Int(Original, 1, int.MaxValue);
            if (yarn is not null && yarn.Int(Original, 1, int.MaxValue) is var stretched && stretched != original)
                throw scale.Wrong(Original, $"{stretched} as in yarn; two different lengths are not supported");
            rope["llama_4_scaling_beta"] = scale.Number("beta", 0, 1e3, 0);
            rope[Original] = original;
        }

        if (file.Has("moe")) throw new NotSupportedException($"{path}: mixtures of experts are not supported");
        JsonObject config = new()
        {
            ["model_type"] = "ministral3",
            ["hidden_size"] = Raw(file, "dim"),
            ["intermediate_size"] = Raw(file, "hidden_dim"),
            ["num_hidden_layers"] = Raw(file, "n_layers"),
            ["num_attention_heads"] = Raw(file, "n_heads"),
            ["num_key_value_heads"] = Raw(file, "n_kv_heads"),
            ["head_dim"] = Raw(file, "head_dim"),
            ["vocab_size"] = Raw(file, "vocab_size"),
            ["rms_norm_eps"] = file.Number("norm_eps", 0, 1, 1e-5),
            ["max_position_embeddings"] = file.Int("max_position_embeddings", 1, 1 << 30, file.Int("max_seq_len", 1, 1 << 30, 131_072)),
            ["tie_word_embeddings"] = file.Bool("tied_embeddings", false),
            ["bos_token_id"] = 1,
            ["eos_token_id"] = 2,
            ["sliding_window"] = file.Has("sliding_window") ? file.Int("sliding_window", 1, int.MaxValue) : null,
            ["rope_parameters"] = rope,
        };
        return ConfigFile.Read(ConfigReader.FromObject(path, config));
    }

    private static JsonNode Raw(ConfigReader file, string key) => file.Int(key, 1, int.MaxValue);
}
