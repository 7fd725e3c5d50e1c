using System.Text.Json.Nodes;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models.Tests.Adapters;

/// <summary>
/// Adapters beside networks with random weights: gradients against differences, rules of names, NeMo AutoModel's folders, and folders that do not fit.
/// </summary>
public sealed class AdapterTests : IDisposable
{
    private readonly TemporaryFolder temporary = new();

    public void Dispose() => temporary.Dispose();

    [Theory]
    [InlineData(false, 0, DropoutPosition.Post, false)]
    [InlineData(true, 0, DropoutPosition.Post, true)]
    [InlineData(false, 0.3, DropoutPosition.Post, true)]
    [InlineData(false, 0.3, DropoutPosition.Pre, false)]
    [InlineData(true, 0.3, DropoutPosition.Pre, true)]
    [InlineData(true, 0.3, DropoutPosition.Post, false)]
    public void Gradients_agree_with_differences(bool dora, double dropout, DropoutPosition position, bool recompute)
    {
        using BiEncoder model = NewModel(TinyModels.Llama);
        model.Decoder.Recompute = recompute;
        Adapter adapter = Adapter.Attach(
            model, new AdapterOptions { Rank = 3, Alpha = 6, UseDora = dora, Dropout = dropout, DropoutPosition = position }, seed: 3);
        Randomise(adapter);
        ParameterArena arena = new(adapter.Parameters);
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        Segments segments = Segments.FromLengths([9, 6]);
        int[] ids = TinyModels.Tokens(15, 2);
        float[] seed = [.. Enumerable.Range(0, 2 * 48).Select(i => MathF.Sin(i))];

        // DoRA's row lengths are constants of the gradient, but not of a difference: only the magnitude's can be compared.
        double Objective()
        {
            using Scope f = context.BeginScope(Precision.F32, null, new DropoutDraw(1, 4));
            return model.Encode(f, ids, segments).ToArray().Select((value, i) => (double)value * seed[i]).Sum();
        }

        using (Tape tape = new())
        {
            using Scope f = context.BeginScope(Precision.F32, tape, new DropoutDraw(1, 4));
            Tensor y = model.Encode(f, ids, segments);
            tape.Backward(y, f.Upload(seed, 2, 48));
        }

        Assert.All(model.Parameters, parameter => Assert.Null(parameter.Master));
        Random random = new(8);
        foreach (Parameter parameter in adapter.Parameters.Where(parameter => !dora || parameter.Name.EndsWith("magnitude", StringComparison.Ordinal)))
        {
            Span<float> values = parameter.Master!.Span(0, (int)parameter.Count);
            float[] before = values.ToArray(), direction = [.. before.Select(_ => (2f * random.Next(2)) - 1)];
            float[] gradient = parameter.Gradient!.ToArray();
            double along = gradient.Zip(direction, (g, d) => (double)g * d).Sum();
            const float Step = 2e-3f;
            double At(float step)
            {
                for (int i = 0; i < before.Length; i++) parameter.Master!.Span(i, 1)[0] = before[i] + (step * direction[i]);
                return Objective();
            }

            double difference = (At(Step) - At(-Step)) / (2 * Step);
            before.CopyTo(parameter.Master!.Span(0, before.Length));
            double size = Math.Max(Math.Sqrt(gradient.Sum(g => (double)g * g)), 0.02);
            Assert.True(Math.Abs(difference - along) <= 0.02 * size, $"{parameter.Name}: {along} instead of {difference}");
        }
    }

    [Fact]
    public void Dropout_works_in_training_only_and_differs_from_pass_to_pass()
    {
        using BiEncoder model = NewModel(TinyModels.Ministral);
        Randomise(Adapter.Attach(model, new AdapterOptions { Dropout = 0.5, TargetModules = ["o_proj"] }));
        using ComputeContext context = new();
        float[] Encode(DropoutDraw? draw)
        {
            using Scope f = context.BeginScope(Precision.F32, null, draw);
            return model.Encode(f, TinyModels.Tokens(7, 1), Segments.FromLengths([7])).ToArray();
        }

        Assert.Equal(Encode(null), Encode(null));
        Assert.Equal(Encode(new DropoutDraw(1, 1)), Encode(new DropoutDraw(1, 1)));
        Assert.NotEqual(Encode(new DropoutDraw(1, 1)), Encode(new DropoutDraw(1, 2)));
        Assert.NotEqual(Encode(null), Encode(new DropoutDraw(1, 1)));
    }

