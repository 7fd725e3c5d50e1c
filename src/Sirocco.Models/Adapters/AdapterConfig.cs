using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>
/// <c>adapter_config.json</c>, and beside it <c>automodel_peft_config.json</c> where NeMo AutoModel wrote the folder: read, kept as they are, written.
/// </summary>
internal sealed class AdapterConfig
{
    public const string FileName = "adapter_config.json", AutoModelFileName = "automodel_peft_config.json";

    private static readonly JsonSerializerOptions Indented =
        new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const int MostRank = 1 << 20;

    // What changes the arithmetic and is not built here must be off.
    private static readonly string[] Unsupported =
        ["lora_bias", "layer_replication", "target_parameters", "trainable_token_indices", "alora_invocation_tokens", "arrow_config", "use_qalora",
            "use_bdlora", "velora_config", "monteclora_config", "kasa_config"];

    // An empty list or map of these asks for nothing. One of invocation tokens, or an empty configuration, still switches its kind of adapter on in peft.
    private static readonly string[] OffWhereEmpty = ["layer_replication", "target_parameters", "trainable_token_indices"];

    // Starts that take their update out of the base weights: peft does so again whenever it loads such an adapter, which is then no update of the base as it is
    // stored.
    private static readonly string[] ChangeTheBase = ["pissa", "corda", "olora", "loftq", "lora_ga"];

    private readonly JsonObject json;
    private readonly JsonObject? autoModel;

    private AdapterConfig(PeftOptions options, JsonObject json, JsonObject? autoModel) => (Options, this.json, this.autoModel) = (options, json, autoModel);

    /// <summary>What the adapter is.</summary>
    public PeftOptions Options { get; }

    /// <summary>Whether the folder is laid out as NeMo AutoModel's checkpoints.</summary>
    public bool IsAutoModel => autoModel is not null;

    /// <summary>Reads a folder's files.</summary>
    /// <exception cref="FileNotFoundException">The folder has no such file.</exception>
    /// <exception cref="InvalidDataException">A key is mistyped; the message names it.</exception>
    /// <exception cref="NotSupportedException">It describes an adapter that is not built here.</exception>
    public static AdapterConfig Read(string folder)
    {
        string file = Path.Combine(folder, FileName);
        if (!File.Exists(file)) throw new FileNotFoundException($"{folder}: holds no {FileName}; is this an adapter's folder?", file);
        ConfigReader reader = ConfigReader.Load(file);
        if (reader.Text("peft_type") is { } type && type != "LORA")
            throw new NotSupportedException($"{file}: peft_type is {type}; LORA (with or without DoRA) is what can be used here");
        foreach (string key in Unsupported)
        {
            if (reader.Has(key) && !IsOff(key, reader.Element.GetProperty(key)))
                throw new NotSupportedException($"{file}: {key} is set; this kind of adapter cannot be used here, merge it with peft");
        }

        if (IsText(reader, "init_lora_weights") && reader.Text("init_lora_weights") is { } start
            && ChangeTheBase.Any(name => start.StartsWith(name, StringComparison.OrdinalIgnoreCase)))
        {
            throw new NotSupportedException($"{file}: init_lora_weights is {Visible.Short(start)}, by which peft changes the base weights too; "
                + "save it with path_initial_model_for_weight_conversion, or merge it with peft");
        }
        if (reader.Bool("ensure_weight_tying", false)
            && (IsText(reader, "target_modules") || reader.Texts("target_modules").Concat(reader.Texts("modules_to_save")).Any(IsTable)))
        {
            throw new NotSupportedException(
                $"{file}: ensure_weight_tying is set for an embedding table or head; adapters of tied tables cannot be used here, merge it with peft");
        }

        double alpha = reader.Number("lora_alpha", -1e9, 1e9, 8);
        PeftOptions options = new()
        {
            TargetModules = reader.Texts("target_modules"),
            TargetIsPattern = IsText(reader, "target_modules"),
            ExcludeModules = reader.Texts("exclude_modules"),
            ExcludeIsPattern = IsText(reader, "exclude_modules"),
            ModulesToSave = reader.Texts("modules_to_save"),
            LayersToTransform = reader.Ids("layers_to_transform"),
            LayersPattern = reader.Texts("layers_pattern"),
            Rank = reader.Int("r", 1, MostRank, 8),
            RankPattern = Pattern(reader, "rank_pattern", (inner, key) => inner.Int(key, 1, MostRank)),
            Alpha = alpha,
            AlphaPattern = Pattern(reader, "alpha_pattern", (inner, key) => inner.Number(key, -1e9, 1e9, alpha)),
            UseRsLora = reader.Bool("use_rslora", false),
            UseDora = reader.Bool("use_dora", false),
            Dropout = reader.Number("lora_dropout", 0, 1, 0),
            BaseModel = reader.Text("base_model_name_or_path"),
        };
        string beside = Path.Combine(folder, AutoModelFileName);
        JsonObject? autoModel = File.Exists(beside) ? Object(ConfigReader.Load(beside)) : null;
        return new AdapterConfig(options, Object(reader), autoModel);
    }

    /// <summary>What peft writes for a new adapter.</summary>
    public static AdapterConfig Of(PeftOptions options, string taskType) => new(
        options,
        new JsonObject
        {
            ["alpha_pattern"] = Map(options.AlphaPattern, Number),
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = options.BaseModel,
            ["bias"] = "none",
            ["exclude_modules"] = Names(options.ExcludeModules, options.ExcludeIsPattern),
            ["fan_in_fan_out"] = false,
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["layers_pattern"] = Names(options.LayersPattern, false),
            ["layers_to_transform"] = options.LayersToTransform.Count == 0 ? null
                : new JsonArray([.. options.LayersToTransform.Select(layer => (JsonNode)layer)]),
            ["lora_alpha"] = Number(options.Alpha),
            ["lora_bias"] = false,
            ["lora_dropout"] = Float(options.Dropout),
            ["modules_to_save"] = Names(options.ModulesToSave, false),
            ["peft_type"] = "LORA",
            ["r"] = options.Rank,
            ["rank_pattern"] = Map(options.RankPattern, rank => rank),
            ["revision"] = null,
            ["target_modules"] = Names(options.TargetModules, options.TargetIsPattern),
            ["task_type"] = taskType,
            ["use_dora"] = options.UseDora,
            ["use_rslora"] = options.UseRsLora,
        },
        null);

