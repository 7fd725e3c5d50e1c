using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Text;

namespace Sirocco.Training;

/// <summary>The sections that name checkpoints: <c>model</c>, <c>teacher_model</c>, <c>tokenizer</c>, <c>peft</c>.</summary>
internal static class ModelSections
{
    private const string CheckpointPath = "a model folder or a hub id";

    private static readonly (string Name, ElementType Value)[] Types =
    [
        ("float32", ElementType.F32),
        ("bfloat16", ElementType.BF16),
        ("float16", ElementType.F16),
        ("torch.float32", ElementType.F32),
        ("torch.bfloat16", ElementType.BF16),
        ("torch.float16", ElementType.F16),
    ];

    public static BiEncoderModelOptions BiEncoder(SectionReader section)
    {
        section.Target(TargetKind.BiEncoder);
        bool multiVector = section.Has("pooling") && section.OptionalText("pooling") == "colbert";
        BiEncoderModelOptions options = new()
        {
            Path = Path(section),
            Pooling = multiVector ? null : Pooling(section, "colbert"),
            MultiVector = multiVector,
            Normalize = section.OptionalBool("l2_normalize"),
            IsCausal = section.OptionalBool("is_causal"),
            WeightType = WeightType(section, "torch_dtype"),
            Submodel = Submodel(section),
            InBatchNegatives = section.Bool("do_distributed_inbatch_negative", false),
            DetachRemoteNegatives = section.Bool("detach_distributed_inbatch_negatives", true),
        };
        Finish(section);
        return options;
    }

    public static CrossEncoderModelOptions CrossEncoder(SectionReader section)
    {
        section.Target(TargetKind.CrossEncoder);
        CrossEncoderModelOptions options = new()
        {
            Path = Path(section),
            Pooling = Pooling(section),
            IsCausal = section.OptionalBool("is_causal"),
            WeightType = WeightType(section, "torch_dtype"),
            Submodel = Submodel(section),
            Labels = section.OptionalInt("num_labels", null, 1),
            Temperature = section.OptionalNumber("temperature", null, 0, above: true),
        };
        if (options.Labels is > 1) throw section.Wrong("num_labels", "1: a passage has one score in training");
        Finish(section);
        return options;
    }

    public static StudentModelOptions Student(SectionReader section)
    {
        section.Target(TargetKind.Student);
        StudentModelOptions options = new()
        {
            Path = Path(section),
            TeacherHiddenSize = section.RequiredInt("teacher_hidden_size", 1),
            Pooling = Pooling(section) ?? Compute.Pooling.Average,
            Normalize = section.Bool("l2_normalize", false),
            IsCausal = section.OptionalBool("is_causal"),
            WeightType = WeightType(section, "torch_dtype"),
            Submodel = Submodel(section),
            CapturedLayers = section.Ints("capture_layers", 0),
        };
        Finish(section);
        return options;
    }

    public static TeacherModelOptions Teacher(SectionReader section)
    {
        section.Target(TargetKind.Teacher);
        TeacherModelOptions options = new()
        {
            Path = Path(section),
            Pooling = Pooling(section) ?? Compute.Pooling.Average,
            Normalize = section.Bool("l2_normalize", false),
            IsCausal = section.OptionalBool("is_causal"),
            WeightType = WeightType(section, "torch_dtype"),
            Submodel = Submodel(section),
            CapturedLayers = section.Ints("capture_layers", 0),
        };
        Finish(section);
        return options;
    }

    /// <summary>The tokenizer; without a section, the model's own.</summary>
    public static TokenizerOptions Tokenizer(SectionReader? section, string model)
    {
        if (section is null) return new TokenizerOptions { Path = model };
        TargetKind target = section.Target(TargetKind.NemoTokenizer, TargetKind.TransformersTokenizer, TargetKind.VisionProcessor);
        if (target == TargetKind.VisionProcessor) throw section.Wrong("_target_", $"a text tokenizer, {RecipeTargets.Spelling(TargetKind.NemoTokenizer)}: processors of vision-language checkpoints are not supported yet");
        TokenizerOptions options = new()
        {
            Path = Path(section),
            Backend = target == TargetKind.TransformersTokenizer ? TokenizerBackend.Transformers : Backend(section),
            AddBeginToken = section.OptionalBool("add_bos_token", false) ?? false,
            AddEndToken = section.OptionalBool("add_eos_token", false) ?? false,
            PaddingSide = Side(section, "padding_side"),
            TruncationSide = Side(section, "truncation_side"),
            MaxLength = section.OptionalInt("model_max_length", null, 1),
        };
        section.Ignore("use_fast", "trust_remote_code", "cache_dir", "subfolder", "token", "local_files_only", "force_download", "mode", "clean_up_tokenization_spaces", "model_input_names");
        section.Finish();
        return options;
    }