    [Theory]
    [InlineData(DropoutPosition.Pre)]
    [InlineData(DropoutPosition.Post)]
    public void An_adapted_heads_loss_drops_as_its_logits_do_though_it_is_computed_in_pieces(DropoutPosition position)
    {
        // 300 tokens of 2^16 logits are three pieces.
        const int Tokens = 300, Vocabulary = 1 << 16, Width = 4;
        Random random = new(5);
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
        Parameter Matrix(string name, int rows, int columns) => Parameter.FromValues(name, [rows, columns], Values(rows * columns));
        Projection head = new("lm_head", Matrix("lm_head.weight", Vocabulary, Width))
        {
            Update = new LowRankUpdate(Matrix("a", 2, Width), Matrix("b", Vocabulary, 2), null, 4) { Dropout = 0.5f, DropoutPosition = position },
        };
        int[] labels = [.. Enumerable.Range(0, Tokens).Select(_ => random.Next(Vocabulary))];
        float[] hidden = Values(Tokens * Width);
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        (float Loss, float[] Gradient) Of(Func<Scope, Tensor, Tensor> loss)
        {
            using Tape tape = new();
            using Scope f = context.BeginScope(Precision.F32, tape, new DropoutDraw(1, 4));
            Tensor x = f.Upload(hidden, Tokens, Width);
            tape.Watch(x);
            Tensor y = loss(f, x);
            tape.Backward(y);
            return (y.ToArray()[0], tape.Gradient(x)!.ToArray());
        }

        var (whole, wholeGradient) = Of((f, x) => f.CrossEntropy(f.Linear(x, head), labels));
        var (pieces, piecesGradient) = Of((f, x) => f.HeadCrossEntropy(x, head, labels, 0));
        Assert.Equal(whole, pieces, 1e-5f);
        Golden.AssertClose(piecesGradient, wholeGradient, 1e-4, "gradient");
    }

    [Fact]
    public void Int8_weights_work_beside_an_adapter()
    {
        using BiEncoder model = NewModel(TinyModels.Ministral);
        using ComputeContext context = new();
        float[] Encode(Precision precision)
        {
            using Scope f = context.BeginScope(precision);
            return model.Encode(f, TinyModels.Tokens(40, 1), Segments.FromLengths([40])).ToArray();
        }

        Randomise(Adapter.Attach(model, new AdapterOptions { UseDora = true }));
        Golden.AssertClose(Encode(Precision.Int8), Encode(Precision.F32), 0.1, "int8 and f32");
    }

    [Theory]
    [InlineData("*_proj", 14)]
    [InlineData("*.q_proj", 2)]
    [InlineData("q_proj", 2)]
    [InlineData("model.layers.1.mlp.up_proj", 1)]
    [InlineData(@"model\.layers\.0\..*(gate|up)_proj", 2)]
    [InlineData("model.layers.0.*", 7)]
    public void Targets_of_a_recipe_match_whole_names_patterns_and_last_components(string target, int expected)
    {
        using BiEncoder model = NewModel(TinyModels.Ministral);
        Assert.Equal(expected, Adapted(model, new AdapterOptions { TargetModules = [target] }).Count);
    }

    [Fact]
    public void A_recipe_without_targets_adapts_projections_and_one_with_exclusions_everything_else()
    {
        using BiEncoder model = NewModel(TinyModels.Ministral);
        Assert.Equal(14, Adapted(model, new AdapterOptions()).Count);
        Assert.Equal(12, Adapted(model, new AdapterOptions { ExcludeModules = ["*.q_proj"] }).Count);
        Assert.Equal(14, Adapted(model, new AdapterOptions { ExcludeModules = ["q_proj"] }).Count); // a last component is a target's spelling only
        using CrossEncoder reranker = new(
            TinyModels.NewDecoder(TinyModels.Llama), Parameter.FromValues("score.weight", [1, 48], new float[48]), Pooling.Average);
        Assert.Contains("score", Adapted(reranker, new AdapterOptions { MatchAllLinear = true }));
        Assert.DoesNotContain("score", Adapted(reranker, new AdapterOptions()));
    }

