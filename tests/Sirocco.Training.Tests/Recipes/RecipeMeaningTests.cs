using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training.Tests.Recipes;

/// <summary>What keys mean that have more than one spelling, a default by another key, or no effect: as in NeMo AutoModel 0.7.</summary>
public sealed class RecipeMeaningTests
{
    private const string Typed = "nemo_automodel.components.optim.optimizer.";

    [Theory]
    [InlineData("torch.optim.AdamW", OptimizerKind.AdamW, 1e-3, 0.01)]
    [InlineData("torch.optim.Adam", OptimizerKind.Adam, 1e-3, 0)]
    [InlineData("torch.optim.SGD", OptimizerKind.Sgd, 1e-3, 0)]
    [InlineData("transformer_engine.pytorch.optimizers.fused_adam.FusedAdam", OptimizerKind.AdamW, 1e-3, 0)]
    [InlineData(Typed + "AdamWConfig", OptimizerKind.AdamW, 1e-4, 0.01)]
    [InlineData(Typed + "AdamConfig", OptimizerKind.Adam, 1e-4, 0.01)]
    [InlineData(Typed + "FusedAdamConfig", OptimizerKind.AdamW, 1e-4, 0.01)]
    [InlineData("adamw", OptimizerKind.AdamW, 1e-4, 0.01)]
    [InlineData("adam", OptimizerKind.Adam, 1e-4, 0.01)]
    [InlineData("fused_adam", OptimizerKind.AdamW, 1e-4, 0.01)]
    [InlineData("flash_adamw", OptimizerKind.AdamW, 1e-4, 0.01)]
    public void An_optimizer_left_bare_has_the_defaults_of_the_component_that_is_named(string target, OptimizerKind kind, double rate, double decay)
    {
        OptimizerOptions optimizer = Read("bi-llama-inline", "--optimizer", $"{{'_target_': '{target}'}}").Recipe.Optimizer;
        Assert.Equal((kind, rate, decay), (optimizer.Kind, optimizer.LearningRate, optimizer.WeightDecay));
    }

    [Theory]
    [InlineData("muon")]
    [InlineData(Typed + "Dion2Config")]
    public void Optimizers_that_are_not_built_are_refused_by_name(string target) =>
        Assert.Contains("Dion family", Refusal("bi-llama-inline", "--optimizer._target_", target), StringComparison.Ordinal);

    [Theory]
    [InlineData("none")]
    [InlineData("1.0")]
    public void Gradients_are_clipped_at_1_unless_the_recipe_gives_another_length(string norm)
    {
        ResolvedRecipe<RetrievalRecipe> read = Read("bi-llama-inline", "--clip_grad_norm.max_norm", norm);
        Assert.Equal(1, read.Recipe.ClipNorm);
        Assert.Equal(["1.0"], read.Values.Where(value => value.Key == "clip_grad_norm.max_norm").Select(value => value.Value));
    }

    [Theory]
    [InlineData("colbert")]
    [InlineData("multi_vector")]
    public void A_vector_for_each_token_has_two_names(string name)
    {
        BiEncoderModelOptions model = ((BiEncoderRecipe)Read("bi-llama-inline", "--model.pooling", name).Recipe).Model;
        Assert.Equal((true, name, null), (model.MultiVector, model.MultiVectorName, model.Pooling));
    }

    [Theory]
    [InlineData("init_lr", "-0.001")] // the original asserts init_lr <= max_lr and no more
    [InlineData("lr_decay_steps", "500")] // the warm-up of a run of unknown length may be shorter than 500
    public void A_schedule_that_the_original_takes_is_taken(string key, string value) =>
        Assert.NotNull(Read("bi-llama-inline", "--lr_scheduler", $"{{'{key}': {value}}}", "--step_scheduler.max_steps", "none").Recipe.ParameterSchedule);

