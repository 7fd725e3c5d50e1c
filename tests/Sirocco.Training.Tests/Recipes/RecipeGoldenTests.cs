namespace Sirocco.Training.Tests;

/// <summary>The published recipe files, byte for byte, and the recipes of recorded runs.</summary>
public sealed class RecipeGoldenTests
{
    private static string Folder => GoldenFile.Path("recipes");

    public static TheoryData<string> Cases => [.. CasesWith("*.yaml")];

    public static TheoryData<string> CasesWithCheckpoint => [.. CasesWith("checkpoint-config.yaml")];

    [Fact]
    public void The_published_bi_encoder_recipe_of_Llama_resolves()
    {
        BiEncoderRecipe recipe = Assert.IsType<BiEncoderRecipe>(Published("bi_encoder/llama3_2_1b.yaml", out ResolvedRecipe<RetrievalRecipe> file));
        Assert.Equal((42, 0.02, 128, 4), (recipe.Seed, recipe.Temperature, recipe.StepScheduler.GlobalBatchSize, recipe.StepScheduler.LocalBatchSize));
        Assert.Equal(
            (500, 500, 1, null),
            (recipe.StepScheduler.CheckpointEverySteps, recipe.StepScheduler.ValidateEverySteps, recipe.StepScheduler.Epochs, recipe.StepScheduler.MaxSteps));
        Assert.Equal(
            ("meta-llama/Llama-3.2-1B", Compute.Pooling.Average, true, Compute.ElementType.BF16, false),
            (recipe.Model.Path, recipe.Model.Pooling, recipe.Model.Normalize, recipe.Model.WeightType, recipe.Model.InBatchNegatives));
        Assert.Equal(
            ["hf://nvidia/embed-nemotron-dataset-v1/FEVER", "hf://nvidia/embed-nemotron-dataset-v1/SyntheticClassificationData"],
            recipe.Dataset.Sources.Select(source => source.Path));
        Assert.Equal(
            ("query:", "passage:", 512, 512, 8),
            (
                recipe.Collator.QueryPrefix,
                recipe.Collator.PassagePrefix,
                recipe.Collator.QueryLength,
                recipe.Collator.PassageLength,
                recipe.Collator.PadToMultipleOf));
        Assert.Equal((OptimizerKind.AdamW, 5e-6, 0.01), (recipe.Optimizer.Kind, recipe.Optimizer.LearningRate, recipe.Optimizer.WeightDecay));
        Assert.Equal((100, DecayStyle.Linear), (recipe.ParameterSchedule!.WarmupSteps, recipe.ParameterSchedule.Style));
        Assert.Equal(("./output/llama3_2_1b_encoder/checkpoints", ConsolidatedExport.Every), (recipe.Checkpoint.Folder, recipe.Checkpoint.Export));
        Assert.Equal(1, recipe.ClipNorm);
        Assert.Null(recipe.Adapter);
        Assert.Contains("ci", file.IgnoredKeys);
        Assert.Contains("model.use_liger_kernel", file.IgnoredKeys);
    }

    [Fact]
    public void The_published_bi_encoder_recipe_of_Ministral_resolves()
    {
        BiEncoderRecipe recipe = Assert.IsType<BiEncoderRecipe>(Published("bi_encoder/ministral3_3b_instruct.yaml", out _));
        Assert.Equal("language_model", recipe.Model.Submodel);
        Assert.Equal(Text.TextSide.Left, recipe.Tokenizer.PaddingSide);
        Assert.True(recipe.Dataset.Shuffle);
        Assert.Equal(2e-6, recipe.Optimizer.LearningRate);
    }

    [Fact]
    public void The_published_recipe_of_the_8B_embedder_resolves()
    {
        BiEncoderRecipe recipe = Assert.IsType<BiEncoderRecipe>(Published("bi_encoder/llama_embed_nemotron_8b/llama_embed_nemotron_8b.yaml", out _));
        Assert.Equal((125, 14, TokenizerBackend.Transformers), (recipe.Seed, recipe.Dataset.Sources.Count, recipe.Tokenizer.Backend));
        Assert.Null(recipe.Model.Normalize);
        Assert.Equal(DecayStyle.Cosine, recipe.ParameterSchedule!.Style);
        Assert.True(recipe.Collator.UseDatasetInstruction && recipe.Dataset.UseInstructions);
    }

    [Fact]
    public void The_published_cross_encoder_recipe_resolves()
    {
        CrossEncoderRecipe recipe = Assert.IsType<CrossEncoderRecipe>(Published("cross_encoder/llama3_2_1b.yaml", out _));
        Assert.Equal(
            (1, 1.0, 512, "question:{query} \n \n passage:{passage}"),
            (recipe.Model.Labels, recipe.Model.Temperature, recipe.Collator.MaxLength, recipe.Collator.Template));
    }

