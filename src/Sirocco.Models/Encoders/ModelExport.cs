using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Text;

namespace Sirocco.Models;

/// <summary>
/// Writes model folders in the layout that NeMo AutoModel 0.7 and sentence-transformers 6 write and that both, transformers and this library read. The folder
/// appears when it is complete; of an earlier model in it nothing remains, files of others stay (<see cref="ExportedFiles"/>).
/// </summary>
internal static class ModelExport
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// A bi-encoder: bare weight names, attention and pooling in config.json, and sentence-transformers' files where that library knows the pooling.
    /// </summary>
    public static void Write(BiEncoder encoder, string folder, ExportOptions options, CancellationToken cancellation)
    {
        using SharedReads.Reading reading = encoder.BeginReading();
        ModelConfig config = Exportable(encoder, options) with { IsCausal = encoder.IsCausal };
        using AtomicFolder output = AtomicFolder.Create(folder);
        EncoderSettings settings = encoder.Settings;
        string? multiVector = options.AutoModel?.MultiVector;
        bool modules = WhyNoModules(encoder, options) is null;
        if (multiVector is not null) config = config with { Pooling = multiVector };
        else if (settings.Poolings.Count == 1 && settings.Poolings[0] is Pooling.Average or Pooling.First or Pooling.Last or Pooling.Sum)
            config = config with { Pooling = PoolingNames.ConfigName(settings.Poolings[0]) };
        config = config with { Labels = [] };
        string family = config.Family.ToString();
        string type = config.Family.ToString().ToLowerInvariant();

        // Only the training library's own type has a place for a pooling that sentence-transformers lacks. It keeps that type where it writes no
        // sentence-transformers files, but has none for Ministral3.
        bool own = options.AutoModel is null ? settings.Poolings.Contains(Pooling.Sum) && config.Family != ModelFamily.Mistral
            : !modules && config.Family == ModelFamily.Llama;
        WriteConfig(output, encoder, config, own ? type + "_bidirec" : type, own ? family + "BidirectionalModel" : family + "Model", options);
        WriteWeights(output, encoder, options.WeightPrefix, options, cancellation);
        int length = options.MaxLength ?? Math.Min(config.MaxPositions, settings.MaxLength ?? TokenizerLimit(options) ?? int.MaxValue);
        if (length < 1 || length > config.MaxPositions)
            throw new ArgumentException($"a maximum length of {length} tokens is outside the context of {config.MaxPositions}", nameof(options));
        WriteTokenizer(output, config, options, length);
        if (options.AutoModel is not null) settings = settings with { Similarity = null };
        if (modules) WriteModules(output, encoder, settings with { MaxLength = length, Prompts = options.Prompts ?? settings.Prompts });
        ExportedFiles.Commit(output);
    }

    /// <summary>A reranker: <c>model.</c> before the decoder's names, <c>score.weight</c>, labels, pooling and temperature in config.json.</summary>
    public static void Write(CrossEncoder encoder, string folder, ExportOptions options, CancellationToken cancellation)
    {
        using SharedReads.Reading reading = encoder.BeginReading();
        ModelConfig config = Exportable(encoder, options) with { IsCausal = encoder.IsCausal };
        using AtomicFolder output = AtomicFolder.Create(folder);
        if (config.Labels.Count != encoder.Labels) config = config with { Labels = [.. Enumerable.Range(0, encoder.Labels).Select(i => $"LABEL_{i}")] };
        string family = config.Family.ToString();
        if (!encoder.ReadsLastToken) config = config with { Pooling = PoolingNames.ConfigName(encoder.Pooling) };
        string type = family.ToLowerInvariant() + (encoder.ReadsLastToken ? "" : "_bidirec");
        WriteConfig(output, encoder, config, type, family + (encoder.ReadsLastToken ? "" : "Bidirectional") + "ForSequenceClassification", options);
        WriteWeights(output, encoder, "model.", options, cancellation);
        WriteTokenizer(output, config, options, options.MaxLength ?? TokenizerLimit(options) ?? config.MaxPositions);
        if (options is { AutoModel.PromptTemplate: { } template, Tokenizer: { } tokenizer }) AutoModelExport.WriteReranker(output, template, tokenizer);
        ExportedFiles.Commit(output);
    }

    /// <summary>A language model: <c>model.</c> before the decoder's names, <c>lm_head.weight</c> where untied.</summary>
    public static void Write(CausalModel model, string folder, ExportOptions options, CancellationToken cancellation)
    {
        using SharedReads.Reading reading = model.BeginReading();
        ModelConfig config = Exportable(model, options);
        using AtomicFolder output = AtomicFolder.Create(folder);
        string family = config.Family.ToString();
        WriteConfig(
            output,
            model,
            config with { TieWordEmbeddings = model.Head == model.Decoder.EmbeddingTable },
            family.ToLowerInvariant(),
            family + "ForCausalLM",
            options);
        WriteWeights(output, model, "model.", options, cancellation);
        WriteTokenizer(output, model.Config, options, options.MaxLength ?? TokenizerLimit(options) ?? model.Config.MaxPositions);
        ExportedFiles.Commit(output);
    }

    /// <summary>
    /// The settings in a form that transformers loads; what has none, weights that cannot be read, and modules that no file would keep are refused before
    /// anything is written.
    /// </summary>
    internal static ModelConfig Exportable(PretrainedModel model, ExportOptions options)
    {
        model.RequireValues("save the model");
        if (model is BiEncoder encoder && encoder.Modules.Any(module => module is DenseModule) && WhyNoModules(encoder, options) is { } why)
        {
            throw new NotSupportedException($"{model.Path}: its Dense modules behind pooling would be lost, because sentence-transformers' files, "
                + $"which keep them, cannot be written for {why}; take a model without Dense modules, or pool by avg, cls or last");
        }
        RopeParameters rope = model.Config.Rope.WithoutDivisors(model.Config.HeadSize)
            ?? throw new NotSupportedException($"{model.Path}: its rope_freqs.weight are divisors that no rope_type of transformers gives, "
                + "so a saved model could not be loaded there; save from the model that the GGUF was made of");
        return model.Config with { Rope = rope };
    }

    /// <summary>What sentence-transformers' files cannot express, so that a bi-encoder is saved without them; null where they are written.</summary>
    private static string? WhyNoModules(BiEncoder encoder, ExportOptions options) =>
        options.WeightPrefix.Length > 0 ? $"weights under {options.WeightPrefix}"
        : options.AutoModel?.MultiVector is { } multiVector ? $"pooling {multiVector}"
        : encoder.Settings.Poolings.Contains(Pooling.Sum) ? "pooling " + PoolingNames.ConfigName(Pooling.Sum)
        : options.AutoModel is { HasModules: false } ? "instructions of each corpus"
        : null;

    private static void WriteConfig(AtomicFolder output, PretrainedModel model, ModelConfig config, string type, string architecture, ExportOptions options)
    {
        string stored = TypeOf(model.Decoder.EmbeddingTable, options) switch { StorageType.F32 => "float32", StorageType.BF16 => "bfloat16", _ => "float16" };
        JsonObject json = ConfigFile.Json(config with { StoredType = stored }, type, [architecture]);
        if (options.AutoModel is { } layout) AutoModelExport.Complete(json, config, registered: type.EndsWith("_bidirec", StringComparison.Ordinal), layout);
        string file = "config.json";
        if (options.AutoModel is { KeepSourceConfig: true, SourceFolder: { } source } && File.Exists(Path.Combine(source, file)))
        {
            File.Copy(Path.Combine(source, file), output.PathOf(file));
            file = "config.v5.json";
        }

        AtomicFile.WriteAllText(output.PathOf(file), ConfigFile.Text(json));
    }

    private static StorageType TypeOf(Parameter parameter, ExportOptions options) =>
        TypeOf(options.Type ?? (parameter.Trainable ? ElementType.F32 : parameter.ValueType));

    private static StorageType TypeOf(ElementType type) => type switch
    {
        ElementType.F32 => StorageType.F32,
        ElementType.BF16 => StorageType.BF16,
        _ => StorageType.F16,
    };

    private static void WriteWeights(AtomicFolder output, PretrainedModel model, string prefix, ExportOptions options, CancellationToken cancellation)
    {
        Dictionary<Parameter, Projection> adapted = model.Projections.Where(projection => projection.Update is not null)
            .ToDictionary(projection => projection.Weight);
        if (model is CausalModel { IsTied: true } && adapted.ContainsKey(model.Decoder.EmbeddingTable))
        {
            throw new NotSupportedException(
                $"{model.Path} has one table for embedding and head, and merging an adapter of either would change both; save the adapter instead");
        }
        string old = model.Decoder.FinalNorm.Name[..^"norm.weight".Length];
        IEnumerable<Parameter> heads =
            model switch { CausalModel causal when causal.Head != causal.Decoder.EmbeddingTable => [causal.Head], CrossEncoder cross => [cross.Head], _ => [] };
        OutgoingTensor[] tensors =
        [
            .. model.Decoder.Parameters.Select(parameter => Tensor(prefix + (model.Adapter?.StoredName(parameter) ?? parameter.Name)[old.Length..], parameter)),
            .. heads.Select(parameter => Tensor(model is CausalModel ? "lm_head.weight" : "score.weight", parameter)),
            .. options.FurtherWeights.Select(parameter => Tensor(parameter.Name, parameter)),
        ];
        if (options.AutoModel is { } layout)
        {
            SafetensorsWriter.WriteShards(
                output.TemporaryFolder, AutoModelExport.Files(tensors, layout.SourceFolder), null, layout.NumbersLoneFile, cancellation);
        }
        else SafetensorsWriter.WriteModel(output.TemporaryFolder, tensors, null, cancellation: cancellation);

        // An adapted model is written as what it computes: with the update in its weights.
        OutgoingTensor Tensor(string name, Parameter parameter)
        {
            // NeMo AutoModel gives a weight that the source has under the same name the source's type again.
            bool asStored = options.AutoModel is not null && name == parameter.Name;
            StorageType type = asStored ? TypeOf(parameter.ValueType) : TypeOf(parameter, options);
            return adapted.TryGetValue(parameter, out Projection? projection) ? new MergedWeight(projection).Outgoing(name, type, cancellation)
                : Outgoing(name, parameter, type);
        }
    }

    /// <summary>A parameter on its way into a file, rounded row by row.</summary>
    internal static OutgoingTensor Outgoing(string name, Parameter parameter, StorageType type) =>
        new OutgoingTensor(name, type, [.. parameter.Shape.Select(extent => (long)extent)], stream =>
        {
            float[] row = new float[parameter.Columns];
            byte[] bytes = new byte[row.Length * (type == StorageType.F32 ? 4 : 2)];
            for (int i = 0; i < parameter.Rows; i++)
            {
                parameter.CopyRowTo(i, row);
                ElementConversion.FromSingle(type, row, bytes);
                stream.Write(bytes);
            }
        });

    private static int? TokenizerLimit(ExportOptions options) =>
        options.Tokenizer is { } source && Directory.Exists(source) ? TokenizerSettings.Read(source).MaxLength : null;

    private static void WriteTokenizer(AtomicFolder output, ModelConfig config, ExportOptions options, int length)
    {
        if (options.Tokenizer is not { } source) return;
        if (Directory.Exists(source))
        {
            foreach (string file in Directory.EnumerateFiles(source))
            {
                string name = Path.GetFileName(file);
                bool legal = name.StartsWith("license", StringComparison.OrdinalIgnoreCase) || name.Contains("notice", StringComparison.OrdinalIgnoreCase);
                if (legal || ExportedFiles.IsTokenizer(name)) File.Copy(file, output.PathOf(name));
            }

            if (options.AutoModel is { } layout) AutoModelExport.AdjustTokenizer(output.TemporaryFolder, source, layout.PaddingSide);
            return;
        }

        // A lone tokenizer.json: transformers and sentence-transformers want to be told the class and the names of its special tokens.
        Tokenizer tokenizer = Tokenizer.Load(source);
        File.Copy(source, output.PathOf("tokenizer.json"));
        JsonObject settings = new() { ["tokenizer_class"] = "PreTrainedTokenizerFast", ["model_max_length"] = length, ["padding_side"] = "right" };
        foreach (var (key, id) in new[]
        {
            ("bos_token", config.StartId),
            ("eos_token", config.EndIds.Cast<int?>().FirstOrDefault()),
            ("pad_token", config.PaddingId),
        })
        {
            if (id is { } known && tokenizer.IdToToken(known) is { } name) settings[key] = name;
        }

        WriteJson(output, "tokenizer_config.json", settings);
    }

    private static void WriteModules(AtomicFolder output, BiEncoder encoder, EncoderSettings settings)
    {
        JsonArray modules = [];
        void Module(string path, string type) => modules.Add((JsonNode)new JsonObject
        {
            ["idx"] = modules.Count,
            ["name"] = modules.Count.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["path"] = path,
            ["type"] = "sentence_transformers." + type,
        });

        Module("", "base.modules.transformer.Transformer");
        Module("1_Pooling", "sentence_transformer.modules.pooling.Pooling");
        JsonNode[] names = [.. settings.Poolings.Select(pooling => (JsonNode)PoolingNames.SentenceTransformersName(pooling))];
        WriteJson(output, "1_Pooling/config.json", new JsonObject
        {
            ["embedding_dimension"] = encoder.Config.HiddenSize,
            ["pooling_mode"] = names.Length == 1 ? names[0] : new JsonArray(names),
            ["include_prompt"] = settings.IncludePrompt,
        });
        foreach (EncoderModule module in encoder.Modules)
        {
            if (module is DenseModule dense)
            {
                string path = $"{modules.Count}_Dense";
                dense.Write(output, path);
                Module(path, "base.modules.dense.Dense");
            }
            else
            {
                Module($"{modules.Count}_Normalize", "sentence_transformer.modules.normalize.Normalize");
            }
        }

        if (settings.Normalize) Module($"{modules.Count}_Normalize", "sentence_transformer.modules.normalize.Normalize");
        WriteJson(output, "modules.json", modules);
        WriteJson(output, "sentence_bert_config.json", new JsonObject { ["max_seq_length"] = settings.MaxLength, ["do_lower_case"] = settings.LowerCase });
        JsonObject prompts = new()
        {
            ["prompts"] = new JsonObject(settings.Prompts.Select(prompt => KeyValuePair.Create(prompt.Key, (JsonNode?)prompt.Value))),
            ["default_prompt_name"] = settings.DefaultPromptName,
            ["similarity_fn_name"] = settings.Similarity ?? (encoder.EndsNormalized ? "cosine" : "dot"),
        };
        if (settings.Dimensions is { } dimensions) prompts["truncate_dim"] = dimensions;
        WriteJson(output, "config_sentence_transformers.json", prompts);
    }

    /// <summary>A file of JSON as Hugging Face's libraries write it.</summary>
    internal static void WriteJson(string file, JsonNode json) => AtomicFile.WriteAllText(file, json.ToJsonString(Indented) + "\n");

    private static void WriteJson(AtomicFolder output, string name, JsonNode json) => WriteJson(output.PathOf(name), json);
}
