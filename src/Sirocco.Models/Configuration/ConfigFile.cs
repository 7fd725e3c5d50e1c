using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>config.json in and out, in the forms that transformers 4 and 5 and NeMo AutoModel write.</summary>
internal static class ConfigFile
{
    private const int MostFeatures = 1 << 20;
    private const int MostTokens = 1 << 24;
    private const int MostLayers = 1 << 12;
    private const int MostPositions = 1 << 30;

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    // model_type of the text network → family, defaults of its configuration class where config.json is silent, whether the type means bidirectional attention.
    private static readonly Dictionary<string, (ModelFamily Family, Defaults Defaults, bool Bidirectional)> Types = new(StringComparer.Ordinal)
    {
        ["llama"] = (ModelFamily.Llama, new(2048, 1e-6, null, null, null), false),
        ["llama_bidirec"] = (ModelFamily.Llama, new(2048, 1e-6, null, null, null), true),
        ["mistral"] = (ModelFamily.Mistral, new(131_072, 1e-6, 8, null, 4096), false),
        ["ministral3"] = (ModelFamily.Ministral3, new(262_144, 1e-5, 8, 128, null), false),
        ["ministral3_bidirec"] = (ModelFamily.Ministral3, new(262_144, 1e-5, 8, 128, null), true),
    };

    private sealed record Defaults(int MaxPositions, double NormEpsilon, int? KeyValueHeads, int? HeadSize, int? SlidingWindow);

    public static ModelConfig Read(ConfigReader file)
    {
        string outer = file.Text("model_type") ?? throw file.Missing("model_type", "one of " + string.Join(", ", Types.Keys) + ", mistral3");
        ConfigReader text = outer is "mistral3" or "mistral3_bidirec" ? file.Object("text_config")
            ?? throw file.Missing("text_config", "the text network's settings") : file;
        string type = ReferenceEquals(text, file) ? outer : text.Text("model_type") ?? "mistral";
        if (!Types.TryGetValue(type, out var known))
        {
            throw new NotSupportedException(
                $"{file.File}: model_type '{Visible.Short(type)}' is not supported; supported are {string.Join(", ", Types.Keys)} and mistral3");
        }
        if (text.Text("hidden_act") is { } activation and not "silu")
            throw new NotSupportedException($"{file.File}: hidden_act '{Visible.Short(activation)}' is not supported; these networks use silu");
        if (text.Has("num_local_experts") || text.Has("moe")) throw new NotSupportedException($"{file.File}: mixtures of experts are not supported");

        Defaults defaults = known.Defaults;
        int hidden = text.Int("hidden_size", 1, MostFeatures);
        int heads = text.Int("num_attention_heads", 1, MostFeatures);
        // null means one for each head; no key means the class's default
        int silent = text.Mentions("num_key_value_heads") ? heads : defaults.KeyValueHeads ?? heads;
        int keyValueHeads = text.Int("num_key_value_heads", 1, heads, Math.Min(silent, heads));
        if (heads % keyValueHeads != 0) throw text.Wrong("num_key_value_heads", $"a divisor of num_attention_heads, {heads}");
        // null means a head's share of the hidden size; no key means the class's default
        int? defaultHeadSize = text.Mentions("head_dim") ? null : defaults.HeadSize;
        if (!text.Has("head_dim") && defaultHeadSize is null && hidden % heads != 0)
            throw text.Wrong("hidden_size", $"a multiple of num_attention_heads, {heads}, where head_dim is not given");
        int headSize = text.Int("head_dim", 2, 1 << 16, defaultHeadSize ?? hidden / heads);
        if (headSize % 2 != 0 || headSize < 2) throw text.Wrong("head_dim", "an even number");
        if ((long)heads * headSize > MostFeatures) throw text.Wrong("num_attention_heads", $"at most {MostFeatures / headSize} heads of {headSize}");
        int positions = text.Int("max_position_embeddings", 1, MostPositions, defaults.MaxPositions);

        return new ModelConfig
        {
            Family = known.Family,
            VocabularySize = text.Int("vocab_size", 1, MostTokens),
            HiddenSize = hidden,
            IntermediateSize = text.Int("intermediate_size", 1, MostFeatures),
            Layers = text.Int("num_hidden_layers", 1, MostLayers),
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            HeadSize = headSize,
            MaxPositions = positions,
            NormEpsilon = (float)text.Number("rms_norm_eps", 0, 1, defaults.NormEpsilon),
            SlidingWindow = known.Family == ModelFamily.Llama ? null : Window(text, defaults),
            AttentionBias = known.Family == ModelFamily.Llama && text.Bool("attention_bias", false),
            MlpBias = known.Family == ModelFamily.Llama && text.Bool("mlp_bias", false),
            InitializerRange = (float)text.Number("initializer_range", 0, 100, 0.02),
            TieWordEmbeddings = text.OptionalBool("tie_word_embeddings") ?? file.Bool("tie_word_embeddings", !ReferenceEquals(file, text)),
            IsCausal = Causal(file, text, known.Bidirectional || outer == "mistral3_bidirec"),
            Pooling = text.Text("pooling") ?? file.Text("pooling"),
            Temperature = Temperature(text.Has("temperature") ? text : file),
            Labels = Labels(file),
            Architectures = file.Texts("architectures"),
            PaddingId = text.Has("pad_token_id") ? text.Ids("pad_token_id") is [var id] && id >= 0 ? id : null
                : known.Family == ModelFamily.Ministral3 && !text.Mentions("pad_token_id") ? 11 : null,
            StartId = text.Ids("bos_token_id").Cast<int?>().FirstOrDefault(),
            EndIds = text.Ids("eos_token_id"),
            StoredType = text.Text("dtype") ?? text.Text("torch_dtype") ?? file.Text("dtype") ?? file.Text("torch_dtype"),
            Rope = Rope(text, known.Family, positions, headSize),
            Source = JsonObject.Create(text.Element),
        };
    }

