using System.Text.Json.Nodes;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models.Tests.Adapters;

/// <summary>Adapters that peft made (goldens/adapters): results, gradients, three steps of AdamW, folders and merged weights.</summary>
public sealed class AdapterGoldenTests : IDisposable
{
    private readonly TemporaryFolder temporary = new();

    public static TheoryData<string> Names { get; } =
    [
        "lora-attention", "lora-all-linear", "lora-bf16", "lora-bidirectional", "lora-embedding-head", "lora-head-full", "lora-layers", "lora-llama",
        "lora-patterns",
        "lora-regex", "lora-rslora", "dora-all-linear", "dora-bidirectional", "dora-llama", "dora-patterns",
    ];

    public void Dispose() => temporary.Dispose();

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public void Results_gradients_and_three_steps_are_those_of_peft(string name)
    {
        using Golden golden = new(name);
        using PretrainedModel model = golden.Open();
        Adapter adapter = Adapter.Load(model, golden.Folder);
        Assert.Equal(golden.Facts["trainable_parameters"]!.GetValue<long>(), adapter.Parameters.Sum(parameter => parameter.Count));
        Assert.All(model.Parameters.Except(adapter.Parameters), parameter => Assert.False(parameter.Trainable));
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        Models.Tests.Golden.AssertClose(golden.Results(context, model, out _), golden.Real("logits.adapter"), golden.Exact ? 1e-4 : 5e-2, "logits");

        ParameterArena arena = new(adapter.Parameters);
        foreach (bool recompute in new[] { true, false })
        {
            model.Decoder.Recompute = recompute;
            arena.ZeroGradients();
            float loss = golden.Backward(context, model);
            Assert.Equal(golden.Losses[0], loss, golden.Exact ? 1e-4f : 2e-2f);
            if (!golden.Exact) continue;
            foreach (Parameter parameter in adapter.Parameters)
                Models.Tests.Golden.AssertClose(
                    parameter.Gradient!.Span(0, (int)parameter.Count),
                    golden.Tensors["grad." + AdapterNames.Key(parameter.Name)].ToSingleArray(),
                    1e-4,
                    "gradient of " + parameter.Name);
        }

        AdamW optimizer = new(arena);
        for (int step = 1; step <= 3; step++)
        {
            optimizer.Step();
            if (golden.Exact)
            {
                foreach (Parameter parameter in adapter.Parameters)
                {
                    float[] expected = golden.Tensors[$"step{step}.{AdapterNames.Key(parameter.Name)}"].ToSingleArray(), actual = Values(parameter);
                    Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
                }
            }

            Assert.Equal(golden.Losses[step], golden.Backward(context, model), golden.Exact ? 1e-3f : 4e-2f);
        }

        adapter.Detach();
        Models.Tests.Golden.AssertClose(
            golden.Results(context, model, out _), golden.Real("logits.base"), golden.Exact ? 1e-4 : 5e-2, "logits without the adapter");
    }

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public void A_folder_is_saved_as_it_was_loaded(string name)
    {
        using Golden golden = new(name);
        using PretrainedModel model = golden.Open();
        string saved = temporary.File("saved");
        Adapter.Load(model, golden.Folder).Save(saved);
        Assert.True(JsonNode.DeepEquals(Json(Path.Combine(golden.Folder, "adapter_config.json")), Json(Path.Combine(saved, "adapter_config.json"))));
        using TensorArchive before = TensorArchive.Open(Path.Combine(golden.Folder, "adapter_model.safetensors")),
            after = TensorArchive.Open(Path.Combine(saved, "adapter_model.safetensors"));
        Assert.Equal(before.Tensors.Select(tensor => tensor.Name), after.Tensors.Select(tensor => tensor.Name));
        Assert.Equal(before.Metadata, after.Metadata);
        foreach (StoredTensor tensor in before.Tensors)
        {
            Assert.Equal(tensor.Shape.ToArray(), after[tensor.Name].Shape.ToArray());
            Assert.Equal(tensor.Type, after[tensor.Name].Type);
            Assert.True(tensor.Bytes.SequenceEqual(after[tensor.Name].Bytes), tensor.Name);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public void Merging_changes_the_adapted_weights_and_nothing_else(string name)
    {
        using Golden golden = new(name);
        string merged = temporary.File("merged");
        Adapter.Merge(golden.Base, golden.Folder, merged);
        Assert.Equal(Directory.GetFiles(golden.Base).Select(Path.GetFileName).Order(), Directory.GetFiles(merged).Select(Path.GetFileName).Order());
        using TensorArchive before = TensorArchive.Open(golden.Base), after = TensorArchive.Open(merged);
        HashSet<string> changed = [.. golden.Facts["merged"]!.AsArray().Select(node => node!.GetValue<string>())];
        foreach (StoredTensor tensor in before.Tensors)
        {
            Assert.Equal(tensor.Type, after[tensor.Name].Type);
            if (changed.Contains(tensor.Name))
            {
                Models.Tests.Golden.AssertClose(
                    after[tensor.Name].ToSingleArray(), golden.Tensors["merged." + tensor.Name].ToSingleArray(), golden.Exact ? 1e-5 : 8e-3, tensor.Name);
            }
            else Assert.True(tensor.Bytes.SequenceEqual(after[tensor.Name].Bytes), tensor.Name);
        }
    }

    [SkippableTheory]
    [InlineData("dora-bidirectional")]
    [InlineData("lora-embedding-head")]
    [InlineData("lora-head-full")]
    public void An_adapted_model_is_saved_as_what_it_computes(string name)
    {
        using Golden golden = new(name);
        string saved = temporary.File("model");
        using (PretrainedModel model = golden.Open())
        {
            Adapter.Load(model, golden.Folder);
            if (model is BiEncoder encoder) encoder.Save(saved);
            else if (model is CrossEncoder reranker) reranker.Save(saved);
            else ((CausalModel)model).Save(saved);
        }

        using PretrainedModel again = PretrainedModel.Open(saved);
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        Models.Tests.Golden.AssertClose(golden.Results(context, again, out _), golden.Real("logits.merged"), 1e-4, "logits of the saved model");
    }

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public void The_same_configuration_selects_the_same_modules_with_the_same_scales(string name)
    {
        using Golden golden = new(name);
        using PretrainedModel model = golden.Open();
        Adapter adapter = Adapter.Attach(model, AdapterConfig.Read(golden.Folder).Options, seed: 5);
        Dictionary<string, (int Rank, double Scale)> actual = model.Projections.Where(projection => projection.Update is not null)
            .ToDictionary(model.ModuleName, projection => (projection.Update!.Rank, Math.Round(projection.Update.Scale, 5)));
        Dictionary<string, (int Rank, double Scale)> expected = golden.Facts["modules"]!.AsObject()
            .ToDictionary(module => module.Key, module => (module.Value!["r"]!.GetValue<int>(), Math.Round(module.Value["scaling"]!.GetValue<double>(), 5)));
        Assert.Equal(expected.OrderBy(module => module.Key), actual.OrderBy(module => module.Key));

        // A fresh adapter changes nothing; DoRA's lengths are those of the base weights.
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        Models.Tests.Golden.AssertClose(
            golden.Results(context, model, out _), golden.Real("logits.base"), golden.Exact ? 1e-4 : 5e-2, "logits of a fresh adapter");
        foreach (Parameter parameter in adapter.Parameters.Where(parameter => parameter.Name.EndsWith(AdapterNames.Magnitude, StringComparison.Ordinal)))
            Models.Tests.Golden.AssertClose(
                Values(parameter), golden.Tensors["fresh." + AdapterNames.Key(parameter.Name)].ToSingleArray(), 1e-6, parameter.Name);
    }

    private static JsonNode Json(string file) => JsonNode.Parse(File.ReadAllText(file))!;

    private static float[] Values(Parameter parameter)
    {
        float[] values = new float[parameter.Count];
        parameter.CopyTo(values);
        return values;
    }

    /// <summary>AdamW in double, from its paper, with the goldens' settings: lr 0.01, β 0.9 and 0.95, ε 1e-8, decay 0.1.</summary>
    private sealed class AdamW(ParameterArena arena)
    {
        private readonly double[] first = new double[arena.Length], second = new double[arena.Length];
        private int step;

        public void Step()
        {
            step++;
            Span<float> values = arena.Masters.Span(0, (int)arena.Length), gradients = arena.Gradients.Span(0, (int)arena.Length);
            for (int i = 0; i < values.Length; i++)
            {
                first[i] += 0.1 * (gradients[i] - first[i]);
                second[i] += 0.05 * (((double)gradients[i] * gradients[i]) - second[i]);
                double update = first[i] / (1 - Math.Pow(0.9, step)) / (Math.Sqrt(second[i] / (1 - Math.Pow(0.95, step))) + 1e-8);
                values[i] = (float)((values[i] * (1 - (0.01 * 0.1))) - (0.01 * update));
            }

            arena.MastersChanged();
            arena.ZeroGradients();
        }
    }

    /// <summary>One recording: its base model, its batch, and what the model of its kind computes.</summary>
    private sealed class Golden : IDisposable
    {
        private readonly PaddedBatch batch;
        private readonly int[] ids;

        public Golden(string name)
        {
            Folder = Models.Tests.Golden.Folder("adapters/" + name);
            Tensors = TensorArchive.Open(Path.Combine(Folder, "goldens.safetensors"));
            Facts = Json(Path.Combine(Folder, "goldens.json"));
            Base = Path.GetFullPath(Path.Combine(Folder, "..", Facts["base"]!.GetValue<string>()));
            Exact = Facts["dtype"]!.GetValue<string>() == "float32";
            Losses = [.. Facts["losses"]!.AsArray().Select(loss => loss!.GetValue<float>())];
            StoredTensor tokens = Tensors["batch.input_ids"];
            batch = PaddedBatch.Create((int)tokens.Shape[0], (int)tokens.Shape[1], Tensors["batch.attention_mask"].ToInt64Array(), PositionCount.Columns);
            ids = batch.Tokens(tokens.ToInt64Array(), "input_ids");
        }

        public string Folder { get; }

        public string Base { get; }

        public bool Exact { get; }

        public float[] Losses { get; }

        public TensorArchive Tensors { get; }

        public JsonNode Facts { get; }

        public void Dispose() => Tensors.Dispose();

        public PretrainedModel Open()
        {
            PretrainedModel model = PretrainedModel.Open(Base);
            if (model is BiEncoder encoder) encoder.Adjust(Pooling.Average, normalize: true);
            return model;
        }

        /// <summary>Logits of real tokens, vectors or scores.</summary>
        public float[] Results(ComputeContext context, PretrainedModel model, out float loss)
        {
            using Scope f = context.BeginScope();
            Tensor results = Forward(f, model);
            loss = Loss(f, model, results).Scalar();
            if (model is CausalModel causal) results = causal.Logits(f, results);
            return results.ToArray();
        }

        /// <summary>The recording's logits, without rows of padding.</summary>
        public float[] Real(string name)
        {
            StoredTensor tensor = Tensors[name];
            return tensor.Shape.Length == 3 ? batch.TokenRows(tensor.ToSingleArray(), (int)tensor.Shape[2]) : tensor.ToSingleArray();
        }

        public float Backward(ComputeContext context, PretrainedModel model)
        {
            using Tape tape = new();
            using Scope f = context.BeginScope(Precision.F32, tape);
            Tensor loss = Loss(f, model, Forward(f, model));
            tape.Backward(loss);
            return loss.Scalar();
        }

        private Tensor Forward(Scope f, PretrainedModel model) => model switch
        {
            BiEncoder encoder => encoder.Encode(f, ids, batch.Segments),
            CrossEncoder reranker => reranker.Score(f, ids, batch.Segments),
            _ => model.Decoder.Forward(f, ids, batch.Segments, model.Config.Mask(causal: true)),
        };

        private Tensor Loss(Scope f, PretrainedModel model, Tensor results)
        {
            switch (model)
            {
                case CausalModel causal:
                    return causal.Loss(f, results, batch.ShiftedLabels(Tensors["batch.labels"].ToInt64Array()));
                case CrossEncoder:
                    int[] pairs = [.. Enumerable.Range(0, results.Rows / 2).Select(i => 2 * i)], others = [.. pairs.Select(row => row + 1)];
                    Tensor all = f.Add(Spread(f, f.GatherRows(results, pairs), 0), Spread(f, f.GatherRows(results, others), 1));
                    return f.CrossEntropy(all, new int[pairs.Length]);
                default:
                    Tensor queries = f.GatherRows(results, [0, 1]), passages = f.GatherRows(results, [2, 3, 4, 5]);
                    Tensor scores = f.GroupScores(queries, passages, 2f);
                    return f.CrossEntropy(scores, new int[2]);
            }
        }

        /// <summary>A column of scores as one of two columns.</summary>
        private static Tensor Spread(Scope f, Tensor column, int place) => f.Scores(column, f.Upload(place == 0 ? [1, 0] : [0, 1], 2, 1));
    }
}
