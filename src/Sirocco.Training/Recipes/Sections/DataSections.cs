using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>The sections of data: datasets, loaders, collators.</summary>
internal static class DataSections
{
    private const string Sources = "a file, a folder, hf://org/name/subset, or a list of these and of {path, num_samples, corpus}";

    public static RetrievalDatasetOptions Dataset(SectionReader section, bool crossEncoder, DatasetUse expected)
    {
        TargetKind target = section.Target(TargetKind.Dataset, TargetKind.InlineDataset, TargetKind.NormalizedDataset);
        RetrievalDatasetKind kind = target switch
        {
            TargetKind.InlineDataset => RetrievalDatasetKind.Inline,
            TargetKind.NormalizedDataset => RetrievalDatasetKind.Normalized,
            _ => RetrievalDatasetKind.Standard,
        };
        bool forCrossEncoder = section.Choice("model_type", false, ("bi_encoder", false), ("cross_encoder", true));
        if (forCrossEncoder != crossEncoder && section.Has("model_type"))
            throw section.Wrong("model_type", $"{(crossEncoder ? "cross_encoder" : "bi_encoder")}, which the recipe trains");
        RetrievalDatasetOptions options = new()
        {
            Kind = kind,
            Sources = ReadSources(section, kind),
            Use = section.Choice("data_type", DatasetUse.Training, ("train", DatasetUse.Training), ("eval", DatasetUse.Evaluation)),
            PassagesPerQuery = section.Int("n_passages", 5, 1),
            EvaluationNegatives = section.OptionalInt("eval_negative_size", null, 0),
            Seed = section.Long("seed", 42),
            Shuffle = section.Bool("do_shuffle", false),
            MaximumExamples = section.OptionalInt("max_train_samples", null, 0),
            FirstExample = section.Int("train_data_select_offset", 0, 0),
            UseInstructions = section.Bool("use_dataset_instruction", false),
            CyclePositives = kind != RetrievalDatasetKind.Inline && section.Bool("cycle_positive_docs", false),
        };
        if (kind != RetrievalDatasetKind.Inline) section.Ignore("use_text_in_document");
        section.Finish();
        section.Check(options.Validate);
        if (expected == DatasetUse.Evaluation && options.Use == DatasetUse.Evaluation && options.EvaluationNegatives is { } negatives
            && negatives != options.PassagesPerQuery - 1)
        {
            throw section.Wrong(
                "eval_negative_size", $"{options.PassagesPerQuery - 1}, one less than n_passages, or leave it out: validation compares n_passages candidates");
        }
        return options;
    }

    /// <summary>The loader's own keys; collate_fn and dataset are read apart.</summary>
    public static DataLoaderOptions Loader(SectionReader section)
    {
        section.Target(TargetKind.DataLoader);
        DataLoaderOptions options = new()
        {
            BatchSize = section.OptionalInt("batch_size", null, 1),
            Shuffle = section.OptionalBool("shuffle"),
            DropLast = section.Bool("drop_last", false),
        };
        if (section.OptionalBool("group_by_length", false) == true)
            throw section.Wrong("group_by_length", "false: batches by length are not supported, and without padding they would gain nothing");
        section.Ignore("num_workers", "pin_memory", "persistent_workers", "prefetch_factor", "shuffle_buffer_size");
        section.Finish();
        return options;
    }

    public static BiEncoderCollatorOptions BiEncoderCollator(SectionReader section)
    {
        RefuseVision(section, TargetKind.BiEncoderCollator);
        BiEncoderCollatorOptions options = WithLengths(section, new BiEncoderCollatorOptions());
        section.Finish();
        section.Check(options.Validate);
        return options;
    }

    public static DistillationCollatorOptions DistillationCollator(SectionReader section, string? cache)
    {
        RefuseVision(section, TargetKind.DistillationCollator);
        DistillationCollatorOptions options = WithLengths(section, new DistillationCollatorOptions()) with
        {
            TeacherCache = section.OptionalText("teacher_embeddings_cache") ?? cache,
            LookUpWithPrefixes = section.Bool("teacher_cache_lookup_with_prefixes", false),
        };
        section.Finish();
        section.Check(options.Validate);
        return options;
    }