    /// <summary>
    /// The file's text for a network on its own: the keys that were read, overlaid with the record's values, sorted, two spaces of indentation, as
    /// transformers writes them.
    /// </summary>
    public static string Text(JsonObject json)
    {
        JsonObject sorted = new(
            json.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => KeyValuePair.Create(entry.Key, entry.Value?.DeepClone())));
        return sorted.ToJsonString(Indented) + "\n";
    }

    /// <summary>What <see cref="Text"/> writes of a network on its own.</summary>
    public static JsonObject Json(ModelConfig config, string modelType, IReadOnlyList<string> architectures)
    {
        JsonObject json = config.Source?.DeepClone().AsObject() ?? [];
        foreach (string stale in (string[])["rope_scaling", "rope_theta", "torch_dtype", "quantization_config", "auto_map"]) json.Remove(stale);
        json["model_type"] = modelType;
        json["architectures"] = new JsonArray([.. architectures.Select(name => (JsonNode)name)]);
        json["vocab_size"] = config.VocabularySize;
        json["hidden_size"] = config.HiddenSize;
        json["intermediate_size"] = config.IntermediateSize;
        json["num_hidden_layers"] = config.Layers;
        json["num_attention_heads"] = config.Heads;
        json["num_key_value_heads"] = config.KeyValueHeads;
        json["head_dim"] = config.HeadSize;
        json["max_position_embeddings"] = config.MaxPositions;
        json["rms_norm_eps"] = Number(config.NormEpsilon);
        json["hidden_act"] = "silu";
        json["initializer_range"] = Number(config.InitializerRange);
        json["tie_word_embeddings"] = config.TieWordEmbeddings;
        json["rope_parameters"] = RopeFile.Write(config.Rope);
        if (config.Family != ModelFamily.Llama) json["sliding_window"] = config.SlidingWindow;
        if (config.Family == ModelFamily.Llama)
        {
            json["attention_bias"] = config.AttentionBias;
            json["mlp_bias"] = config.MlpBias;
        }

        if (config.IsCausal is { } causal) json["is_causal"] = causal;
        if (config.Pooling is { } pooling) json["pooling"] = pooling;
        if (config.Temperature != 1 || json.ContainsKey("temperature")) json["temperature"] = Number(config.Temperature);
        if (config.Labels.Count > 0)
        {
            json["id2label"] = new JsonObject(
                config.Labels.Select((label, i) => KeyValuePair.Create(i.ToString(CultureInfo.InvariantCulture), (JsonNode?)label)));
            json["label2id"] = new JsonObject(
                config.Labels.Distinct().Select(label => KeyValuePair.Create(label, (JsonNode?)config.Labels.ToList().IndexOf(label))));
        }

        json["pad_token_id"] = config.PaddingId;
        json["bos_token_id"] = config.StartId;
        json["eos_token_id"] =
            config.EndIds.Count switch { 0 => null, 1 => config.EndIds[0], _ => new JsonArray([.. config.EndIds.Select(id => (JsonNode)id)]) };
        if (config.StoredType is { } type) json["dtype"] = type;
        return json;
    }

    /// <summary>A float as the shortest decimal that reads back equal (1e-05, not 9.999999747378752E-06).</summary>
    internal static JsonNode Number(float value) =>
        JsonValue.Create(double.Parse(value.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));

    private static RopeParameters Rope(ConfigReader text, ModelFamily family, int positions, int headSize)
    {
        RopeParameters rope = RopeFile.Read(text, family, positions);
        return rope.Divisors is null || rope.Divisors.Count == headSize / 2 ? rope
            : throw text.Wrong("head_dim", $"twice the {rope.Divisors.Count} frequency divisors");
    }

    private static int? Window(ConfigReader text, Defaults defaults)
    {
        if (!text.Mentions("sliding_window")) return defaults.SlidingWindow;
        return text.Has("sliding_window") ? text.Int("sliding_window", 1, int.MaxValue) : null;
    }

    private static bool? Causal(ConfigReader file, ConfigReader text, bool bidirectionalType)
    {
        if ((text.OptionalBool("is_causal") ?? file.OptionalBool("is_causal")) is { } causal) return causal;
        if ((text.OptionalBool("use_bidirectional_attention") ?? file.OptionalBool("use_bidirectional_attention")) is true) return false;
        return bidirectionalType ? false : null;
    }

    private static float Temperature(ConfigReader file)
    {
        double temperature = file.Number("temperature", 0, 1e6, 1);
        return (float)temperature > 0 && float.IsFinite(1 / (float)temperature) ? (float)temperature
            : throw file.Wrong("temperature", "a number above 0 within the range of float32");
    }

    private static string[] Labels(ConfigReader file)
    {
        if (!file.Texts("architectures").Any(name => name.EndsWith("ForSequenceClassification", StringComparison.Ordinal))) return [];
        IReadOnlyList<KeyValuePair<string, string>> entries = file.Map("id2label");
        if (entries.Count == 0)
        {
            int count = file.Int("num_labels", 1, MostFeatures, 2);
            return [.. Enumerable.Range(0, count).Select(i => $"LABEL_{i}")];
        }

        string[] labels = new string[entries.Count];
        foreach ((string key, string label) in entries)
        {
            if (!int.TryParse(key, CultureInfo.InvariantCulture, out int index) || index < 0 || index >= labels.Length || labels[index] is not null)
                throw file.Wrong("id2label", "labels numbered from 0 without gaps");
            labels[index] = label;
        }

        return labels;
    }
}
