using System.Numerics.Tensors;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models.Tests;

public sealed class SentenceTransformersTests : IDisposable
{
    private static readonly EmbedderOptions F32 = new() { Precision = Precision.F32, Threads = 2 };
    private readonly TemporaryFolder temporary = new();

    public void Dispose() => temporary.Dispose();

    [SkippableTheory]
    [InlineData("dense")]
    [InlineData("dense-identity-two")]
    [InlineData("exclude-prompt")]
    [InlineData("legacy-layout")]
    [InlineData("lower-case")]
    [InlineData("matryoshka")]
    [InlineData("normalize-prompts")]
    [InlineData("pool-cls")]
    [InlineData("pool-cls-left")]
    [InlineData("pool-lasttoken-left")]
    [InlineData("pool-lasttoken-right")]
    [InlineData("pool-max")]
    [InlineData("pool-mean")]
    [InlineData("pool-mean-max-concatenated")]
    [InlineData("pool-mean_sqrt_len_tokens")]
    [InlineData("pool-weightedmean")]
    [InlineData("pool-weightedmean-left")]
    [InlineData("short-max-length")]
    public void A_folder_embeds_as_the_library_does(string name)
    {
        string folder = Golden.SentenceTransformers(name, temporary);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "goldens.json")));
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        string[] texts = Strings(json, "texts"), queries = Strings(json, "queries");

        using Embedder embedder = Embedder.FromPretrained(folder, F32);
        Compare(golden, "embeddings.single", embedder.Embed(texts));
        foreach (string prompt in json.RootElement.GetProperty("prompts").EnumerateObject().Select(property => property.Name))
            Compare(golden, "embeddings.prompt." + prompt, embedder.Embed(queries, promptName: prompt));
        Compare(golden, "embeddings.prompt_text", embedder.Embed(queries, prompt: json.RootElement.GetProperty("prompt_text").GetString()));
        Compare(golden, "encode_query", embedder.Embed(queries, prompt: embedder.QueryPrompt));
        Compare(golden, "encode_document", embedder.Embed(queries, prompt: embedder.DocumentPrompt));

        using Embedder normalized = Embedder.FromPretrained(folder, F32 with { Normalize = true });
        Compare(golden, "embeddings.normalize_embeddings", normalized.Embed(texts), batched: name);
        foreach (int dimensions in new[] { 8, 17 })
        {
            using Embedder cut = Embedder.FromPretrained(folder, F32 with { Dimensions = dimensions });
            Compare(golden, $"embeddings.truncate_{dimensions}", cut.Embed(texts), batched: name);
            using Embedder both = Embedder.FromPretrained(folder, F32 with { Dimensions = dimensions, Normalize = true });
            Compare(golden, $"embeddings.truncate_{dimensions}.normalize_embeddings", both.Embed(texts), batched: name);
            foreach (Embedder each in (Embedder[])[embedder, normalized, cut, both])
                Assert.Equal(each.Normalized, Array.TrueForAll(each.Embed(queries), vector => Math.Abs(TensorPrimitives.Norm<float>(vector) - 1) < 1e-5f));
        }
    }

    [SkippableTheory]
    [InlineData("cross-encoder")]
    [InlineData("cross-encoder-identity")]
    [InlineData("cross-encoder-three-labels")]
    public void A_cross_encoder_folder_scores_as_the_library_does(string name)
    {
        string folder = Golden.SentenceTransformers(name, temporary);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "goldens.json")));
        using TensorArchive golden = TensorArchive.Open(Path.Combine(folder, "goldens.safetensors"));
        (string, string)[] pairs = [.. json.RootElement.GetProperty("pairs").EnumerateArray().Select(pair => (pair[0].GetString()!, pair[1].GetString()!))];
        using Reranker reranker = Reranker.FromPretrained(folder, new RerankerOptions { Precision = Precision.F32, Threads = 2 });
        Golden.AssertClose(Flat(reranker.Score(pairs)), golden["scores"].ToSingleArray(), 2e-5, name);
        using Reranker raw = Reranker.FromPretrained(folder, new RerankerOptions { Precision = Precision.F32, Threads = 2, Raw = true });
        Golden.AssertClose(Flat(raw.Score(pairs)), golden["scores.raw"].ToSingleArray(), 2e-5, name + " raw");
    }

    [SkippableTheory]
    [InlineData("""{"max_seq_length": 20}""", 20)]
    [InlineData("""{"max_seq_length": 20, "tokenizer_args": {"model_max_length": 40}}""", 40)]
    [InlineData("""{"max_seq_length": 20, "processor_kwargs": {"model_max_length": 50}}""", 50)]
    [InlineData("""{"max_seq_length": 512}""", 512)]
    [InlineData("""{"processor_kwargs": {"model_max_length": 1e30}}""", 1024)]
    [InlineData("{}", 24)]
    public void The_folders_limit_takes_the_place_of_the_tokenizers(string settings, int expected)
    {
        string folder = temporary.Copy(Golden.SentenceTransformers("short-max-length", temporary));
        File.WriteAllText(Path.Combine(folder, "sentence_bert_config.json"), settings);
        string config = Path.Combine(folder, "config.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(config))!.AsObject();
        json["max_position_embeddings"] = 1024;
        File.WriteAllText(config, json.ToJsonString());
        using Embedder embedder = Embedder.FromPretrained(folder, F32);
        Assert.Equal(expected, embedder.MaxLength);
        using Embedder shorter = Embedder.FromPretrained(folder, F32 with { MaxLength = 12 });
        Assert.Equal(12, shorter.MaxLength);
    }

    [SkippableFact]
    public void A_cross_encoder_follows_its_folders_length_lower_casing_and_prompts()
    {
        string original = Golden.SentenceTransformers("cross-encoder", temporary), folder = temporary.Copy(original);
        RerankerOptions options = new() { Precision = Precision.F32, Threads = 1 };
        File.WriteAllText(Path.Combine(folder, "sentence_bert_config.json"), """{"max_seq_length": 30, "do_lower_case": true}""");
        string settings = Path.Combine(folder, "config_sentence_transformers.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(settings))!.AsObject();
        json["prompts"] = new JsonObject { ["web"] = "web: ", ["none"] = "" };
        json["default_prompt_name"] = "web";
        File.WriteAllText(settings, json.ToJsonString());
        string document = "Picture Viewer " + string.Concat(Enumerable.Repeat("for X ", 40));
        using Reranker plain = Reranker.FromPretrained(original, options with { MaxLength = 30 }), changed = Reranker.FromPretrained(folder, options);
        Assert.Equal(30, changed.MaxLength);
        Assert.Equal(plain.Score([("web: image viewer", document.ToLowerInvariant())])[0], changed.Score([("Image Viewer", document)])[0]);
        using Reranker bare = Reranker.FromPretrained(folder, options with { PromptName = "none" }),
            given = Reranker.FromPretrained(folder, options with { Prompt = "find: " });
        Assert.Equal(plain.Score([("image", "viewer")])[0], bare.Score([("image", "viewer")])[0]);
        Assert.Equal(plain.Score([("find: image", "viewer")])[0], given.Score([("image", "viewer")])[0]);
        Assert.Contains(
            "it has web, none",
            Assert.Throws<ArgumentException>(() => Reranker.FromPretrained(folder, options with { PromptName = "query" })).Message,
            StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_cut_to_more_dimensions_than_there_are_keeps_them_all()
    {
        using Embedder embedder = Embedder.FromPretrained(Golden.SentenceTransformers("dense", temporary), F32 with { Dimensions = 4000 }),
            whole = Embedder.FromPretrained(Golden.SentenceTransformers("dense", temporary), F32);
        Assert.Equal(whole.Embed("a text"), embedder.Embed("a text"));
    }

    [SkippableTheory]
    [InlineData("max", false)]
    [InlineData("cls", false)]
    [InlineData("mean", true)]
    [InlineData("weightedmean", true)]
    [InlineData("lasttoken", true)]
    [InlineData("mean_sqrt_len_tokens", true)]
    public void Without_the_prompt_weights_still_count_its_places_and_an_empty_text_has_its_first_token(string mode, bool zeros)
    {
        string folder = temporary.Copy(Golden.SentenceTransformers("exclude-prompt", temporary)), pooling = Path.Combine(folder, "1_Pooling", "config.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(pooling))!.AsObject();
        json["pooling_mode"] = mode;
        File.WriteAllText(pooling, json.ToJsonString());
        using BiEncoder encoder = (BiEncoder)EncoderModel.FromPretrained(folder);
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using Scope f = context.BeginScope(Precision.F32);
        int width = encoder.Config.HiddenSize, prompt = 3;
        float[] rows = [.. Enumerable.Range(0, 9 * width).Select(i => MathF.Sin(i))];
        Segments segments = Segments.FromLengths([6, 3]);
        float[] vectors = encoder.Pool(f, f.Upload(rows, 9, width), segments, [prompt, prompt]).ToArray();

        // Column index + 1 under a mask without the prompt, as sentence-transformers' Pooling.forward computes each mode.
        double[] expected = new double[width];
        for (int c = 0; c < width; c++)
        {
            (int Place, double Value)[] kept = [.. Enumerable.Range(prompt, 6 - prompt).Select(i => (i + 1, (double)rows[(i * width) + c]))];
            expected[c] = mode switch
            {
                "max" => kept.Max(token => token.Value),
                "cls" => kept[0].Value,
                "lasttoken" => kept[^1].Value,
                "mean" => kept.Average(token => token.Value),
                "mean_sqrt_len_tokens" => kept.Sum(token => token.Value) / Math.Sqrt(kept.Length),
                _ => kept.Sum(token => token.Value * token.Place) / kept.Sum(token => token.Place),
            };
        }

        Golden.AssertClose(vectors.AsSpan(0, width), [.. expected.Select(value => (float)value)], 1e-6, mode);
        if (zeros) Assert.All(vectors.AsSpan(width).ToArray(), value => Assert.Equal(0, value));
        if (mode == "cls") Assert.Equal(rows[(6 * width)..(7 * width)], vectors[width..]);
    }

    /// <summary>Classes of torch.nn and what the formulas of its documentation give for -3, -0.7, 0.3 and 25, computed with CPython 3.11 in f64.</summary>
    public static TheoryData<string, float[]> TorchActivations => new()
    {
        { "torch.nn.modules.activation.LeakyReLU", [-0.03f, -0.007f, 0.3f, 25] },
        { "torch.nn.modules.activation.ELU", [-0.95021293f, -0.50341470f, 0.3f, 25] },
        { "torch.nn.modules.activation.CELU", [-0.95021293f, -0.50341470f, 0.3f, 25] },
        { "torch.nn.modules.activation.SELU", [-1.670568729f, -0.8850530456f, 0.3152102962f, 26.26752468f] },
        { "torch.nn.modules.activation.Softplus", [0.04858735157f, 0.4031860489f, 0.8543552445f, 25] },
        { "torch.nn.modules.activation.Mish", [-0.1456474613f, -0.2678702348f, 0.2080013723f, 25] },
        { "torch.nn.modules.activation.Hardtanh", [-1, -0.7f, 0.3f, 1] },
        { "torch.nn.modules.activation.ReLU6", [0, 0, 0.3f, 6] },
        { "torch.nn.modules.activation.Hardsigmoid", [0, 0.38333333f, 0.55f, 1] },
        { "torch.nn.modules.activation.Hardswish", [0, -0.26833333f, 0.165f, 25] },
        { "torch.nn.modules.activation.LogSigmoid", [-3.04858735f, -1.10318603f, -0.55435524f, -1.3887944e-11f] },
        { "torch.nn.modules.activation.Softsign", [-0.75f, -0.41176471f, 0.23076923f, 0.96153846f] },
        { "torch.nn.modules.activation.Tanhshrink", [-2.004945246f, -0.09563222288f, 0.008687387548f, 24] },
        { "torch.nn.modules.activation.Softshrink", [-2.5f, -0.2f, 0, 24.5f] },
        { "torch.nn.modules.activation.Hardshrink", [-3, -0.7f, 0, 25] },
        { "torch.nn.modules.activation.RReLU", [-0.6875f, -0.16041667f, 0.3f, 25] },
        { "my_package.layers.Cube", [-0.99505475f, -0.60436778f, 0.29131261f, 1] }, // not trusted: the default, Tanh
    };

    [SkippableTheory]
    [MemberData(nameof(TorchActivations))]
    public void A_dense_module_ends_with_any_activation_of_torch_and_may_add_its_input(string path, float[] expected)
    {
        foreach (bool residual in new[] { false, true })
        {
            // The identity as the weight: what the module does beyond the product is left. A residual of other width has a matrix, here its double.
            string folder = Directory.CreateDirectory(temporary.File("dense-" + residual)).FullName;
            float[] identity = [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0];
            File.WriteAllText(Path.Combine(folder, "config.json"), $$"""
                {
                    "in_features": 5, "out_features": 4, "bias": false,
                    "activation_function": "{{path}}", "use_residual": {{(residual ? "true" : "false")}}
                }
                """);
            SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), [
                OutgoingTensor.Create<float>("linear.weight", [4, 5], identity),
                .. residual
                    ? [OutgoingTensor.Create<float>("residual.weight", [4, 5], identity.Select(value => 2 * value).ToArray())]
                    : Array.Empty<OutgoingTensor>(),
            ]);
            DenseModule dense = DenseModule.Load(folder, 5, place: 2);
            float[] x = [-3, -0.7f, 0.3f, 25, 9], wanted = [.. expected.Select((value, i) => residual ? value + (2 * x[i]) : value)];
            Golden.AssertClose(Applied(dense, x), wanted, 2e-7, path);

            string written = temporary.File("written-" + residual);
            using (AtomicFolder output = AtomicFolder.Create(written))
            {
                dense.Write(output, "2_Dense");
                output.Commit();
            }

            Golden.AssertClose(Applied(DenseModule.Load(Path.Combine(written, "2_Dense"), 5, place: 2), x), wanted, 2e-7, path + " written");
        }

        static float[] Applied(DenseModule module, float[] x)
        {
            using ComputeContext context = new(new ComputeOptions { Threads = 1 });
            using Scope f = context.BeginScope(Precision.F32);
            return module.Apply(f, f.Upload(x, 1, x.Length)).ToArray();
        }
    }

    [SkippableFact]
    public void A_residual_of_equal_width_adds_the_input_itself()
    {
        string folder = Directory.CreateDirectory(temporary.File("square")).FullName;
        File.WriteAllText(
            Path.Combine(folder, "config.json"),
            """{"in_features": 2, "out_features": 2, "bias": true, "activation_function": "torch.nn.modules.activation.ReLU", "use_residual": true}""");
        SafetensorsWriter.Write(
            Path.Combine(folder, "model.safetensors"),
            [
                OutgoingTensor.Create<float>("linear.weight", [2, 2], new float[] { 1, 2, -3, 4 }),
                OutgoingTensor.Create<float>("linear.bias", [2], new float[] { 1, -1 })]);
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using Scope f = context.BeginScope(Precision.F32);
        Assert.Equal([7 + 2f, 1 + 2f], DenseModule.Load(folder, 2, place: 2).Apply(f, f.Upload([2, 2], 1, 2)).ToArray());
    }

    [SkippableTheory]
    [InlineData("torch.nn.modules.activation.Tanh", "torch.nn.modules.activation.Tanh")]
    [InlineData("my_package.Square", "torch.nn.modules.activation.Sigmoid")]
    public void A_cross_encoders_activation_is_any_of_torch_and_another_is_not_trusted(string named, string run)
    {
        string folder = temporary.Copy(Golden.SentenceTransformers("cross-encoder", temporary)),
            settings = Path.Combine(folder, "config_sentence_transformers.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(settings))!.AsObject();
        json["activation_fn"] = named;
        File.WriteAllText(settings, json.ToJsonString());
        using CrossEncoder encoder = (CrossEncoder)EncoderModel.FromPretrained(folder);
        Assert.Equal(run, CrossEncoderActivation.Of(ModelFolder.Open(folder), encoder).Path);
    }

    [SkippableFact]
    public async Task Ranking_on_a_thread_of_the_pool_gives_what_ranking_gives_and_can_be_stopped()
    {
        using Reranker reranker = await Reranker.FromPretrainedAsync(
            Golden.SentenceTransformers("cross-encoder", temporary), new RerankerOptions { Precision = Precision.F32, Threads = 1 });
        string[] documents = ["a", "picture viewer for X", "", "b"];
        Assert.Equal(reranker.Rank("image viewer", documents, top: 3), await reranker.RankAsync("image viewer", documents, top: 3));
        using CancellationTokenSource stop = new();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reranker.RankAsync("image viewer", documents, cancellation: stop.Token));
    }

    [SkippableFact]
    public void Ranking_orders_documents_best_first_and_refuses_several_labels()
    {
        using Reranker reranker = Reranker.FromPretrained(
            Golden.SentenceTransformers("cross-encoder", temporary), new RerankerOptions { Precision = Precision.F32, Threads = 1 });
        IReadOnlyList<RankedDocument> ranked = reranker.Rank("image viewer", ["a", "picture viewer for X", "", "b"], top: 3);
        Assert.Equal(3, ranked.Count);
        Assert.Equal(ranked.OrderByDescending(hit => hit.Score), ranked);
        using Reranker three = Reranker.FromPretrained(Golden.SentenceTransformers("cross-encoder-three-labels", temporary));
        Assert.Contains("3 scores for a pair", Assert.Throws<NotSupportedException>(() => three.Rank("q", ["d"])).Message, StringComparison.Ordinal);
    }

    /// <summary>As the library does, which puts the empty text in its place.</summary>
    [SkippableFact]
    public void A_prompt_that_is_null_is_no_prompt()
    {
        string folder = temporary.Copy(Golden.SentenceTransformers("pool-mean", temporary));
        File.WriteAllText(
            Path.Combine(folder, "config_sentence_transformers.json"), """{"prompts": {"query": null, "task": null}, "default_prompt_name": "task"}""");
        using Embedder embedder = Embedder.FromPretrained(folder, F32);
        float[] plain = embedder.Embed("fast text search", prompt: "");
        Assert.Equal(plain, embedder.Embed("fast text search"));
        Assert.Equal(plain, embedder.Embed("fast text search", promptName: "query"));
    }

    [SkippableTheory]
    [InlineData("modules.json", "[]", "lists no modules")]
    [InlineData(
        "modules.json",
        """[{"type": "x.Transformer", "path": ""}, {"type": "x.Transformer", "path": ""}, {"type": "x.Pooling", "path": "1_Pooling"}]""",
        "lists 2 Transformer modules, expected one")]
    [InlineData("modules.json", """[{"type": "x.Pooling", "path": "1_Pooling"}]""", "begins with module Pooling")]
    [InlineData("modules.json", """[{"type": "x.Transformer", "path": ""}, {"type": "x.Pooling"}]""", "module Pooling has no path")]
    [InlineData(
        "modules.json",
        """[{"type": "x.Transformer", "path": ""}, {"type": "x.Normalize", "path": "2"}, {"type": "x.Pooling", "path": "1_Pooling"}]""",
        "module Normalize comes before Pooling")]
    [InlineData(
        "1_Pooling/config.json", """{"word_embedding_dimension": 33, "pooling_mode_mean_tokens": true}""", "word_embedding_dimension is 33, expected 32")]
    [InlineData("1_Pooling/config.json", """{"embedding_dimension": 16, "pooling_mode": "mean"}""", "embedding_dimension is 16, expected 32")]
    [InlineData(
        "2_Dense/config.json",
        """{"in_features": 31, "out_features": 20, "bias": true}""",
        "in_features is 31, expected 32, the features that the module before it gives")]
    [InlineData("2_Dense/config.json", """{"in_features": 32, "out_features": 21, "bias": true}""", "but config.json asks for [21, 32]")]
    [InlineData(
        "config_sentence_transformers.json",
        """{"similarity_fn_name": "jaccard"}""",
        "similarity_fn_name is \"jaccard\", expected one of cosine, dot, euclidean, manhattan")]
    [InlineData("1_Pooling/config.json", "", "is empty or no regular file")]
    public void Mistakes_in_the_folders_files_are_named(string file, string content, string message)
    {
        string folder = temporary.Copy(Golden.SentenceTransformers("dense", temporary));
        Assert.True(File.Exists(Path.Combine(folder, file)));
        File.WriteAllText(Path.Combine(folder, file), content);
        Exception error = Assert.ThrowsAny<Exception>(() => Embedder.FromPretrained(folder, F32));
        Assert.True(error is InvalidDataException or NotSupportedException, error.ToString());
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains(Path.GetFileName(file), error.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Lower_casing_goes_character_by_character_and_leaves_special_tokens()
    {
        string folder = Golden.SentenceTransformers("lower-case", temporary),
            plain = temporary.Copy(folder),
            settings = Path.Combine(plain, "sentence_bert_config.json");
        File.WriteAllText(settings, File.ReadAllText(settings).Replace("true", "false", StringComparison.Ordinal));
        using Embedder lower = Embedder.FromPretrained(folder, F32), asWritten = Embedder.FromPretrained(plain, F32);

        // A final sigma is not treated, unlike in Python's str.lower, with which earlier versions of the library did this.
        Assert.Equal(
            asWritten.Embed("[INST] \u03BF\u03B4\u03C5\u03C3\u03C3\u03B5\u03C5\u03C3 i\u0307 text"),
            lower.Embed("[INST] \u039F\u0394\u03A5\u03A3\u03A3\u0395\u03A5\u03A3 \u0130 TEXT"));
        Assert.NotEqual(asWritten.Embed("[inst] text"), lower.Embed("[INST] TEXT"));
    }

    [SkippableFact]
    public void Quantised_embeddings_are_the_librarys()
    {
        using TensorArchive golden = TensorArchive.Open(Path.Combine(Golden.Folder("sentence-transformers/quantised"), "goldens.safetensors"));
        float[][] vectors = Rows(golden["float32"]), calibration = Rows(golden["calibration"]), ranges = Rows(golden["ranges"]);
        Quantised("", EmbeddingQuantization.Ranges(vectors));
        Quantised(".calibrated", EmbeddingQuantization.Ranges(calibration));
        Quantised(".ranges", (ranges[0], ranges[1]));
        Assert.Equal(golden["ubinary"].Bytes.ToArray(), vectors.SelectMany(vector => EmbeddingQuantization.ToBits(vector)));
        Assert.Equal(golden["binary"].Bytes.ToArray(), vectors.SelectMany(vector => EmbeddingQuantization.ToSignedBits(vector)).Select(code => (byte)code));

        void Quantised(string suffix, (float[] Least, float[] Most) range)
        {
            Assert.Equal(
                golden["uint8" + suffix].Bytes.ToArray(), vectors.SelectMany(vector => EmbeddingQuantization.ToBytes(vector, range.Least, range.Most)));
            Assert.Equal(
                golden["int8" + suffix].Bytes.ToArray(),
                vectors.SelectMany(vector => EmbeddingQuantization.ToSignedBytes(vector, range.Least, range.Most)).Select(code => (byte)code));
        }
    }

    /// <summary>
    /// With left padding the reference's batches change its numbers (its query scale counts padding), so only single texts can be compared there.
    /// </summary>
    private static void Compare(TensorArchive golden, string name, float[][] vectors, string batched = "")
    {
        if (!golden.TryGet(name, out StoredTensor? expected) || batched.EndsWith("-left", StringComparison.Ordinal)) return;
        Assert.Equal([vectors.Length, vectors[0].Length], expected.Shape.ToArray());
        Golden.AssertClose(Flat(vectors), expected.ToSingleArray(), 2e-5, name);
    }

    private static float[] Flat(float[][] vectors) => [.. vectors.SelectMany(vector => vector)];

    private static float[][] Rows(StoredTensor tensor) => [.. tensor.ToSingleArray().Chunk((int)tensor.Columns)];

    private static string[] Strings(JsonDocument json, string name) =>
        [.. json.RootElement.GetProperty(name).EnumerateArray().Select(item => item.GetString()!)];
}
