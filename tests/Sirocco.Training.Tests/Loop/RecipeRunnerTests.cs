using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;
using Sirocco.Training.Tests.Checkpoints;

namespace Sirocco.Training.Tests.Loop;

/// <summary>What surrounds the steps of a run: where its models are found, what it says before it reads them, and how it ends.</summary>
public sealed class RecipeRunnerTests : IDisposable
{
    private const string Lora = "--peft._target_ nemo_automodel.components._peft.lora.PeftConfig --peft.target_modules *_proj --peft.dim 4";

    private readonly TinyRun run = new();

    public void Dispose() => run.Dispose();

    [Fact]
    public void A_hub_id_names_model_and_tokenizer_and_stays_the_name_in_what_is_saved()
    {
        string[] named =
        [
            "--model.pretrained_model_name_or_path", "org/tiny", "--tokenizer.pretrained_model_name_or_path", "org/tiny", "--checkpoint.save_consolidated",
            "true", "--step_scheduler.max_steps", "1", "--lr_scheduler", "none",
        ];
        TinyRun.Recorder done = run.Run([.. named, "--checkpoint.v4_compatible", "true"], locate: Cached());
        string export = done.Outcome!.ModelFolder!;
        Assert.Equal(File.ReadAllBytes(run.File("cache/source/config.json")), File.ReadAllBytes(Path.Combine(export, "config.json")));
        Assert.Contains("\"_name_or_path\": \"org/tiny\"", File.ReadAllText(Path.Combine(export, "config.v5.json")), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(export, "tokenizer.json")));