    /// <summary>What NeMo AutoModel writes for a new adapter.</summary>
    /// <param name="options">The recipe's settings.</param>
    /// <param name="modules">Names of the adapted modules, without the wrapper's <c>model.</c></param>
    /// <param name="taskType">peft's word for what the model is for.</param>
    public static AdapterConfig Of(AdapterOptions options, IEnumerable<string> modules, string taskType)
    {
        string[] sorted = [.. modules.Order(StringComparer.Ordinal)];
        JsonObject json = new()
        {
            ["base_model_name_or_path"] = null,
            ["bias"] = "none",
            ["lora_alpha"] = Number(options.Alpha),
            ["peft_type"] = "LORA",
            ["r"] = options.Rank,
            ["target_modules"] = Names(sorted, false),
            ["task_type"] = taskType,
            ["use_dora"] = options.UseDora,
        };
        AutoModelAdapterFields written = options.AsWritten;
        JsonObject autoModel = new()
        {
            ["dropout"] = Float(options.Dropout),
            ["dropout_position"] = options.DropoutPosition == DropoutPosition.Pre ? "pre" : "post",
            ["exclude_modules"] = TextOrList(options.ExcludeModules, written.ExcludeIsText),
            ["expert_weight_format"] = written.ExpertWeightFormat,
            ["lora_A_init"] = written.Initialization ?? (options.Initialization == AdapterInitialization.XavierNormal ? "xavier" : "kaiming"),
            ["lora_dtype"] = written.ElementType,
            ["match_all_linear"] = options.MatchAllLinear,
            ["moe_rank_scaling"] = written.ScalesRankOfExperts,
            ["target_modules"] = TextOrList(options.TargetModules, written.TargetIsText),
            ["use_dora"] = options.UseDora,
            ["use_memory_efficient_lora"] = written.IsMemoryEfficient,
            ["use_triton"] = written.UsesTriton,
        };
        PeftOptions peft = new() { TargetModules = sorted, Rank = options.Rank, Alpha = options.Alpha, UseDora = options.UseDora };
        return new AdapterConfig(peft, json, autoModel);
    }

    /// <summary>The files' texts by name: sorted keys, two spaces, as Python's json module writes them.</summary>
    /// <param name="baseModel">Replaces the name of the base model; null keeps it.</param>
    public IEnumerable<(string Name, string Text)> Files(string? baseModel)
    {
        if (baseModel is not null) json["base_model_name_or_path"] = baseModel;
        yield return (FileName, Text(json));
        if (autoModel is not null) yield return (AutoModelFileName, Text(autoModel));
    }

    /// <summary>Keys of the outer object are sorted; the order of patterns inside decides which counts.</summary>
    private static string Text(JsonObject json) =>
        new JsonObject(json.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => KeyValuePair.Create(entry.Key, entry.Value?.DeepClone())))
            .ToJsonString(Indented);

    private static JsonObject Object(ConfigReader reader) => JsonObject.Create(reader.Element.Clone())!;

    /// <summary>Whether a name of modules means the embedding table or the head, which may be one.</summary>
    private static bool IsTable(string name) => name[(name.LastIndexOf('.') + 1)..] is ModuleMatching.Embedding or "lm_head";

    private static bool IsOff(string key, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.False => true,
        JsonValueKind.Array => OffWhereEmpty.Contains(key) && value.GetArrayLength() == 0,
        JsonValueKind.Object => OffWhereEmpty.Contains(key) && value.GetPropertyCount() == 0,
        _ => false,
    };

    private static bool IsText(ConfigReader reader, string key) => reader.Has(key) && reader.Element.GetProperty(key).ValueKind == JsonValueKind.String;

    private static List<KeyValuePair<string, T>> Pattern<T>(ConfigReader reader, string key, Func<ConfigReader, string, T> value) =>
        reader.Object(key) is { } inner ? [.. inner.Element.EnumerateObject().Select(entry => KeyValuePair.Create(entry.Name, value(inner, entry.Name)))] : [];

    private static JsonObject Map<T>(IReadOnlyList<KeyValuePair<string, T>> patterns, Func<T, JsonNode> value) =>
        new(patterns.Select(pattern => KeyValuePair.Create(pattern.Key, (JsonNode?)value(pattern.Value))));

    private static JsonNode? Names(IReadOnlyList<string> names, bool isPattern) => names.Count == 0 ? null : TextOrList(names, isPattern);

    private static JsonNode TextOrList(IReadOnlyList<string> names, bool isText) => isText && names.Count == 1 ? JsonValue.Create(names[0]) : List(names);

    private static JsonArray List(IReadOnlyList<string> names) => new([.. names.Select(name => (JsonNode)name)]);

    /// <summary>Whole numbers without a point, as the settings were given.</summary>
    private static JsonNode Number(double value) => value == Math.Floor(value) && Math.Abs(value) < 1e15 ? (long)value : value;

    /// <summary>A number that Python holds as a float keeps its point.</summary>
    private static JsonNode Float(double value) => value == Math.Floor(value) ? JsonNode.Parse(FormattableString.Invariant($"{value:0.0}"))! : value;
}
