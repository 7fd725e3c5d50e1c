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
        string? multiVector = section.Has("pooling") && section.OptionalText("pooling") is { } name && PoolingNames.MultiVector.Contains(name) ? name : null;
        BiEncoderModelOptions options = new()
        {
            Path = Path(section),
            Pooling = multiVector is null ? Pooling(section, [.. PoolingNames.MultiVector]) : null,
            MultiVector = multiVector is not null,
            MultiVectorName = multiVector ?? PoolingNames.MultiVector[0],
            Normalize = section.OptionalBool("l2_normalize"),
        };
        options = Shared(section, options) with
        {
            InBatchNegatives = section.Bool("do_distributed_inbatch_negative", false),
            DetachRemoteNegatives = section.Bool("detach_distributed_inbatch_negatives", true),
        };
        Finish(section);
        return options;
    }

    public static CrossEncoderModelOptions CrossEncoder(SectionReader section)
    {
        section.Target(TargetKind.CrossEncoder);
        CrossEncoderModelOptions options = Shared(section, new CrossEncoderModelOptions { Path = Path(section), Pooling = Pooling(section) }) with
        {
            Labels = section.OptionalInt("num_labels", null, 1),
            Temperature = section.OptionalNumber("temperature", null, 0, above: true),
        };
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
        };
        options = Shared(section, options);
        FinishDistilled(section);
        return options;
    }

    public static TeacherModelOptions Teacher(SectionReader section)
    {
        section.Target(TargetKind.Teacher);
        TeacherModelOptions options = Shared(section, new TeacherModelOptions
        {
            Path = Path(section),
            Pooling = Pooling(section) ?? Compute.Pooling.Average,
            Normalize = section.Bool("l2_normalize", false),
        });
        FinishDistilled(section);
        return options;
    }

    /// <summary>The tokenizer; without a section, the model's own.</summary>
    public static TokenizerOptions Tokenizer(SectionReader? section, string model)
    {
        if (section is null) return new TokenizerOptions { Path = model };
        TargetKind target = section.Target(TargetKind.NemoTokenizer, TargetKind.TransformersTokenizer, TargetKind.VisionProcessor);
        if (target == TargetKind.VisionProcessor)
        {
            throw section.Wrong(
                "_target_",
                $"a text tokenizer, {RecipeTargets.Spelling(TargetKind.NemoTokenizer)}: processors of vision-language checkpoints are not supported yet");
        }
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
        RefuseSubfolder(section);
        section.Ignore(
            "use_fast", "trust_remote_code", "cache_dir", "token", "local_files_only", "force_download", "mode", "clean_up_tokenization_spaces",
            "model_input_names");
        section.Finish();
        return options;
    }

    public static AdapterOptions? Adapter(SectionReader? section)
    {
        if (section is null) return null;
        section.Target(TargetKind.Adapter);
        AdapterOptions defaults = new();
        AutoModelAdapterFields fields = new();
        string initialization = section.Text("lora_A_init", "xavier");
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
            // anything else is Kaiming's in the original
            Initialization = initialization == "xavier" ? AdapterInitialization.XavierNormal : AdapterInitialization.KaimingUniform,
            AsWritten = new AutoModelAdapterFields
            {
                TargetIsText = section.IsText("target_modules"),
                ExcludeIsText = section.IsText("exclude_modules"),
                Initialization = initialization,
                ElementType = section.OptionalText("lora_dtype"),
                IsMemoryEfficient = section.Bool("use_memory_efficient_lora", fields.IsMemoryEfficient),
                UsesTriton = section.Bool("use_triton", fields.UsesTriton),
                ScalesRankOfExperts = section.Bool("moe_rank_scaling", fields.ScalesRankOfExperts),
                ExpertWeightFormat = section.Text("expert_weight_format", fields.ExpertWeightFormat),
            },
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

    /// <summary>The keys after a model's path, pooling and length that all models share.</summary>
    private static T Shared<T>(SectionReader section, T own)
        where T : EncoderModelOptions => (T)(own with
        {
            IsCausal = section.OptionalBool("is_causal"),
            WeightType = WeightType(section, "torch_dtype"),
            Submodel = Submodel(section),
        });

    private static Pooling? Pooling(SectionReader section, params string[] others) =>
        section.OptionalChoice(
            "pooling", null, [.. PoolingNames.All.Select(name => (name, PoolingNames.Parse(name))), .. others.Select(name => (name, Compute.Pooling.Average))]);

    private static TokenizerBackend Backend(SectionReader section)
    {
        TokenizerBackend? named = section.OptionalChoice<TokenizerBackend>(
            "tokenizer_backend",
            null,
            ("nemo_auto", TokenizerBackend.Automatic),
            ("nemo_wrapped_auto", TokenizerBackend.Wrapped),
            ("transformers_auto", TokenizerBackend.Transformers),
            ("tokenizers", TokenizerBackend.Tokenizers));
        bool plain = section.Bool("force_hf", false), wrapped = section.Bool("force_default", false);
        if (plain && wrapped) throw section.Wrong("force_hf", "false, or force_default: false: they contradict each other");
        TokenizerBackend flagged = plain ? TokenizerBackend.Transformers : wrapped ? TokenizerBackend.Wrapped : named ?? TokenizerBackend.Automatic;
        if (named is { } backend && backend != flagged)
            throw section.Wrong("tokenizer_backend", "the backend that force_hf and force_default mean, or leave these out");
        return flagged;
    }

    private static TextSide? Side(SectionReader section, string key) =>
        section.OptionalChoice<TextSide>(key, null, ("left", TextSide.Left), ("right", TextSide.Right));

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

    /// <summary>Student and teacher keep the states of the layers that <c>layer_pairs</c> names, whatever <c>capture_layers</c> says.</summary>
    private static void FinishDistilled(SectionReader section)
    {
        if (section.Ints("capture_layers", 0).Count > 0) section.Ignore("capture_layers");
        Finish(section);
    }

    /// <summary>A key that would mean other weights is not passed over in silence.</summary>
    private static void RefuseSubfolder(SectionReader section)
    {
        const string Key = "subfolder";
        if (section.OptionalText(Key) is { Length: > 0 }) throw section.Wrong(Key, "no subfolder, and name its folder in pretrained_model_name_or_path");
    }

    private static void Finish(SectionReader section)
    {
        RefuseSubfolder(section);
        section.Ignore(
            "attn_implementation", "use_liger_kernel", "use_sdpa_patching", "sdpa_method", "trust_remote_code", "cache_dir", "token", "local_files_only",
            "force_download", "tp_size", "cp_size", "has_packed_sequence", "low_cpu_mem_usage", "device_map");
        section.Finish();
    }
}