    [Fact]
    public void Contradictory_and_empty_targets_are_refused()
    {
        using BiEncoder model = NewModel(TinyModels.Ministral);
        Assert.Contains("match_all_linear", Refused(new AdapterOptions { MatchAllLinear = true, TargetModules = ["q_proj"] }), StringComparison.Ordinal);
        Assert.Contains(
            "exclude each other", Refused(new AdapterOptions { ExcludeModules = ["k_proj"], TargetModules = ["q_proj"] }), StringComparison.Ordinal);
        Assert.Contains("model.layers.0.self_attn.q_proj", Refused(new AdapterOptions { TargetModules = ["q_projection"] }), StringComparison.Ordinal);
        Assert.Contains("no regular expression", Refused(new AdapterOptions { TargetModules = ["(q_proj"] }), StringComparison.Ordinal);
        PeftOptions backtracking = new() { TargetIsPattern = true, TargetModules = [@"(?=x?)((([a-z.0-9_])+)+)+!"] };
        Assert.Contains("too long", Assert.Throws<ArgumentException>(() => Adapter.Attach(model, backtracking)).Message, StringComparison.Ordinal);

        string Refused(AdapterOptions options) => Assert.Throws<ArgumentException>(() => Adapter.Attach(model, options)).Message;
    }

    [Fact]
    public void First_factors_start_with_the_variance_of_their_rule_and_second_ones_at_zero()
    {
        ModelConfig config = TinyModels.Ministral with { HiddenSize = 512, Layers = 1 };
        (AdapterInitialization, double)[] spreads =
        [
            (AdapterInitialization.XavierNormal, Math.Sqrt(2.0 / (512 + 16))),
            (AdapterInitialization.KaimingUniform, 1 / Math.Sqrt(3 * 512)),
        ];
        foreach ((AdapterInitialization start, double deviation) in spreads)
        {
            using BiEncoder model = NewModel(config);
            Adapter adapter = Adapter.Attach(model, new AdapterOptions { Rank = 16, Initialization = start, TargetModules = ["q_proj"] }, seed: 1);
            float[] a = Values(adapter.Parameters[0]);
            Assert.InRange(Math.Sqrt(a.Average(value => (double)value * value)) / deviation, 0.97, 1.03);
            Assert.InRange(a.Average() / deviation, -0.05, 0.05);
            Assert.All(Values(adapter.Parameters[1]), value => Assert.Equal(0, value));
        }
    }

    [SkippableTheory]
    [InlineData("lora", AdapterInitialization.XavierNormal, "*_proj")]
    [InlineData("dora", AdapterInitialization.KaimingUniform, "*.q_proj", "*.v_proj", "*.down_proj")]
    public void A_recipes_adapter_is_saved_as_the_training_library_saves_it(string kind, AdapterInitialization start, params string[] targets)
    {
        string recording = Golden.Folder("retrieval/bi-ministral3-" + kind), saved = temporary.File("saved");
        using EncoderModel model = EncoderModel.FromPretrained(Golden.Folder("retrieval/common/ministral3"));
        Adapter adapter = Adapter.Attach(
            model, new AdapterOptions { Rank = 4, Alpha = 32, UseDora = kind == "dora", Initialization = start, TargetModules = targets });
        using TensorArchive first = TensorArchive.Open(Path.Combine(recording, "start.safetensors")),
            end = TensorArchive.Open(Path.Combine(recording, "export", "adapter_model.safetensors"));

        // Names inside the wrapper, and keys of the file.
        Assert.Empty(adapter.SetParameters(first.Tensors.Select(tensor => KeyValuePair.Create(tensor.Name, tensor.ToSingleArray()))));
        Assert.Empty(adapter.SetParameters(end.Tensors.Select(tensor => KeyValuePair.Create(tensor.Name, tensor.ToSingleArray()))));
        adapter.Save(saved, "common/ministral3");
        foreach (string file in (string[])["adapter_config.json", "automodel_peft_config.json", "adapter_model.safetensors"])
            Assert.Equal(
                Convert.ToHexString(File.ReadAllBytes(Path.Combine(recording, "export", file))),
                Convert.ToHexString(File.ReadAllBytes(Path.Combine(saved, file))));
        adapter.Detach();
        Adapter again = Adapter.Load(model, saved);
        Assert.Equal(adapter.Parameters.Select(parameter => parameter.Name).Order(), again.Parameters.Select(parameter => parameter.Name).Order());
        again.Save(temporary.File("again"));
        Assert.True(
            JsonNode.DeepEquals(
                JsonNode.Parse(File.ReadAllText(Path.Combine(saved, "automodel_peft_config.json"))),
                JsonNode.Parse(File.ReadAllText(temporary.File("again/automodel_peft_config.json")))));
    }

