using System.Text.Json;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>
/// The files that sentence-transformers puts beside a model: modules.json, sentence_bert_config.json, config_sentence_transformers.json, 1_Pooling and so
/// on, in the spellings of its versions 2 to 6.
/// </summary>
internal sealed class SentenceTransformersFolder
{
    // The library gives every model these, so asking for them is no error.
    private static readonly Dictionary<string, string> NoPrompts = new(StringComparer.Ordinal) { ["query"] = "", ["document"] = "" };

    private static readonly string[] Similarities = ["cosine", "dot", "euclidean", "manhattan"];

    private SentenceTransformersFolder(EncoderSettings settings, IReadOnlyList<EncoderModule> modules)
    {
        Settings = settings;
        Modules = modules;
    }

    public EncoderSettings Settings { get; }

    /// <summary>What follows pooling.</summary>
    public IReadOnlyList<EncoderModule> Modules { get; }

    public static SentenceTransformersFolder Read(string folder, int hiddenSize)
    {
        EncoderSettings settings = new() { IsSentenceTransformers = true, Normalize = false, Poolings = [], Prompts = NoPrompts };
        List<EncoderModule> modules = [];
        string index = Path.Combine(folder, "modules.json");
        List<(string Type, string Path)> list = ModuleList(index);
        RequireOrder(index, [.. list.Select(module => ClassName(module.Type))]);
        int features = 0;
        foreach (var (number, (type, path)) in list.Index())
        {
            string place = Path.Combine(folder, path), name = ClassName(type);
            if (path.Length == 0 && name is "Pooling" or "Dense")
                throw new InvalidDataException($"{index}: module {name} has no path, expected the folder with its config.json, such as 1_{name}");
            switch (name)
            {
                case "Transformer":
                    settings = ReadTransformer(place, settings);
                    break;
                case "Pooling":
                    ConfigReader pooling = ConfigReader.Load(Path.Combine(place, "config.json"));
                    RequireFeatures(pooling, "word_embedding_dimension", hiddenSize);
                    RequireFeatures(pooling, "embedding_dimension", hiddenSize);
                    settings = settings with { Poolings = PoolingNames.Read(pooling), IncludePrompt = pooling.Bool("include_prompt", true) };
                    features = hiddenSize * settings.Poolings.Count;
                    break;
                case "Normalize":
                    modules.Add(new NormalizeModule());
                    break;
                case "Dense":
                    DenseModule dense = DenseModule.Load(place, features, number);
                    features = dense.Output(features);
                    modules.Add(dense);
                    break;
                case "Dropout":
                    break; // the identity outside training
                default:
                    throw new NotSupportedException(
                        $"{index}: module type '{Visible.Short(type)}' is not supported; supported are Transformer, Pooling, Dense, Normalize and Dropout");
            }
        }

        return new SentenceTransformersFolder(ReadPrompts(folder, settings), modules);
    }

    private static string ClassName(string type) => type[(type.LastIndexOf('.') + 1)..];

    /// <summary>One transformer, then one pooling, then whatever works on vectors: in any other order the library itself fails when it is run.</summary>
    private static void RequireOrder(string index, string[] names)
    {
        if (names.Length == 0) throw new InvalidDataException($"{index}: lists no modules, expected a Transformer and a Pooling");
        if (names[0] != "Transformer")
            throw new NotSupportedException($"{index}: begins with module {Visible.Short(names[0])}; only models that begin with a Transformer are supported");
        foreach (string once in (string[])["Transformer", "Pooling"])
        {
            int count = names.Count(name => name == once);
            if (count > 1) throw new InvalidDataException($"{index}: lists {count} {once} modules, expected one");
        }

        if (!names.Contains("Pooling"))
            throw new NotSupportedException($"{index}: has no Pooling module; models that give a vector for each token are not supported");
        int early = Array.FindIndex(names, name => name is "Dense" or "Normalize");
        if (early >= 0 && early < Array.IndexOf(names, "Pooling"))
            throw new InvalidDataException($"{index}: module {names[early]} comes before Pooling, expected after it");
    }

    private static void RequireFeatures(ConfigReader pooling, string key, int hiddenSize)
    {
        if (pooling.Has(key) && pooling.Int(key, 1, int.MaxValue) != hiddenSize) throw pooling.Wrong(key, $"{hiddenSize}, the transformer's hidden size");
    }

