using Sirocco.Cli.Records;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs.Info;

/// <summary>What a folder is: a model, an index, an adapter, a tokenizer.</summary>
internal static class FolderDescription
{
    public static Facts Of(string path, bool tensors)
    {
        Facts facts = new Facts().Add("path", path);
        bool known = false;
        if (File.Exists(Path.Combine(path, "index.json")))
        {
            known = true;
            facts.Add("kind", "index").Add("index", Index(path));
        }

        string config = Path.Combine(path, "config.json");
        string adapter = Path.Combine(path, "adapter_config.json");
        if (File.Exists(adapter) && !File.Exists(config))
        {
            facts.Add("kind", "adapter").Add("adapter", FileDescription.Adapter(adapter));
            string factors = Path.Combine(path, "adapter_model.safetensors");
            if (File.Exists(factors))
            {
                using TensorArchive archive = TensorArchive.Open(factors);
                FileDescription.Weights(facts, archive, tensors);
            }
        }

        bool library = File.Exists(Path.Combine(path, "modules.json"));
        bool native = File.Exists(Path.Combine(path, "params.json")) && File.Exists(Path.Combine(path, "consolidated.safetensors"));
        if (File.Exists(config) || native)
        {
            known = true;
            string layout = library ? " in sentence-transformers layout" : File.Exists(config) ? "" : " in Mistral's own layout";
            facts.Add("kind", "model folder" + layout);
            Model(facts, path);
        }

        if (HasWeights(path))
        {
            known = true;
            using TensorArchive archive = TensorArchive.Open(path);
            FileDescription.Weights(facts, archive, tensors);
        }

        if (File.Exists(Path.Combine(path, "tokenizer.json")) || File.Exists(Path.Combine(path, "tekken.json")))
        {
            known = true;
            facts.Add("tokenizer", FileDescription.TokenizerOf(path));
        }

        if (File.Exists(Path.Combine(path, "chat_template.jinja"))) facts.Add("chat_template", true);
        if (!known && !File.Exists(adapter))
            throw new InvalidDataException($"{path} is a folder without config.json, weights, tokenizer or index; name a file in it");
        return facts;
    }

    private static void Model(Facts facts, string path)
    {
        try
        {
            facts.Add("network", FileDescription.Network(ModelConfig.Load(path)));
            if (File.Exists(Path.Combine(path, "modules.json")) && HasWeights(path)) facts.Add("use", Use(path));
        }
        catch (NotSupportedException failure)
        {
            facts.Add("not_supported", failure.Message);
        }
    }

    /// <summary>How a sentence-transformers folder makes vectors or scores.</summary>
    private static Facts Use(string path)
    {
        using EncoderModel model = EncoderModel.FromPretrained(path);
        if (model is not BiEncoder encoder) return new Facts().Add("task", "scores of pairs");
        Facts prompts = new();
        foreach ((string name, string prompt) in encoder.Settings.Prompts) prompts.Add(name, $"\"{prompt}\"");
        return new Facts()
            .Add("task", "vectors of texts")
            .Add("pooling", encoder.Settings.Poolings.Select(pooling => pooling.ToString()).ToList())
            .Add("normalize", encoder.EndsNormalized)
            .Add("features", encoder.Features)
            .Add("dimensions", encoder.Settings.Dimensions)
            .Add("max_length", encoder.Settings.MaxLength)
            .Add("similarity", encoder.Settings.Similarity)
            .Add("prompts", prompts.IsEmpty ? null : prompts)
            .Add("default_prompt", encoder.Settings.DefaultPromptName);
    }

    private static Facts Index(string path)
    {
        using VectorIndex index = VectorIndex.Open(path);
        return new Facts()
            .Add("records", index.Count)
            .Add("dimensions", index.Dimensions)
            .Add("store", index.Description.Store.ToString())
            .Add("model", index.Description.Model)
            .Add("query_prompt", index.Description.QueryPrompt.Length > 0 ? $"\"{index.Description.QueryPrompt}\"" : null)
            .Add("document_prompt", index.Description.DocumentPrompt.Length > 0 ? $"\"{index.Description.DocumentPrompt}\"" : null);
    }

    private static bool HasWeights(string path) =>
        Directory.EnumerateFiles(path, "*.safetensors").Any(name => !Path.GetFileName(name).StartsWith("adapter_", StringComparison.Ordinal))
        || Directory.EnumerateFiles(path, "*.gguf").Any() || File.Exists(Path.Combine(path, "model.safetensors.index.json"));
}