        TinyRun.Recorder adapted = run.Run([.. named, .. Lora.Split(' '), "--checkpoint.checkpoint_dir", run.File("adapted")], locate: Cached());
        string adapter = adapted.Outcome!.ModelFolder!;
        Assert.Contains("\"base_model_name_or_path\": \"org/tiny\"", File.ReadAllText(Path.Combine(adapter, "adapter_config.json")), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(adapter, "tokenizer.json")));
        Assert.True(File.Exists(Path.Combine(adapter, "tokenizer_config.json")));
    }

    [Theory]
    [InlineData("--evaluation.corpus missing.jsonl --evaluation.queries missing.jsonl", "missing.jsonl")]
    [InlineData("--checkpoint.restore_from epoch_7_step_7", "restore_from: epoch_7_step_7 is no checkpoint")]
    [InlineData("--matryoshka.dimensions [16,64]", "matryoshka.dimensions has 64, but vectors have 32 features")]
    public void What_is_wrong_with_a_recipe_is_said_before_the_model_is_read(string words, string expected)
    {
        File.Delete(run.File("model/model.safetensors"));
        Assert.Contains(expected, Record.Exception(() => run.Run(words.Split(' '))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_is_asked_to_end_before_its_first_step_takes_none()
    {
        TinyRun.Recorder observer = new(null);
        RecipeRunner runner = new(observer: observer) { StopAfterStep = new CancellationToken(canceled: true) };
        Assert.Throws<OperationCanceledException>(() => runner.Run(RecipeFile.ReadTraining(run.Recipe, []).Recipe));
        Assert.Empty(observer.Steps);
    }

    [Fact]
    public void A_precision_of_auto_is_that_of_the_weights() =>
        Assert.Null(RecipeFile.ReadTraining(run.Recipe, ["--precision", "auto"]).Recipe.Precision);

    [Fact]
    public void Missing_initial_weights_are_named_before_the_model_is_read()
    {
        File.Delete(run.File("model/model.safetensors"));
        RetrievalRecipe recipe = RecipeFile.ReadTraining(run.Recipe, []).Recipe with { InitialWeights = run.File("start.safetensors") };
        Assert.Contains("start.safetensors", Assert.ThrowsAny<IOException>(() => new RecipeRunner().Run(recipe)).Message, StringComparison.Ordinal);
    }

    public static TheoryData<Func<DistillationRecipe, DistillationRecipe>, string> Contradictions => new()
    {
        { recipe => recipe with { Teacher = new TeacherModelOptions { Path = "no/such/teacher" } }, "no/such/teacher: no such file or folder" },
        { recipe => recipe with { Model = recipe.Model with { TeacherHiddenSize = 48 } }, "model.teacher_hidden_size is 48, but" },
        {
            recipe => recipe with
            {
                Losses = new DistillationLosses { IntermediateWeight = 1, Intermediate = new IntermediateLossOptions { LayerPairs = [(0, 2)] } },
            },
            "layer_pairs: [0, 2] is outside the 2 layers of the student and the 2 of the teacher"
        },
        {
            recipe => recipe with
            {
                Dataset = recipe.Dataset with { PassagesPerQuery = 1 },
                Losses = new DistillationLosses { InfoNceWeight = 1, InfoNce = new InfoNceLossOptions { InBatchNegatives = false } },
            },
            "infonce_loss has no negatives"
        },
    };

    [Theory]
    [MemberData(nameof(Contradictions))]
    public void What_contradicts_a_teacher_is_said_before_the_models_are_read(Func<DistillationRecipe, DistillationRecipe> change, string expected)
    {
        File.Delete(run.File("model/model.safetensors"));
        RetrievalRecipe read = RecipeFile.ReadTraining(run.Recipe, []).Recipe;
        DistillationRecipe recipe = new()
        {
            Model = new StudentModelOptions { Path = read.Encoder.Path, TeacherHiddenSize = 32, Pooling = Pooling.Average },
            Teacher = new TeacherModelOptions { Path = read.Encoder.Path, Pooling = Pooling.Average },
            Tokenizer = read.Tokenizer,
            Dataset = read.Dataset,
            StepScheduler = read.StepScheduler,
            Checkpoint = read.Checkpoint,
        };
        Assert.Contains(expected, Record.Exception(() => new RecipeRunner().Run(change(recipe))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_base_in_Mistrals_own_layout_is_explained_and_trained_and_exported_under_public_names()
    {
        (string Public, string Native)[] names =
        [
            ("embed_tokens", "tok_embeddings"), ("self_attn.q_proj", "attention.wq"), ("self_attn.k_proj", "attention.wk"),
            ("self_attn.v_proj", "attention.wv"), ("self_attn.o_proj", "attention.wo"), ("mlp.gate_proj", "feed_forward.w1"),
            ("mlp.down_proj", "feed_forward.w2"), ("mlp.up_proj", "feed_forward.w3"), ("post_attention_layernorm", "ffn_norm"),
            ("input_layernorm", "attention_norm"),
        ];
        string native = Directory.CreateDirectory(run.File("native")).FullName;
        using (TensorArchive weights = TensorArchive.Open(run.File("model")))
        {
            SafetensorsWriter.Write(Path.Combine(native, "consolidated.safetensors"), weights.Tensors.Select(tensor => OutgoingTensor.Copy(
                tensor, names.Aggregate(tensor.Name, (name, pair) => name.Replace(pair.Public, pair.Native, StringComparison.Ordinal)))));
        }

        File.WriteAllText(Path.Combine(native, "params.json"), """
            {"dim": 32, "n_layers": 2, "head_dim": 16, "hidden_dim": 48, "n_heads": 2, "n_kv_heads": 1, "vocab_size": 2000, "max_position_embeddings": 64}
            """);
        string[] still =
        [
            "--model.pretrained_model_name_or_path", native, "--checkpoint.save_consolidated", "true", "--step_scheduler.max_steps", "1", "--lr_scheduler",
            "none", "--optimizer.lr", "0", "--optimizer.weight_decay", "0",
        ];
        using BiEncoder before = BiEncoder.FromBackbone(native);
        Assert.Equal(
            before.Parameters.Sum(parameter => parameter.Count), RecipeExplanation.Of(RecipeFile.ReadTraining(run.Recipe, still).Recipe, native).Parameters);
        using BiEncoder after = BiEncoder.FromBackbone(run.Run(still).Outcome!.ModelFolder!);
        Assert.Equal(before.Parameters.Select(parameter => parameter.Name), after.Parameters.Select(parameter => parameter.Name));
        Assert.Contains("layers.1.self_attn.q_proj.weight", after.Parameters.Select(parameter => parameter.Name));
        foreach ((Parameter expected, Parameter saved) in before.Parameters.Zip(after.Parameters)) Assert.Equal(Values(expected), Values(saved));

        static float[] Values(Parameter parameter)
        {
            float[] values = new float[parameter.Count];
            parameter.CopyTo(values);
            return values;
        }
    }

    [Fact]
    public void Dense_modules_train_and_a_pooling_whose_export_would_lose_them_is_refused_before_the_first_step()
    {
        foreach ((int place, int input, int output) in new[] { (2, 32, 16), (3, 16, 8) })
        {
            string folder = Directory.CreateDirectory(run.File($"model/{place}_Dense")).FullName;
            float[] values = [.. Enumerable.Range(0, output * input).Select(i => MathF.Sin(i))];
            SafetensorsWriter.Write(
                Path.Combine(folder, "model.safetensors"), [OutgoingTensor.Create<float>("linear.weight", [output, input], values)]);
            File.WriteAllText(
                Path.Combine(folder, "config.json"), $$"""{"in_features": {{input}}, "out_features": {{output}}, "bias": false}""");
        }

        string[] modules = [.. ((string[])["", "1_Pooling", "2_Dense", "3_Dense"]).Select((path, i) =>
            $$"""{"idx": {{i}}, "path": "{{path}}", "type": "sentence_transformers.models.{{(i == 0 ? "Transformer" : path[2..])}}"}""")];
        File.WriteAllText(run.File("model/modules.json"), $"[{string.Join(", ", modules)}]");
        string[] once = ["--checkpoint.save_consolidated", "true", "--step_scheduler.max_steps", "1", "--lr_scheduler", "none"];
        NotSupportedException refused = Assert.Throws<NotSupportedException>(() => run.Run([.. once, "--model.pooling", "weighted_avg"]));
        Assert.Contains("cannot be written for pooling weighted_avg", refused.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(run.Folder, "training.jsonl")));

        TinyRun.Recorder trained = run.Run([.. once, "--model.pooling", "avg"]);
        Assert.Contains("2.linear.weight", trained.Weights.Keys);
        using TensorArchive saved = TensorArchive.Open(Path.Combine(trained.Outcome!.ModelFolder!, "3_Dense", "model.safetensors"));
        Assert.Equal(trained.Weights["3.linear.weight"], saved["linear.weight"].ToSingleArray());
    }

    [Fact]
    public void A_run_says_what_came_of_it_and_its_model_embeds()
    {
        RunOutcome outcome = run.Run(["--checkpoint.save_consolidated", "true"]).Outcome!;
        Assert.Equal((RunStatus.Completed, 12), (outcome.Status, outcome.Steps));
        Assert.Equal(Path.Combine(run.Folder, "epoch_1_step_11"), outcome.Checkpoint);
        Assert.True(outcome.LastValidation!["val_loss"] > 0);
        using Embedder embedder = Embedder.FromPretrained(outcome.ModelFolder!);
        Assert.Equal(32, embedder.Embed("a game").Length);
    }

    [Fact]
    public void An_end_is_told_once_even_where_an_observer_fails_at_it()
    {
        Complaining observer = new();
        Assert.Throws<InvalidOperationException>(() =>
            new RecipeRunner(null, observer).Run(RecipeFile.ReadTraining(run.Recipe, ["--step_scheduler.max_steps", "1", "--lr_scheduler", "none"]).Recipe));
        Assert.Equal([RunStatus.Completed], observer.Endings);
        Assert.Contains("\"status\": \"completed\"", File.ReadAllText(Path.Combine(run.Folder, "run.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_that_cannot_be_written_hides_no_failure()
    {
        Complaining observer = new() { Failure = new UnauthorizedAccessException("the disk is gone") };
        Assert.Throws<TrainingDivergedException>(
            () => new RecipeRunner(null, observer).Run(RecipeFile.ReadTraining(run.Recipe, ["--optimizer.lr", "1e30", "--lr_scheduler", "none"]).Recipe));
        Assert.Equal(["the disk is gone"], observer.Warnings);
    }

    [Fact]
    public void Where_one_record_cannot_be_opened_the_others_are_closed_again()
    {
        string[] wandb = ["--wandb.mode", "offline", "--wandb.dir", Path.Combine(run.File("train.jsonl"), "inside a file")];
        Assert.ThrowsAny<IOException>(() => run.Run(wandb));
        using FileStream alone = new(Path.Combine(run.Folder, "training.jsonl"), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
    }

    [Theory]
    [InlineData("BiEncoder")]
    [InlineData("CrossEncoder")]
    public void A_run_under_autocast_multiplies_in_its_type_unless_a_precision_is_given(string task)
    {
        using TinyRun tiny = new(task);
        string[] brief = ["--step_scheduler.max_steps", "1", "--checkpoint.enabled", "false", "--validation_dataset", "none", "--lr_scheduler", "none"];
        Precision Of(params string[] overrides) => tiny.Run([.. brief, .. overrides]).Plan!.Precision;
        Assert.Equal(Precision.F32, Of());
        Assert.Equal(Precision.BF16, Of("--distributed.autocast_dtype", "bfloat16"));
        Assert.Equal(Precision.F32, Of("--distributed.autocast_dtype", "bfloat16", "--precision", "f32"));
    }

    [Fact]
    public void A_step_that_was_given_up_leaves_no_trace()
    {
        (float[] straight, _) = Train(giveUp: false);
        (float[] again, Exception? failure) = Train(giveUp: true);
        Assert.IsType<TrainingDivergedException>(failure);
        Assert.Equal(straight, again);
    }

    /// <summary>Two steps; before the second, where asked for, one whose second encoding gives no number.</summary>
    private (float[] Weights, Exception? Failure) Train(bool giveUp)
    {
        BiEncoderRecipe recipe = (BiEncoderRecipe)RecipeFile.ReadTraining(run.Recipe, ["--checkpoint.enabled", "false"]).Recipe;
        BiEncoderCollator collator = new(TrainingTokenizer.Load(recipe.Tokenizer), recipe.Collator);
        using RunSetup<RetrievalBatch> setup = RunSetup<RetrievalBatch>.Read(recipe, collator, collator, null, new TrainingObserver.Silent());
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using BiEncoder model = BiEncoder.FromBackbone(recipe.Model.Path);
        ParameterArena arena = new(model.Parameters);
        BiEncoderObjective objective = new(new ContrastiveObjective(context, model, new ContrastiveLoss(), Precision.F32), model.Parameters, recipe.Positions);
        using RetrievalTrainer<RetrievalBatch> trainer = new(
            context, objective, Optimizer.Create(context, arena, recipe.Optimizer, objective.GroupOf), setup.Schedule, setup.Scheduler, setup.Loader, 1, 7, 10);
        trainer.Step();
        setup.Scheduler.Advance();
        Exception? failure = null;
        if (giveUp)
        {
            Span<float> first = arena.Parameters[^1].Master!.Span(0, 1);
            (float kept, first[0]) = (first[0], float.NaN);
            arena.MastersChanged();
            failure = Record.Exception(() => trainer.Step());
            arena.Parameters[^1].Master!.Span(0, 1)[0] = kept;
            arena.MastersChanged();
        }

        trainer.Step();
        return (arena.Masters.ToArray(), failure);
    }

    /// <summary>Moves the model into a hub cache; names are looked up there and nowhere else.</summary>
    private Func<string, CancellationToken, string> Cached()
    {
        const string Commit = "0123456789abcdef0123456789abcdef01234567";
        string repository = run.File("cache/models--org--tiny"), snapshot = Path.Combine(repository, "snapshots", Commit), source = run.File("cache/source");
        if (!Directory.Exists(repository))
        {
            Directory.CreateDirectory(Path.Combine(repository, "refs"));
            Directory.CreateDirectory(Path.Combine(repository, "snapshots"));
            File.WriteAllText(Path.Combine(repository, "refs", "main"), Commit);
            Directory.Move(run.File("model"), snapshot);
            Directory.CreateDirectory(source);
            File.Copy(Path.Combine(snapshot, "config.json"), Path.Combine(source, "config.json"));
        }

        HubOptions offline = new() { CacheFolder = run.File("cache"), Offline = true };
        return (name, cancellation) => HubModel.ResolveAsync(name, offline, progress: null, cancellation).GetAwaiter().GetResult();
    }

    private sealed class Complaining : TrainingObserver
    {
        public Exception Failure { get; init; } = new InvalidOperationException("not now");

        public List<RunStatus> Endings { get; } = [];

        public List<string> Warnings { get; } = [];

        public override void Ended(RunOutcome outcome)
        {
            Endings.Add(outcome.Status);
            throw Failure;
        }

        public override void Warned(string message) => Warnings.Add(message);
    }
}
