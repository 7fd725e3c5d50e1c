namespace Sirocco.Training;

/// <summary>The whole of a recipe: top-level keys and the sections under them.</summary>
internal static class RecipeSections
{
    // Sections that drive launchers, trackers and compilers of the original.
    private static readonly string[] Ignored = ["ci", "dist_env", "compile", "mlflow", "comet", "skypilot", "nemo_run", "slurm", "launcher"];

    public static RetrievalRecipe Training(SectionReader top)
    {
        TargetKind kind = Kind(top);
        RetrievalRecipe recipe = kind switch
        {
            TargetKind.CrossEncoderRecipe => CrossEncoder(top),
            TargetKind.DistillationRecipe => Distillation(top),
            TargetKind.MiningRecipe => throw top.Wrong("recipe", "a recipe that trains; negatives are mined by `sirocco mine`"),
            _ => BiEncoder(top),
        };
        recipe = WithCommonSections(recipe, top);
        top.Ignore(Ignored);
        top.Finish();
        return recipe;
    }

    public static MiningRecipe Mining(SectionReader top)
    {
        if (top.Has("recipe") && Kind(top) != TargetKind.MiningRecipe) throw top.Wrong("recipe", "a mining configuration, or train with it: `sirocco train`");
        MiningRecipe recipe = MiningSection.Read(top.RequiredSection("mining")) with
        {
            Precision = ExtensionSections.Precision(top),
            Positions = ExtensionSections.Positions(top),
        };
        top.Ignore([.. Ignored, "seed"]);
        top.Finish();
        return recipe;
    }

    private static TargetKind Kind(SectionReader top)
    {
        const string Expected = "TrainBiEncoderRecipe, TrainCrossEncoderRecipe or EmbeddingDistillRecipe";
        if (!top.Has("recipe")) throw top.Has("mining")
            ? new InvalidDataException($"{top.Origin}: this configuration mines negatives; run `sirocco mine` with it")
            : top.Wrong("recipe", Expected);
        if (top.Raw("recipe") is RecipeMapping)
        {
            SectionReader section = top.RequiredSection("recipe");
            TargetKind target = section.Target(
                TargetKind.BiEncoderRecipe, TargetKind.CrossEncoderRecipe, TargetKind.DistillationRecipe, TargetKind.MiningRecipe);
            section.Finish();
            return target;
        }

        string name = top.OptionalText("recipe")!;
        TargetKind[] kinds = [TargetKind.BiEncoderRecipe, TargetKind.CrossEncoderRecipe, TargetKind.DistillationRecipe, TargetKind.MiningRecipe];
        if (RecipeTargets.Find(name) is { } kind && kinds.Contains(kind)) return kind;
        string? near = Formats.NearestWord.Find(name, kinds.SelectMany(RecipeTargets.Spellings));
        throw top.Wrong("recipe", near is null ? Expected : $"{Expected}; did you mean {near}?");
    }

    private static BiEncoderRecipe BiEncoder(SectionReader top)
    {
        BiEncoderModelOptions model = ModelSections.BiEncoder(top.RequiredSection("model"));
        Parts<BiEncoderCollatorOptions> parts = Read(top, model, false, DataSections.BiEncoderCollator);
        return new BiEncoderRecipe
        {
            Model = model,
            Tokenizer = parts.Tokenizer,
            Dataset = parts.Dataset,
            DataLoader = parts.Loader,
            Collator = parts.Collator ?? new BiEncoderCollatorOptions(),
            ValidationDataset = parts.ValidationDataset,
            ValidationDataLoader = parts.ValidationLoader,
            ValidationCollator = parts.ValidationCollator,
            GradientCache = ExtensionSections.GradientCache(top.Section("grad_cache")),
            Matryoshka = ExtensionSections.Matryoshka(top.Section("matryoshka")),
            FalseNegatives = ExtensionSections.FalseNegatives(top),
        };
    }

    private static CrossEncoderRecipe CrossEncoder(SectionReader top)
    {
        CrossEncoderModelOptions model = ModelSections.CrossEncoder(top.RequiredSection("model"));
        Parts<CrossEncoderCollatorOptions> parts = Read(top, model, true, DataSections.CrossEncoderCollator);
        return new CrossEncoderRecipe
        {
            Model = model,
            Tokenizer = parts.Tokenizer,
            Dataset = parts.Dataset,
            DataLoader = parts.Loader,
            Collator = parts.Collator
                ?? throw new InvalidDataException($"{top.Origin}: dataloader.collate_fn is missing; give a CrossEncoderCollator with rerank_max_length"),
            ValidationDataset = parts.ValidationDataset,
            ValidationDataLoader = parts.ValidationLoader,
            ValidationCollator = parts.ValidationCollator,
        };
    }