    [Fact]
    public void A_recipes_adapter_repeats_what_the_recipe_says_beside_its_mathematics()
    {
        using BiEncoder model = NewModel(TinyModels.Ministral);
        AutoModelAdapterFields written = new()
        {
            TargetIsText = true,
            Initialization = "uniform",
            ElementType = "torch.bfloat16",
            IsMemoryEfficient = false,
            UsesTriton = true,
            ScalesRankOfExperts = true,
            ExpertWeightFormat = "fp8",
        };
        Adapter adapter = Adapter.Attach(
            model, new AdapterOptions { TargetModules = ["*.q_proj"], Initialization = AdapterInitialization.KaimingUniform, AsWritten = written });
        adapter.Save(temporary.File("fields"));
        Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse("""
                {"dropout": 0.0, "dropout_position": "post", "exclude_modules": [], "expert_weight_format": "fp8", "lora_A_init": "uniform",
                  "lora_dtype": "torch.bfloat16", "match_all_linear": false,
                 "moe_rank_scaling": true, "target_modules": "*.q_proj", "use_dora": false, "use_memory_efficient_lora": false, "use_triton": true}
                """),
            JsonNode.Parse(File.ReadAllText(temporary.File("fields/automodel_peft_config.json")))));
    }

    [SkippableTheory]
    [InlineData("lora", AdapterInitialization.XavierNormal, "*_proj")]
    [InlineData("dora", AdapterInitialization.KaimingUniform, "*.q_proj", "*.v_proj", "*.down_proj")]
    public void The_first_step_of_a_recipe_has_the_recorded_scores_and_gradients(string kind, AdapterInitialization start, params string[] targets)
    {
        string recording = Golden.Folder("retrieval/bi-ministral3-" + kind);
        using BiEncoder model = (BiEncoder)EncoderModel.FromPretrained(Golden.Folder("retrieval/common/ministral3"));
        model.Adjust(Pooling.Average, normalize: true);
        Adapter adapter = Adapter.Attach(
            model, new AdapterOptions { Rank = 4, Alpha = 32, UseDora = kind == "dora", Initialization = start, TargetModules = targets });
        using TensorArchive first = TensorArchive.Open(Path.Combine(recording, "start.safetensors")),
            batches = TensorArchive.Open(Path.Combine(recording, "batches.safetensors"));
        using TensorArchive gradients = TensorArchive.Open(Path.Combine(recording, "step0-gradients.safetensors"));
        adapter.SetParameters(first.Tensors.Select(tensor => KeyValuePair.Create(tensor.Name, tensor.ToSingleArray())));
        ParameterArena arena = new(adapter.Parameters);
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        for (int micro = 0; micro < 2; micro++)
        {
            string prefix = $"step0.micro{micro}.";
            using Tape tape = new();
            using Scope f = context.BeginScope(Precision.F32, tape);
            Tensor queries = Encode(f, prefix + "q_"), passages = Encode(f, prefix + "d_"), scores = f.GroupScores(queries, passages, 1 / 0.02f);
            Golden.AssertClose(scores.ToArray(), batches[prefix + "scores"].ToSingleArray(), 2e-5, "scores");
            tape.Backward(f.Scale(f.CrossEntropy(scores, new int[scores.Rows]), 0.5f));
        }

        Assert.Equal(gradients.Tensors.Select(tensor => tensor.Name).Order(), adapter.Parameters.Select(parameter => parameter.Name).Order());
        foreach (Parameter parameter in adapter.Parameters)
            Golden.AssertClose(
                parameter.Gradient!.Span(0, (int)parameter.Count), gradients[parameter.Name].ToSingleArray(), 1e-4, "gradient of " + parameter.Name);

        Tensor Encode(Scope f, string side)
        {
            StoredTensor tokens = batches[side + "input_ids"];
            PaddedBatch batch = PaddedBatch.Create(
                (int)tokens.Shape[0], (int)tokens.Shape[1], batches[side + "attention_mask"].ToInt64Array(), PositionCount.Columns);
            return model.Encode(f, batch.Tokens(tokens.ToInt64Array(), side), batch.Segments);
        }
    }

    [Fact]
    public void Folders_of_another_rank_base_or_kind_are_refused_with_file_and_key()
    {
        using BiEncoder model = NewModel(TinyModels.Ministral),
            other = NewModel(TinyModels.Ministral with { HiddenSize = 32 }),
            deeper = NewModel(TinyModels.Ministral with { Layers = 3 }),
            shallower = NewModel(TinyModels.Ministral with { Layers = 1 });
        string folder = temporary.File("adapter"), config = Path.Combine(folder, "adapter_config.json");
        Adapter.Attach(model, new AdapterOptions { Rank = 4 }).Save(folder, "base");
        Assert.Contains("lora_A.weight' is [4, 48], expected [4, 32]", Refused<InvalidDataException>(other), StringComparison.Ordinal);
        Assert.Contains("'base_model.model.layers.1.", Refused<InvalidDataException>(shallower), StringComparison.Ordinal);
        string text = File.ReadAllText(config);
        void Rewrite(string key, JsonNode value)
        {
            JsonObject json = JsonNode.Parse(text)!.AsObject();
            json[key] = value;
            File.WriteAllText(config, json.ToJsonString());
        }

        Rewrite("target_modules", new JsonArray("q_proj"));
        Assert.Contains("layers.2.self_attn.q_proj", Refused<InvalidDataException>(deeper), StringComparison.Ordinal);
        Rewrite("r", 8);
        Assert.Contains("expected [8, 48] for rank 8", Refused<InvalidDataException>(model), StringComparison.Ordinal);
        Rewrite("r", "four");
        Assert.Contains("r is \"four\"", Refused<InvalidDataException>(model), StringComparison.Ordinal);
        Rewrite("use_dora", true);
        Assert.Contains("not its magnitude", Refused<InvalidDataException>(model), StringComparison.Ordinal);
        foreach (string start in new[] { "pissa", "pissa_niter_16", "OLoRA", "corda", "loftq", "lora_ga" })
        {
            Rewrite("init_lora_weights", start);
            Assert.Contains($"init_lora_weights is {start}", Refused<NotSupportedException>(model), StringComparison.Ordinal);
        }

        Rewrite("rank_pattern", new JsonObject { ["(q_proj"] = 2 });
        Assert.Contains("no regular expression", Refused<InvalidDataException>(model), StringComparison.Ordinal);
        Rewrite("peft_type", "IA3");
        Assert.Contains("IA3", Refused<NotSupportedException>(model), StringComparison.Ordinal);
        File.WriteAllText(config, text);
        File.Delete(Path.Combine(folder, "adapter_model.safetensors"));
        Assert.Contains("adapter_model.safetensors", Refused<FileNotFoundException>(model), StringComparison.Ordinal);

        string Refused<T>(PretrainedModel on)
            where T : Exception
        {
            on.Adapter?.Detach();
            string message = Assert.Throws<T>(() => Adapter.Load(on, folder)).Message;
            Assert.Contains(folder, message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', message);
            Assert.Null(on.Adapter);
            return message;
        }
    }

    [Theory]
    [InlineData("embed_tokens")]
    [InlineData("lm_head")]
    public void Adapters_of_tied_tables_are_refused(string table)
    {
        using BiEncoder model = NewModel(TinyModels.Ministral);
        string folder = Saved(model, json => (json["ensure_weight_tying"], json["target_modules"]) = (true, new JsonArray("q_proj", table)));
        Assert.Contains(
            "ensure_weight_tying is set", Assert.Throws<NotSupportedException>(() => Adapter.Load(model, folder)).Message, StringComparison.Ordinal);
    }

    [Theory] // peft: linear layers have neither a transposed weight nor, here, biases; these starts leave the base as it is
    [InlineData("bias", "\"all\"")]
    [InlineData("bias", "\"lora_only\"")]
    [InlineData("fan_in_fan_out", "true")]
    [InlineData("ensure_weight_tying", "true")]
    [InlineData("init_lora_weights", "\"gaussian\"")]
    [InlineData("init_lora_weights", "\"eva\"")]
    [InlineData("target_modules", "\"All-Linear\"")]
    [InlineData("target_parameters", "[]")]
    [InlineData("layer_replication", "[]")]
    [InlineData("trainable_token_indices", "{}")]
    public void Settings_that_leave_the_arithmetic_alone_are_taken(string key, string value)
    {
        using BiEncoder model = NewModel(TinyModels.Ministral);
        string folder = Saved(model, json => json[key] = JsonNode.Parse(value));
        Assert.Equal(2 * 14, Adapter.Load(model, folder).Parameters.Count);
    }

    [Theory]
    [InlineData("target_parameters", "[\"mlp.experts.gate_up_proj\"]")]
    [InlineData("alora_invocation_tokens", "[]")] // peft asks only whether there is a list
    [InlineData("arrow_config", "{}")]
    public void Settings_of_kinds_of_adapter_that_are_not_built_are_refused(string key, string value)
    {
        using BiEncoder model = NewModel(TinyModels.Ministral);
        string folder = Saved(model, json => json[key] = JsonNode.Parse(value));
        Assert.Contains($"{key} is set", Assert.Throws<NotSupportedException>(() => Adapter.Load(model, folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_adapter_is_named_and_not_the_model_that_it_is_on()
    {
        using BiEncoder model = NewModel(TinyModels.Ministral);
        string folder = temporary.File("damaged");
        Adapter adapter = Adapter.Attach(model, new AdapterOptions { Rank = 2 });
        Parameter damaged = adapter.Parameters[0];
        float[] values = new float[damaged.Count];
        values[3] = float.NaN;
        damaged.SetValues(values);
        adapter.Save(folder, "base");
        adapter.Detach();
        Adapter.Load(model, folder);
        string message = Assert.Throws<InvalidDataException>(() => model.RequireFinite([float.NaN], "an embedding")).Message;
        Assert.StartsWith(Path.Combine(folder, "adapter_model.safetensors") + ": an embedding is not a finite number", message, StringComparison.Ordinal);
        Assert.Contains($"tensor 'base_model.{damaged.Name}' holds values that are not", message, StringComparison.Ordinal);
        Assert.EndsWith("download the adapter again", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("base_model.model.norm.weight", "replaces a norm")]
    [InlineData("base_model.model.layers.1.input_layernorm.weight", "replaces a norm")]
    [InlineData("base_model.model.layers.0.self_attn.q_proj.base_layer.bias", "replaces a bias")]
    public void Norms_and_biases_in_an_adapters_file_are_refused_by_name(string name, string message)
    {
        using BiEncoder model = NewModel(TinyModels.Ministral);
        string folder = Saved(model, _ => { }), file = Path.Combine(folder, "adapter_model.safetensors"), more = temporary.File("more.safetensors");
        using (TensorArchive archive = TensorArchive.Open(file))
        {
            SafetensorsWriter.Write(
                more, [.. archive.Tensors.Select(tensor => OutgoingTensor.Copy(tensor)), OutgoingTensor.Create<float>(name, [48], new float[48])]);
        }
        File.Move(more, file, overwrite: true);
        string refused = Assert.Throws<NotSupportedException>(() => Adapter.Load(model, folder)).Message;
        Assert.Contains(name, refused, StringComparison.Ordinal);
        Assert.Contains(message, refused, StringComparison.Ordinal);
    }

    /// <summary>A folder with a fresh adapter of every projection, whose configuration was changed afterwards; the model is left without it.</summary>
    private string Saved(BiEncoder model, Action<JsonObject> change)
    {
        string folder = temporary.File("saved"), config = Path.Combine(folder, "adapter_config.json");
        Adapter adapter = Adapter.Attach(model, new AdapterOptions { Rank = 2 });
        adapter.Save(folder, "base");
        adapter.Detach();
        JsonObject json = JsonNode.Parse(File.ReadAllText(config))!.AsObject();
        change(json);
        File.WriteAllText(config, json.ToJsonString());
        return folder;
    }

    private static BiEncoder NewModel(ModelConfig config) => new(TinyModels.NewDecoder(config), new EncoderSettings());

    private static List<string> Adapted(PretrainedModel model, AdapterOptions options)
    {
        Adapter adapter = Adapter.Attach(model, options);
        List<string> names = [.. model.Projections.Where(projection => projection.Update is not null).Select(projection => projection.Name)];
        adapter.Detach();
        return names;
    }

    private static void Randomise(Adapter adapter)
    {
        Random random = new(4);
        foreach (Parameter parameter in adapter.Parameters)
            parameter.SetValues([.. Values(parameter).Select(value => value + (0.1f * (random.NextSingle() - 0.5f)))]);
    }

    private static float[] Values(Parameter parameter)
    {
        float[] values = new float[parameter.Count];
        parameter.CopyTo(values);
        return values;
    }
}
