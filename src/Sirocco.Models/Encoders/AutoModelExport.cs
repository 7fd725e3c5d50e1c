using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Sirocco.Formats;
using Sirocco.Text;

namespace Sirocco.Models;

/// <summary>The parts of <see cref="AutoModelLayout"/> that a plain model folder lacks.</summary>
internal static partial class AutoModelExport
{
    private const string TransformersVersion = "5.18.0"; // whose form of config.json this is
    private static readonly JsonSerializerOptions Literal = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Keys that a complete dump of transformers' configuration has beside the network's own; those that the source sets win.</summary>
    public static void Complete(JsonObject config, ModelConfig model, bool registered, AutoModelLayout layout)
    {
        config["_name_or_path"] = layout.Source;
        config["transformers_version"] = TransformersVersion;
        Default(config, "attention_dropout", 0.0);
        Default(config, "chunk_size_feed_forward", 0);
        Default(config, "is_encoder_decoder", false);
        Default(config, "output_attentions", false);
        Default(config, "output_hidden_states", false);
        Default(config, "problem_type", null);
        Default(config, "return_dict", true);
        Default(config, "use_cache", true);
        Default(config, "id2label", new JsonObject { ["0"] = "LABEL_0", ["1"] = "LABEL_1" });
        Default(config, "label2id", new JsonObject { ["LABEL_0"] = 0, ["LABEL_1"] = 1 });
        if (model.Family == ModelFamily.Llama) Default(config, "pretraining_tp", 1);
        if (model.Family == ModelFamily.Ministral3 && config["rope_parameters"] is JsonObject rope)
            Default(rope, "max_position_embeddings", model.MaxPositions);
        if (registered) Default(config, "temperature", 1.0);
        else config.Remove("temperature");
    }

    /// <summary>
    /// Spreads weights over files as the source's index does: a weight that the source has stays in the file of its number, all others go into the last of
    /// these. A source whose files have no numbers has one. Without a source on this machine files are filled one after the other.
    /// </summary>
    public static IReadOnlyList<IReadOnlyList<OutgoingTensor>> Files(IReadOnlyList<OutgoingTensor> tensors, string? folder)
    {
        if (!Directory.Exists(folder)) return SafetensorsWriter.Split(tensors);
        Dictionary<string, int> numbers = [];
        foreach (string file in ModelFolder.WeightFiles(folder))
        {
            if (Numbered().Match(Path.GetFileName(file)) is not { Success: true } match) continue;
            int number = int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
            using TensorArchive shard = SafetensorsFile.Open(file);
            foreach (StoredTensor tensor in shard.Tensors) numbers[tensor.Name] = number;
        }

        int last = tensors.Max(tensor => numbers.GetValueOrDefault(tensor.Name, 1));
        return [.. Enumerable.Range(1, last)
            .Select(number => (OutgoingTensor[])[.. tensors.Where(tensor => numbers.GetValueOrDefault(tensor.Name, last) == number)])];
    }

    /// <summary>tokenizer_config.json with the recipe's side of padding and the token that pads.</summary>
    public static void AdjustTokenizer(string folder, string source, TextSide? padding)
    {
        string file = Path.Combine(folder, "tokenizer_config.json");
        if (!File.Exists(file) || JsonNode.Parse(File.ReadAllBytes(file)) is not JsonObject settings) return;
        if (padding is { } side) settings["padding_side"] = side == TextSide.Left ? "left" : "right";
        Tokenizer tokenizer = ModelTokenizer.Load(source);
        if (settings["pad_token"] is null && tokenizer.PaddingId is { } id && tokenizer.IdToToken(id) is { } token) settings["pad_token"] = token;
        foreach (string stale in (string[])["local_files_only", "processor_class"]) settings.Remove(stale);
        File.Delete(file);
        ModelExport.WriteJson(file, settings);
    }

    /// <summary>sentence-transformers' files of a cross-encoder whose pairs are one text by a template.</summary>
    /// <returns>
    /// False where its template language cannot say how the tokenizer frames a text, or where the pair would not end in a field that may be cut.
    /// </returns>
    public static bool WriteReranker(AtomicFolder output, string template, string tokenizerSource)
    {
        if (!(template.EndsWith("{query}", StringComparison.Ordinal) || template.EndsWith("{passage}", StringComparison.Ordinal))) return false;
        if (Frame(ModelTokenizer.Load(tokenizerSource)) is not { } frame) return false;
        JsonObject Logits(params (string Key, JsonNode Value)[] further)
        {
            JsonObject method = new() { ["method"] = "forward", ["method_output_name"] = "logits" };
            foreach ((string key, JsonNode value) in further) method[key] = value;
            return method;
        }

        ModelExport.WriteJson(output.PathOf("modules.json"), new JsonArray(
            new JsonObject { ["idx"] = 0, ["name"] = "0", ["path"] = "", ["type"] = "sentence_transformers.base.modules.transformer.Transformer" }));
        ModelExport.WriteJson(output.PathOf("config_sentence_transformers.json"), new JsonObject
        {
            ["model_type"] = "CrossEncoder",
            ["activation_fn"] = "torch.nn.modules.linear.Identity",
            ["prompts"] = new JsonObject(),
            ["default_prompt_name"] = null,
        });
        ModelExport.WriteJson(output.PathOf("sentence_bert_config.json"), new JsonObject
        {
            ["transformer_task"] = "sequence-classification",
            ["modality_config"] = new JsonObject { ["text"] = Logits(), ["message"] = Logits(("format", "flat")) },
            ["module_output_name"] = "scores",
            ["unpad_inputs"] = false,
            ["processing_kwargs"] = new JsonObject { ["chat_template"] = new JsonObject { ["chat_template"] = "reranking" } },
        });
        AtomicFile.WriteAllText(output.PathOf("additional_chat_templates/reranking.jinja"),
            "{%- if messages | length != 2 or messages[0]['role'] != 'query' or messages[1]['role'] != 'document' -%}"
            + "{{- raise_exception('Reranking requires a query followed by a document') -}}{%- endif -%}"
            + $"{{{{- {Quoted(frame.Before)} + {Quoted(template)}.format(query=messages[0]['content'], passage=messages[1]['content']) "
            + $"+ {Quoted(frame.After)} -}}}}");
        return true;
    }

    /// <summary>The special tokens that a tokenizer puts before and after every text, or null where it does not keep to that.</summary>
    private static (string Before, string After)? Frame(Tokenizer tokenizer)
    {
        int[] bare = tokenizer.EncodeIds("a", addSpecialTokens: false), framed = tokenizer.EncodeIds("a");
        int at = framed.AsSpan().IndexOf(bare);
        if (bare.Length == 0 || at < 0) return null;
        return (string.Concat(framed[..at].Select(tokenizer.IdToToken)), string.Concat(framed[(at + bare.Length)..].Select(tokenizer.IdToToken)));
    }

    private static string Quoted(string text) => JsonSerializer.Serialize(text, Literal);

    private static void Default(JsonObject config, string key, JsonNode? value)
    {
        if (!config.ContainsKey(key)) config[key] = value;
    }

    [GeneratedRegex(@"^model-(\d{5})-of-\d{5}\.safetensors\z", RegexOptions.CultureInvariant)]
    private static partial Regex Numbered();
}