    private static DistillationRecipe Distillation(SectionReader top)
    {
        StudentModelOptions model = ModelSections.Student(top.RequiredSection("model"));
        string? cache = top.OptionalText("teacher_embeddings_cache");
        Parts<DistillationCollatorOptions> parts = Read(
            top, model, false, section => DataSections.DistillationCollator(section, cache),
            section => DataSections.DistillationValidationCollator(section, cache));
        DistillationCollatorOptions collator = parts.Collator ?? new DistillationCollatorOptions { TeacherCache = cache };
        return new DistillationRecipe
        {
            Model = model,
            Teacher = (collator.TeacherCache is null ? top.RequiredSection("teacher_model") : top.Section("teacher_model")) is { } teacher
                ? ModelSections.Teacher(teacher)
                : null,
            Tokenizer = parts.Tokenizer,
            Dataset = parts.Dataset,
            DataLoader = parts.Loader,
            Collator = collator,
            ValidationDataset = parts.ValidationDataset,
            ValidationDataLoader = parts.ValidationLoader,
            ValidationCollator = parts.ValidationCollator,
            Losses = DistillationSections.Losses(top),
            ProjectionLearningRate = top.OptionalNumber("projection_lr", null),
        };
    }

    private static RetrievalRecipe WithCommonSections(RetrievalRecipe recipe, SectionReader top)
    {
        SectionReader clipping = top.SectionOrEmpty("clip_grad_norm");
        double clipNorm = clipping.NumberOrDefault("max_norm", 1, 0, above: true); // as in the original, where no recipe can ask that nothing is clipped
        clipping.Ignore("norm_type", "foreach", "error_if_nonfinite");
        clipping.Finish();
        return recipe with
        {
            Seed = top.Long("seed", 42),
            Temperature = top.Number("temperature", 1, 0, above: true),
            StepScheduler = ScheduleSections.StepScheduler(top.SectionOrEmpty("step_scheduler")),
            Optimizer = ScheduleSections.Optimizer(top.RequiredSection("optimizer")),
            ParameterSchedule = ScheduleSections.ParameterSchedule(top.Section("lr_scheduler")),
            ClipNorm = clipNorm,
            Checkpoint = OutputSections.Checkpoint(top.SectionOrEmpty("checkpoint"), adapts: top.Has("peft")),
            Distributed = OutputSections.Distributed(top.SectionOrEmpty("distributed")),
            Wandb = OutputSections.Wandb(top.Section("wandb")),
            Adapter = ModelSections.Adapter(top.Section("peft")),
            Frozen = top.Texts("freeze", []),
            Precision = ExtensionSections.Precision(top),
            Positions = ExtensionSections.Positions(top),
            Evaluation = ExtensionSections.Evaluation(top.Section("evaluation")),
            EarlyStopping = ExtensionSections.EarlyStopping(top.Section("early_stopping")),
        };
    }

    private static Parts<TCollator> Read<TCollator>(
        SectionReader top, EncoderModelOptions model, bool crossEncoder, Func<SectionReader, TCollator> readCollator,
        Func<SectionReader, TCollator>? readValidationCollator = null)
        where TCollator : class
    {
        TokenizerOptions tokenizer = ModelSections.Tokenizer(top.Section("tokenizer"), model.Path);
        SectionReader? loader = top.Section("dataloader");
        TCollator? collator = loader?.Section("collate_fn") is { } section ? readCollator(section) : null;
        SectionReader? nested = loader?.Has("dataset") == true && !top.Has("dataset") ? loader.Section("dataset") : null;
        if (nested is null) loader?.Ignore("dataset"); // the original's older place of the dataset; the newer one wins
        RetrievalDatasetOptions dataset = DataSections.Dataset(nested ?? top.RequiredSection("dataset"), crossEncoder, DatasetUse.Training);
        string? validation = top.Keys.FirstOrDefault(key => key.StartsWith("validation_dataset", StringComparison.Ordinal));
        SectionReader? validationLoader = top.Section("validation_dataloader");
        TCollator? validationCollator = validationLoader?.Section("collate_fn") is { } own ? (readValidationCollator ?? readCollator)(own) : null;
        RetrievalDatasetOptions? validationDataset = validation is not null && top.Section(validation) is { } heldOut
            ? DataSections.Dataset(heldOut, crossEncoder, DatasetUse.Evaluation)
            : null;
        top.Section("validation_dataset");
        top.Ignore([.. top.Keys.Where(key => key.StartsWith("validation_dataset", StringComparison.Ordinal) && key != validation)]); // only the first is used
        return new Parts<TCollator>(
            tokenizer,
            dataset,
            loader is null ? new DataLoaderOptions() : DataSections.Loader(loader),
            collator,
            validationDataset,
            validationLoader is null ? new DataLoaderOptions() : DataSections.Loader(validationLoader),
            validationCollator);
    }

    private sealed record Parts<TCollator>(
        TokenizerOptions Tokenizer,
        RetrievalDatasetOptions Dataset,
        DataLoaderOptions Loader,
        TCollator? Collator,
        RetrievalDatasetOptions? ValidationDataset,
        DataLoaderOptions ValidationLoader,
        TCollator? ValidationCollator);
}