    /// <summary>Whether modules.json ends with pooling left out: a cross-encoder keeps its head in the transformer.</summary>
    public static bool IsCrossEncoder(string folder)
    {
        string file = Path.Combine(folder, "config_sentence_transformers.json");
        return File.Exists(file) && ConfigReader.Load(file).Text("model_type") == "CrossEncoder";
    }

    /// <summary>Prompts, length and lower-casing of a cross-encoder; nothing of that where the library's files are not there.</summary>
    public static EncoderSettings OfCrossEncoder(ModelFolder folder)
    {
        EncoderSettings settings = new();
        if (folder.ModulesDirectory is { } modules) settings = ReadTransformer(Path.Combine(modules, TransformerPath(modules)), settings);
        return (folder.ModulesDirectory ?? folder.Directory) is { } directory ? ReadPrompts(directory, settings) : settings;
    }

    public static EncoderSettings ReadPrompts(string folder, EncoderSettings settings)
    {
        string file = Path.Combine(folder, "config_sentence_transformers.json");
        if (!File.Exists(file)) return settings;
        ConfigReader config = ConfigReader.Load(file);
        Dictionary<string, string> prompts = new(settings.Prompts, StringComparer.Ordinal);
        foreach ((string name, string prompt) in config.Map("prompts", ofNull: "")) prompts[name] = prompt;
        string? standard = config.Text("default_prompt_name");
        if (standard is not null && !prompts.ContainsKey(standard)) throw config.Wrong("default_prompt_name", "the name of one of its prompts");
        string? similarity = config.Text("similarity_fn_name");
        if (similarity is not null && !Similarities.Contains(similarity)) throw config.Wrong("similarity_fn_name", "one of " + string.Join(", ", Similarities));
        return settings with
        {
            Prompts = prompts,
            DefaultPromptName = standard,
            Similarity = similarity,
            Dimensions = config.Has("truncate_dim") ? config.Int("truncate_dim", 1, 1 << 24) : null,
        };
    }

    /// <summary>Where the transformer itself lies within the folder: nowhere deeper, since version 2.</summary>
    public static string TransformerPath(string folder) =>
        ModuleList(Path.Combine(folder, "modules.json")).FirstOrDefault(module => ClassName(module.Type) == "Transformer").Path ?? "";

    private static List<(string Type, string Path)> ModuleList(string index)
    {
        JsonElement root = ConfigReader.LoadElement(index);
        if (root.ValueKind != JsonValueKind.Array) throw new InvalidDataException($"{index}: expected a list of modules");
        List<(int Place, string Type, string Path)> modules = [];
        foreach (JsonElement element in root.EnumerateArray())
        {
            ConfigReader module = ConfigReader.FromElement(index, element, $"[{modules.Count}].");
            string path = module.Text("path") ?? "";
            if (path.Split('/', '\\').Contains("..") || Path.IsPathRooted(path)) throw module.Wrong("path", "a folder within this one");
            modules.Add((module.Int("idx", 0, 1000, modules.Count), module.Text("type") ?? throw module.Missing("type", "a module type"), path));
        }

        return [.. modules.OrderBy(module => module.Place).Select(module => (module.Type, module.Path))];
    }

    // Old names of the settings file, as that library still tries them.
    private static readonly string[] TransformerFiles =
    [
        "sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json", "sentence_camembert_config.json",
        "sentence_albert_config.json", "sentence_xlm-roberta_config.json", "sentence_xlnet_config.json",
    ];

    private static EncoderSettings ReadTransformer(string folder, EncoderSettings settings)
    {
        string? file = TransformerFiles.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        if (file is null) return settings;
        ConfigReader config = ConfigReader.Load(file);
        return settings with { MaxLength = Length(config), LowerCase = config.Bool("do_lower_case", false) };
    }

    /// <summary>What takes the place of the tokenizer's own limit: its model_max_length among the arguments kept for it, else max_seq_length.</summary>
    private static int? Length(ConfigReader config)
    {
        ConfigReader? arguments = config.Object("tokenizer_args") ?? config.Object("processor_kwargs");
        // 10^30 means no limit
        if (arguments?.Has("model_max_length") is true) return (int)Math.Min(arguments.Number("model_max_length", 1, double.MaxValue, 0), int.MaxValue);
        return config.Has("max_seq_length") ? config.Int("max_seq_length", 1, int.MaxValue) : null;
    }
}
