using System.Text.Json.Nodes;

namespace Sirocco.Formats;

/// <summary>Translates the metadata of a GGUF file into what the model's config.json says.</summary>
internal static class GgufConfiguration
{
    // As many as a config.json may ask for.
    private const long MostFeatures = 1 << 20;

    // GGUF architecture → Hugging Face model type and class.
    private static readonly (string Architecture, string ModelType, string Class)[] Architectures =
    [
        ("llama", "llama", "LlamaForCausalLM"),
        ("mistral3", "ministral3", "Ministral3ForCausalLM"),
    ];

    /// <summary>The shape of the network that names and rows depend on.</summary>
    internal readonly record struct Dimensions(long Layers, long Hidden, long Intermediate, long Context, long Heads, long KeyValueHeads, long HeadSize);

    internal static Dimensions Read(string path, GgufMetadata values)
    {
        string architecture = values.Text("general.architecture");
        if (!Architectures.Any(known => known.Architecture == architecture))
        {
            string supported = string.Join(" and ", Architectures.Select(known => known.Architecture));
            throw new InvalidDataException($"{path}: key 'general.architecture' is '{Visible.Short(architecture)}'; {supported} are supported");
        }
        if (values.IntegerOrNull("split.count") is > 1 and long parts)
            throw new InvalidDataException($"{path}: is one of {parts} parts (key 'split.count'); merge them into one file with llama-gguf-split --merge");
        if (values.IntegerOrNull($"{architecture}.expert_count") is > 0 and long experts)
            throw new InvalidDataException($"{path}: key '{architecture}.expert_count' is {experts}; mixtures of experts are not supported");

        long layers = Positive($"{architecture}.block_count", 1 << 12), hidden = Positive($"{architecture}.embedding_length", MostFeatures);
        long intermediate = Positive($"{architecture}.feed_forward_length", MostFeatures), context = Positive($"{architecture}.context_length", 1 << 30);
        long heads = Positive($"{architecture}.attention.head_count", 1 << 16);
        long keyValueHeads = values.Contains($"{architecture}.attention.head_count_kv") ? Positive($"{architecture}.attention.head_count_kv", heads) : heads;
        long headSize = values.Contains($"{architecture}.attention.key_length") ? Positive($"{architecture}.attention.key_length", 1 << 16) : hidden / heads;
        if (heads % keyValueHeads != 0)
            throw new InvalidDataException($"{path}: key '{architecture}.attention.head_count_kv' is {keyValueHeads}, which does not divide the {heads} heads");
        if (headSize % 2 != 0 || headSize == 0)
        {
            throw new InvalidDataException(
                $"{path}: the head size {headSize} is not even, as rotary pairs need; check key '{architecture}.attention.key_length'");
        }
        if (heads * headSize > MostFeatures)
        {
            throw new InvalidDataException($"{path}: key '{architecture}.attention.head_count' is {heads}, "
                + $"with heads of {headSize} more than the {MostFeatures} features that are supported");
        }
        if (values.IntegerOrNull($"{architecture}.attention.value_length") is long valueSize && valueSize != headSize)
            throw new InvalidDataException($"{path}: key '{architecture}.attention.value_length' is {valueSize} but keys have {headSize}; they must be equal");
        if (values.IntegerOrNull($"{architecture}.rope.dimension_count") is long rotated && rotated != headSize)
        {
            throw new InvalidDataException(
                $"{path}: key '{architecture}.rope.dimension_count' is {rotated} but heads have {headSize}; partly rotated heads are not supported");
        }
        return new Dimensions(layers, hidden, intermediate, context, heads, keyValueHeads, headSize);

        long Positive(string key, long most)
        {
            long value = values.Integer(key);
            return value >= 1 && value <= most ? value : throw new InvalidDataException($"{path}: key '{key}' is {value} but must be from 1 to {most}");
        }
    }

    internal static JsonObject ToJson(GgufMetadata values, Dimensions sizes, long vocabulary, bool tiedHead, bool attentionBias, float[]? ropeDivisors)
    {
        string architecture = values.Text("general.architecture");
        (_, string modelType, string @class) = Architectures.First(known => known.Architecture == architecture);
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray(@class),
            ["attention_bias"] = attentionBias,
            ["head_dim"] = sizes.HeadSize,
            ["hidden_act"] = "silu",
            ["hidden_size"] = sizes.Hidden,
            ["intermediate_size"] = sizes.Intermediate,
            ["max_position_embeddings"] = sizes.Context,
            ["model_type"] = modelType,
            ["num_attention_heads"] = sizes.Heads,
            ["num_hidden_layers"] = sizes.Layers,
            ["num_key_value_heads"] = sizes.KeyValueHeads,
            ["rms_norm_eps"] = values.NumberOrNull($"{architecture}.attention.layer_norm_rms_epsilon") ?? 1e-5,
            ["rope_parameters"] = Rope(values, architecture, ropeDivisors),
            ["tie_word_embeddings"] = tiedHead,
            ["vocab_size"] = vocabulary,
        };
        if (values.IntegerOrNull($"{architecture}.attention.sliding_window") is > 0 and long window) json["sliding_window"] = window;
        foreach (string name in new[] { "bos", "eos" })
            if (values.IntegerOrNull($"tokenizer.ggml.{name}_token_id") is long id) json[$"{name}_token_id"] = id;
        if (values.IntegerOrNull("tokenizer.ggml.padding_token_id") is long padding) json["pad_token_id"] = padding;
        return json;
    }

    /// <summary>
    /// The <c>rope_parameters</c> of a config.json. Divisors stored as a tensor have no such form there: they appear as rope_type <c>frequency_divisors</c>
    /// with an array <c>frequency_divisors</c> of head_dim / 2 numbers: inv_freq[i] = θ^(−2i/d) / divisor[i].
    /// </summary>
    private static JsonObject Rope(GgufMetadata values, string architecture, float[]? divisors)
    {
        string scaling = $"{architecture}.rope.scaling.";
        var rope = new JsonObject
        {
            ["rope_theta"] = values.NumberOrNull($"{architecture}.rope.freq_base") ?? 10000.0,
            ["rope_type"] = "default",
        };
        string type = values.TextOrNull(scaling + "type") ?? (values.Contains(scaling + "factor") ? "linear" : "none");
        if (divisors is not null)
        {
            rope["rope_type"] = "frequency_divisors";
            rope["frequency_divisors"] = new JsonArray([.. divisors.Select(divisor => (JsonNode)divisor)]);
        }
        else if (type is "linear" or "yarn")
        {
            rope["rope_type"] = type;
            Copy("factor", "factor");
        }
        if (type == "yarn")
        {
            Copy("original_context_length", "original_max_position_embeddings");
            Copy("yarn_beta_fast", "beta_fast");
            Copy("yarn_beta_slow", "beta_slow");
            Copy("attn_factor", "attention_factor");
            if (values.NumberOrNull(scaling + "yarn_log_multiplier") is double multiplier && multiplier != 0)
            {
                rope["mscale"] = 1.0;
                rope["mscale_all_dim"] = multiplier;
            }
        }
        if (values.NumberOrNull($"{architecture}.attention.temperature_scale") is double beta && beta != 0)
        {
            rope["llama_4_scaling_beta"] = beta;
            if (!rope.ContainsKey("original_max_position_embeddings")) Copy("original_context_length", "original_max_position_embeddings");
        }
        return rope;

        void Copy(string key, string name)
        {
            if (values.TryGet(scaling + key, out object? value) && value is not (float or double)) rope[name] = values.Integer(scaling + key);
            else if (values.NumberOrNull(scaling + key) is double number) rope[name] = number;
        }
    }
}