    public static AdapterOptions? Adapter(SectionReader? section)
    {
        if (section is null) return null;
        section.Target(TargetKind.Adapter);
        AdapterOptions defaults = new();
        AdapterOptions options = new()
        {
            TargetModules = section.Texts("target_modules", []),
            ExcludeModules = section.Texts("exclude_modules", []),
            MatchAllLinear = section.Bool("match_all_linear", defaults.MatchAllLinear),
            Rank = section.Int("dim", defaults.Rank, 1),
            Alpha = section.Number("alpha", defaults.Alpha, double.NegativeInfinity),
            UseDora = section.Bool("use_dora", defaults.UseDora),
            Dropout = section.Number("dropout", defaults.Dropout),
            DropoutPosition = section.Choice("dropout_position", defaults.DropoutPosition, ("post", DropoutPosition.Post), ("pre", DropoutPosition.Pre)),
            Initialization = Initialization(section),
        };
        section.Ignore("lora_dtype", "use_memory_efficient_lora", "use_triton", "moe_rank_scaling", "expert_weight_format");
        section.Finish();
        section.Check(options.Validate);
        return options;
    }

    /// <summary>A dtype by torch's name; null: auto.</summary>
    public static ElementType? WeightType(SectionReader section, string key)
    {
        if (section.Has(key) && section.OptionalText(key) is "auto") return null;
        return section.OptionalChoice(key, null, Types);
    }

    // Anything but xavier is Kaiming's in the original.
    private static AdapterInitialization Initialization(SectionReader section) =>
        section.Text("lora_A_init", "xavier") == "xavier" ? AdapterInitialization.XavierNormal : AdapterInitialization.KaimingUniform;

    private static Pooling? Pooling(SectionReader section, params string[] others) =>
        section.OptionalChoice("pooling", null, [.. PoolingNames.All.Select(name => (name, PoolingNames.Parse(name))), .. others.Select(name => (name, Compute.Pooling.Average))]);

    private static TokenizerBackend Backend(SectionReader section)
    {
        TokenizerBackend? named = section.OptionalChoice<TokenizerBackend>("tokenizer_backend", null, ("nemo_auto", TokenizerBackend.Automatic), ("nemo_wrapped_auto", TokenizerBackend.Wrapped), ("transformers_auto", TokenizerBackend.Transformers), ("tokenizers", TokenizerBackend.Tokenizers));
        bool plain = section.Bool("force_hf", false), wrapped = section.Bool("force_default", false);
        if (plain && wrapped) throw section.Wrong("force_hf", "false, or force_default: false: they contradict each other");
        TokenizerBackend flagged = plain ? TokenizerBackend.Transformers : wrapped ? TokenizerBackend.Wrapped : named ?? TokenizerBackend.Automatic;
        if (named is { } backend && backend != flagged) throw section.Wrong("tokenizer_backend", "the backend that force_hf and force_default mean, or leave these out");
        return flagged;
    }

    private static TextSide? Side(SectionReader section, string key) => section.OptionalChoice<TextSide>(key, null, ("left", TextSide.Left), ("right", TextSide.Right));

    private static string Path(SectionReader section)
    {
        const string Key = "pretrained_model_name_or_path";
        string path = section.RequiredText(Key, CheckpointPath);
        if (path.Length == 0) throw section.Wrong(Key, CheckpointPath);
        if (path.StartsWith('<') && path.EndsWith('>')) throw section.Wrong(Key, $"{CheckpointPath} in its place, such as --{section.FullName(Key)} DIR");
        return section.OptionalText("revision") is { Length: > 0 } revision && !Directory.Exists(path) ? $"{path}@{revision}" : path;
    }

    /// <summary>The text tower is the one part of a vision-language checkpoint that an encoder can be made of.</summary>
    private static string? Submodel(SectionReader section)
    {
        const string Key = "extract_submodel";
        return section.OptionalText(Key) is not { } path || path is "language_model" or "model.language_model"
            ? section.OptionalText(Key)
            : throw section.Wrong(Key, "language_model, the text tower of a vision-language checkpoint, or nothing");
    }

    private static void Finish(SectionReader section)
    {
        section.Ignore(
            "attn_implementation", "use_liger_kernel", "use_sdpa_patching", "sdpa_method", "trust_remote_code", "cache_dir", "subfolder", "token", "local_files_only",
            "force_download", "tp_size", "cp_size", "has_packed_sequence", "low_cpu_mem_usage", "device_map");
        section.Finish();
    }
}