    [Fact]
    public void The_published_distillation_recipe_resolves_once_its_placeholders_are_filled()
    {
        string path = Path.Combine(Folder, "automodel", "distillation", "nemotron3_embed_1b_distill.yaml");
        InvalidDataException placeholder = Assert.Throws<InvalidDataException>(() => RecipeFile.ReadTraining(path));
        Assert.Contains("--model.pretrained_model_name_or_path DIR", placeholder.Message, StringComparison.Ordinal);
        DistillationRecipe recipe = Assert.IsType<DistillationRecipe>(RecipeFile.ReadTraining(path,
        [
            "--model.pretrained_model_name_or_path", "student", "--teacher_model.pretrained_model_name_or_path=teacher",
            "--tokenizer.pretrained_model_name_or_path", "student",
            "--checkpoint.checkpoint_dir", "out",
        ]).Recipe);
        Assert.Equal(
            (4096, 2, "teacher", 1.0, 1.0, 0.0),
            (
                recipe.Model.TeacherHiddenSize, recipe.Dataset.Sources.Count, recipe.Teacher!.Path, recipe.Losses.CosineWeight,
                recipe.Losses.EmbeddingErrorWeight, recipe.Losses.InfoNceDistillationWeight));
        Assert.Equal(TokenizerBackend.Transformers, recipe.Tokenizer.Backend);
    }

    [Fact]
    public void The_published_mining_configuration_resolves_with_its_required_paths()
    {
        string path = Path.Combine(Folder, "automodel", "data_utils", "mining_config.yaml");
        Assert.Contains(
            "mining.train_qa_file_path is missing", Assert.Throws<InvalidDataException>(() => RecipeFile.ReadMining(path)).Message, StringComparison.Ordinal);
        MiningRecipe recipe = RecipeFile.ReadMining(
            path, ["--mining.train_qa_file_path", "in.json", "--mining.train_file_output_path", "out.json", "--mining.model_name_or_path", "model"]).Recipe;
        Assert.Equal(new MiningRecipe { Input = "in.json", Output = "out.json", Model = "model" }, recipe);
    }

    [Fact]
    public void The_published_vision_recipe_parses_and_is_refused_for_its_processor()
    {
        string path = Path.Combine(Folder, "automodel", "bi_encoder", "nemotron_vl_1b", "nemotron_vl_1b_example.yaml");
        RecipeMapping tree = RecipeFile.Load(path, [], _ => null);
        RecipeMapping optimizer = (RecipeMapping)tree["optimizer"]!;
        Assert.Equal(1e-6, ((RecipeScalar)optimizer["lr"]!).Value);
        string message = Assert.Throws<InvalidDataException>(() => RecipeFile.ReadTraining(path)).Message;
        Assert.StartsWith($"{path}:50: tokenizer._target_", message, StringComparison.Ordinal);
        Assert.Contains("processors of vision-language checkpoints are not supported yet", message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Recipes_of_recorded_runs_resolve(string name)
    {
        foreach (string file in Directory.GetFiles(Path.Combine(GoldenFile.Retrieval, name), "*.yaml"))
        {
            if (name.StartsWith("mining", StringComparison.Ordinal)) Assert.NotEmpty(RecipeFile.ReadMining(file).Recipe.Model);
            else Assert.NotEmpty(RecipeFile.ReadTraining(file).Recipe.Encoder.Path);
        }
    }

    [Theory]
    [MemberData(nameof(CasesWithCheckpoint))]
    public void The_configuration_kept_with_a_checkpoint_is_the_reference_s_to_the_byte(string name)
    {
        string kept = Path.Combine(GoldenFile.Retrieval, name, "checkpoint-config.yaml");
        string[] overrides = name == "bi-llama-cls"
            ? ["--step_scheduler.max_steps", "6", "--lr_scheduler.lr_warmup_steps=2", "--model.pooling", "cls", "--step_scheduler.val_every_steps", "3"]
            : [];
        Assert.Equal(File.ReadAllText(kept), RecipeFile.ReadTraining(Path.Combine(GoldenFile.Retrieval, name, "run.yaml"), overrides).Configuration);
    }

    private static IEnumerable<string> CasesWith(string file) =>
        Directory.GetDirectories(GoldenFile.Retrieval).Where(folder => Directory.GetFiles(folder, file).Length > 0).Select(folder => Path.GetFileName(folder)!)
            .Order(StringComparer.Ordinal);

    private static RetrievalRecipe Published(string name, out ResolvedRecipe<RetrievalRecipe> file) =>
        (file = RecipeFile.ReadTraining(Path.Combine(Folder, "automodel", name))).Recipe;
}