    /// <summary>
    /// Validation asks no teacher, so the collator of a bi-encoder does for it too; there a corpus's instructions replace prefixes even where they are empty.
    /// </summary>
    public static DistillationCollatorOptions DistillationValidationCollator(SectionReader section, string? cache)
    {
        if (section.Target(TargetKind.DistillationCollator, TargetKind.BiEncoderCollator, TargetKind.VisionCollator) != TargetKind.BiEncoderCollator)
            return DistillationCollator(section, cache);
        BiEncoderCollatorOptions options = BiEncoderCollator(section);
        return new DistillationCollatorOptions
        {
            QueryLength = options.QueryLength,
            PassageLength = options.PassageLength,
            QueryPrefix = options.UseDatasetInstruction ? "" : options.QueryPrefix,
            PassagePrefix = options.UseDatasetInstruction ? "" : options.PassagePrefix,
            Padding = options.Padding,
            PadToMultipleOf = options.PadToMultipleOf,
            UseDatasetInstruction = options.UseDatasetInstruction,
        };
    }

    public static CrossEncoderCollatorOptions CrossEncoderCollator(SectionReader section)
    {
        RefuseVision(section, TargetKind.CrossEncoderCollator);
        CrossEncoderCollatorOptions options = new()
        {
            MaxLength = section.RequiredInt("rerank_max_length", 1),
            PadToMultipleOf = section.OptionalInt("pad_to_multiple_of", null, 1),
            Template = section.Text("prompt_template", CrossEncoderCollatorOptions.DefaultTemplate),
        };
        section.Ignore("padding", "return_tensors");
        section.Finish();
        section.Check(options.Validate);
        return options;
    }

    private static void RefuseVision(SectionReader section, TargetKind wanted)
    {
        if (section.Target(wanted, TargetKind.VisionCollator) == TargetKind.VisionCollator)
            throw section.Wrong("_target_", $"{RecipeTargets.Spelling(wanted)}: collators of vision-language processors are not supported yet");
    }

    private static TOptions WithLengths<TOptions>(SectionReader section, TOptions options)
        where TOptions : BiEncoderCollatorOptions
    {
        options = (TOptions)(options with
        {
            QueryLength = section.Int("q_max_len", 512, 1),
            PassageLength = section.Int("p_max_len", 512, 1),
            QueryPrefix = section.Text("query_prefix", ""),
            PassagePrefix = section.Text("passage_prefix", ""),
            Padding = section.Choice(
                "padding",
                PaddingWidth.Longest,
                ("longest", PaddingWidth.Longest),
                ("true", PaddingWidth.Longest),
                ("max_length", PaddingWidth.MaxLength),
                ("do_not_pad", PaddingWidth.None),
                ("false", PaddingWidth.None)),
            PadToMultipleOf = section.OptionalInt("pad_to_multiple_of", null, 1),
            UseDatasetInstruction = section.Bool("use_dataset_instruction", false),
        });
        return options;
    }

    private static IReadOnlyList<RetrievalSource> ReadSources(SectionReader section, RetrievalDatasetKind kind)
    {
        string key = "data_dir_list";
        if (kind == RetrievalDatasetKind.Normalized)
        {
            if (section.Has("data_path") && section.Has("data_dir_list")) throw section.Wrong("data_path", "data_path or data_dir_list, not both");
            if (section.Has("data_path")) key = "data_path";
        }

        if (!section.Has(key)) throw new InvalidDataException($"{section.Origin}: {section.FullName(key)} is missing; give {Sources}");
        int least = kind == RetrievalDatasetKind.Normalized ? 1 : 0;
        return section.List<RetrievalSource>(key, Sources, [], item => Source(item, section.FullName(key), least));
    }

    private static RetrievalSource? Source(RecipeNode item, string path, int least)
    {
        if (item is RecipeScalar { Value: string text })
        {
            if (text.StartsWith('<'))
                throw new InvalidDataException($"{item.Origin}: {path} holds the placeholder '{Visible.Short(text)}'; give {Sources} in its place");
            return new RetrievalSource(text);
        }

        if (item is not RecipeMapping mapping) return null;
        SectionReader source = new(mapping, path, new RecipeReading());
        RetrievalSource result = new(
            source.RequiredText("path", "a file or folder"), source.OptionalInt("num_samples", null, least), source.OptionalText("corpus", null));
        source.Finish();
        if (result.Path.StartsWith('<')) throw source.Wrong("path", "a file or folder in its place");
        return result;
    }
}