    [Fact]
    public void A_final_decay_without_a_style_is_refused_where_the_run_reaches_it()
    {
        ParameterScheduleOptions options = new() { Style = DecayStyle.WarmupStableDecay, WarmupSteps = 0, DecaySteps = 50, FinalDecaySteps = 10 };
        ParameterSchedule schedule = ParameterSchedule.Resolve(options, 1e-3, 0, totalSteps: 40);
        Assert.Equal(1e-3, schedule.LearningRate(39));
        Assert.Contains(
            "lr_wsd_decay_style",
            Assert.Throws<ArgumentException>(() => ParameterSchedule.Resolve(options, 1e-3, 0, totalSteps: 41)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_final_decay_may_be_longer_than_the_course()
    {
        ParameterScheduleOptions options = new()
        {
            Style = DecayStyle.WarmupStableDecay,
            WarmupSteps = 2,
            Minimum = 0,
            DecaySteps = 10,
            FinalDecaySteps = 20,
            FinalDecay = FinalDecayStyle.Linear,
        };
        Assert.Equal(1e-3 * (1 - (15.0 / 20)), ParameterSchedule.Resolve(options, 1e-3, 0, 10).LearningRate(5), 1e-15); // 15 of 20 steps are gone after 5
    }

    [Fact]
    public void Torch_save_writes_no_model_for_other_programs_and_says_so()
    {
        ResolvedRecipe<RetrievalRecipe> whole = Read("bi-llama-inline", "--checkpoint.model_save_format", "torch_save");
        Assert.Equal(ConsolidatedExport.Never, whole.Recipe.Checkpoint.Export);
        Assert.Contains("no model/consolidated is written", Assert.Single(whole.Warnings), StringComparison.Ordinal);
        ResolvedRecipe<RetrievalRecipe> adapter = Read("bi-ministral3-lora", "--checkpoint.model_save_format", "torch_save");
        Assert.Equal(ConsolidatedExport.Every, adapter.Recipe.Checkpoint.Export);
        Assert.Contains("saved as safetensors", Assert.Single(adapter.Warnings), StringComparison.Ordinal);
        Assert.Empty(Read("bi-llama-inline", "--checkpoint.model_save_format", "torch_save", "--checkpoint.save_consolidated", "false").Warnings);
    }

    [Fact]
    public void Keys_of_several_ranks_are_listed_as_ignored_where_there_is_one()
    {
        const string Detach = "model.detach_distributed_inbatch_negatives";
        Assert.Contains(Detach, Read("two-process-differentiable").IgnoredKeys);
        Assert.DoesNotContain(Detach, Read("two-process-differentiable", "--distributed.dp_size", "2").IgnoredKeys);
        Assert.DoesNotContain(Detach, Read("bi-ministral3-inbatch").IgnoredKeys);
        Assert.Contains("infonce_distill_loss.cross_device_negatives", Read("distill").IgnoredKeys);
    }

    [Fact]
    public void Autocast_decides_the_precision_of_products_except_in_a_distillation()
    {
        string[] autocast = ["--distributed.autocast_dtype", "bfloat16"];
        ResolvedRecipe<RetrievalRecipe> contrast = Read("bi-llama-inline", [.. autocast, "--model.torch_dtype", "float32"]);
        Assert.Equal((ElementType.BF16, ElementType.F32), (contrast.Recipe.ComputedType, contrast.Recipe.HeldType));
        Assert.DoesNotContain("distributed.autocast_dtype", contrast.IgnoredKeys);
        ResolvedRecipe<RetrievalRecipe> distillation = Read("distill", autocast);
        Assert.Equal(distillation.Recipe.HeldType, distillation.Recipe.ComputedType);
        Assert.Contains("distributed.autocast_dtype", distillation.IgnoredKeys);
        Assert.Contains("bfloat16", Refusal("bi-llama-inline", "--distributed.autocast_dtype", "int8"), StringComparison.Ordinal);
    }

    [Fact]
    public void Layers_to_capture_are_those_of_the_pairs_and_the_key_is_listed_as_ignored()
    {
        IReadOnlyList<string> ignored = Read("distill", "--teacher_model.capture_layers", "[]").IgnoredKeys;
        Assert.Contains("model.capture_layers", ignored);
        Assert.DoesNotContain("teacher_model.capture_layers", ignored);
    }

    [Fact]
    public void A_distillation_validates_with_the_collator_of_a_bi_encoder_too()
    {
        DistillationRecipe recipe = (DistillationRecipe)Read(
            "distill",
            "--validation_dataloader.collate_fn",
            "{'_target_': 'nemo_automodel.components.datasets.llm.BiEncoderCollator', 'q_max_len': 9, 'query_prefix': 'q', 'passage_prefix': 'p'}").Recipe;
        Assert.Equal(
            (9, "q", "p", null),
            (
                recipe.ValidationCollator!.QueryLength,
                recipe.ValidationCollator.QueryPrefix,
                recipe.ValidationCollator.PassagePrefix,
                recipe.ValidationCollator.TeacherCache));
        Assert.Contains(
            "does not belong",
            Refusal("distill", "--dataloader.collate_fn._target_", "nemo_automodel.components.datasets.llm.BiEncoderCollator"),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "bi-ministral3-inline", "checkpoint.best_metric_key=val_mmr", "checkpoint.best_metric_key is 'val_mmr'; give default, val_loss, val_acc1, val_mrr")]
    [InlineData("cross-llama", "dataloader.collate_fn.prompt_template='{query} {passage}!'", "prompt_template ends with '!'; end it with {query} or {passage}")]
    [InlineData("cross-llama", "dataloader.collate_fn.prompt_template='{passage}'", "prompt_template has no {query}")]
    [InlineData("cross-llama", "model.num_labels=2", "model.num_labels is 2; give 1")]
    [InlineData("cross-llama", "evaluation={'corpus': 'c', 'queries': 'q'}", "evaluation searches a corpus by vectors")]
    [InlineData("bi-llama-colbert", "grad_cache.micro_batch_size=2", "grad_cache needs one vector for a text")]
    [InlineData("distill", "layer_pairs=none", "layer_pairs is none; give pairs")]
    [InlineData("distill", "intermediate_loss.layer_weights=[1.0]", "intermediate_loss.layer_weights has 1 numbers; give 2")]
    public void Contradictions_are_named_with_their_line(string name, string mistake, string message)
    {
        string refusal = Refusal(name, mistake);
        Assert.Contains(message, refusal, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal);
    }

    [Fact]
    public void The_line_of_a_contradiction_is_that_of_its_key()
    {
        string message = Refusal("bi-ministral3-inline", "--step_scheduler.local_batch_size", "3");
        Assert.StartsWith(Recipe("bi-ministral3-inline") + ":5: step_scheduler.global_batch_size 8 is no multiple", message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_an_adapter_s_folder_repeats_of_a_recipe_is_read_as_it_is_written()
    {
        AdapterOptions adapter = Read(
            "bi-ministral3-lora", "--peft.target_modules", "*_proj", "--peft.lora_A_init", "uniform", "--peft.lora_dtype", "bfloat16", "--peft.use_triton",
            "true", "--peft.moe_rank_scaling", "true").Recipe.Adapter!;
        Assert.Equal(AdapterInitialization.KaimingUniform, adapter.Initialization);
        Assert.Equal(
            new AutoModelAdapterFields
            {
                TargetIsText = true,
                Initialization = "uniform",
                ElementType = "bfloat16",
                IsMemoryEfficient = true,
                UsesTriton = true,
                ScalesRankOfExperts = true,
            },
            adapter.AsWritten);
    }

    private static string Recipe(string name) => Path.Combine(GoldenFile.Retrieval, name, "run.yaml");

    private static ResolvedRecipe<RetrievalRecipe> Read(string name, params string[] overrides) => RecipeFile.ReadTraining(Recipe(name), overrides);

    private static string Refusal(string name, params string[] overrides) => Assert.Throws<InvalidDataException>(() => Read(name, overrides)).Message;
}
