using System.Text.Json.Nodes;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models.Tests;

public sealed class ExportTests : IDisposable
{
    private static readonly EmbedderOptions F32 = new() { Precision = Precision.F32, Threads = 2 };
    private readonly TemporaryFolder temporary = new();

    public void Dispose() => temporary.Dispose();

    [SkippableTheory]
    [InlineData("dense")]
    [InlineData("dense-identity-two")]
    [InlineData("exclude-prompt")]
    [InlineData("lower-case")]
    [InlineData("matryoshka")]
    [InlineData("normalize-prompts")]
    [InlineData("pool-mean-max-concatenated")]
    [InlineData("short-max-length")]
    [InlineData("legacy-layout")]
    public void A_sentence_transformers_folder_saved_and_loaded_again_embeds_the_same(string name)
    {
        string folder = Golden.SentenceTransformers(name, temporary), copy = temporary.File("copy");
        using (EncoderModel model = EncoderModel.FromPretrained(folder)) Assert.IsType<BiEncoder>(model).Save(copy, new ExportOptions { Tokenizer = folder });
        using Embedder before = Embedder.FromPretrained(folder, F32), after = Embedder.FromPretrained(copy, F32);
        string[] texts =
        [
            "An ORDINARY text", "",
            "another text that is long enough to be cut where a folder says that texts are cut, at twenty-four tokens or at thirty-two or forty of them",
        ];
        Assert.Equal(before.Embed(texts), after.Embed(texts));
        Assert.Equal(before.Prompts, after.Prompts);
        foreach (string prompt in before.Prompts.Keys) Assert.Equal(before.Embed(texts, promptName: prompt), after.Embed(texts, promptName: prompt));
        Assert.Equal((before.MaxLength, before.Dimensions), (after.MaxLength, after.Dimensions));
    }

    [SkippableTheory]
    [InlineData("cross-encoder-three-labels")]
    [InlineData("cross-encoder-identity")]
    public void A_stock_classifier_saved_and_loaded_again_scores_the_same(string name)
    {
        string folder = Golden.SentenceTransformers(name, temporary), copy = temporary.File("copy");
        using (EncoderModel model = EncoderModel.FromPretrained(folder))
            Assert.IsType<CrossEncoder>(model).Save(copy, new ExportOptions { Tokenizer = folder });
        RerankerOptions options = new() { Precision = Precision.F32, Threads = 2 };
        using Reranker before = Reranker.FromPretrained(folder, options), after = Reranker.FromPretrained(copy, options);
        Assert.Equal(before.Score([("a query", "a document"), ("", "x")]), after.Score([("a query", "a document"), ("", "x")]));
    }

    [Theory]
    [InlineData("avg", ModelFamily.Ministral3, "ministral3")]
    [InlineData("cls", ModelFamily.Llama, "llama")]
    [InlineData("last", ModelFamily.Ministral3, "ministral3")]
    [InlineData("weighted_avg", ModelFamily.Llama, "llama_bidirec")]
    [InlineData("weighted_avg", ModelFamily.Ministral3, "ministral3_bidirec")]
    public void Pooling_temperature_and_attention_survive_saving(string pooling, ModelFamily family, string type)
    {
        ModelConfig config = (family == ModelFamily.Llama ? TinyModels.Llama : TinyModels.Ministral) with { Temperature = 0.02f };
        string folder = temporary.File("saved");
        using BiEncoder encoder = new(TinyModels.NewDecoder(config), new EncoderSettings { Poolings = [PoolingNames.Parse(pooling)] });
        encoder.Save(folder);
        using BiEncoder again = Assert.IsType<BiEncoder>(EncoderModel.FromPretrained(folder));
        Assert.Equal((false, 0.02f, pooling, false), (again.IsCausal, again.Config.Temperature, again.Config.Pooling, again.Config.IsCausal));
        Assert.Equal(encoder.Settings.Poolings, again.Settings.Poolings);
        Assert.Null(again.Notice);
        Assert.Equal(type, JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!["model_type"]!.GetValue<string>());
        Assert.Equal(pooling != "weighted_avg", File.Exists(Path.Combine(folder, "modules.json")));
        Assert.Equal(encoder.Parameters.Select(parameter => parameter.Name), again.Parameters.Select(parameter => parameter.Name));

        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        using Scope f = context.BeginScope();
        float[] Encode(BiEncoder model) => model.Encode(f, TinyModels.Tokens(40, 1), Segments.FromLengths([40])).ToArray();
        Assert.Equal(Encode(encoder), Encode(again));
    }

    [Fact]
    public void A_bidirectional_reranker_keeps_its_pooling_temperature_and_head()
    {
        ModelConfig config = TinyModels.Llama with { Temperature = 2 };
        RandomParameters source = new(config, 1);
        string folder = temporary.File("reranker");
        using CrossEncoder encoder = new(new Decoder(config, source), source.Take("score.weight", [1, config.HiddenSize], ShardAxis.None), Pooling.Last);
        encoder.Save(folder);
        using CrossEncoder again = Assert.IsType<CrossEncoder>(EncoderModel.FromPretrained(folder));
        Assert.Equal((Pooling.Last, false, false, 1, 2f), (again.Pooling, again.ReadsLastToken, again.IsCausal, again.Labels, again.Config.Temperature));
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        using Scope f = context.BeginScope();
        int[] ids = TinyModels.Tokens(12, 1);
        Assert.Equal(encoder.Score(f, ids, Segments.FromLengths([5, 7])).ToArray(), again.Score(f, ids, Segments.FromLengths([5, 7])).ToArray());
        using TensorArchive archive = TensorArchive.Open(folder);
        Assert.True(archive.Contains("score.weight") && archive.Contains("model.norm.weight"));
    }

    [Fact]
    public void Trained_masters_are_written_and_may_be_rounded_to_bf16()
    {
        using BiEncoder encoder = new(TinyModels.NewDecoder(TinyModels.Ministral), new EncoderSettings());
        ParameterArena arena = new(encoder.Parameters);
        arena.Masters.Span(0, 1)[0] = 1.2345678f;
        arena.MastersChanged();
        encoder.Save(temporary.File("f32"));
        encoder.Save(temporary.File("bf16"), new ExportOptions { Type = ElementType.BF16 });
        using TensorArchive f32 = TensorArchive.Open(temporary.File("f32")), bf16 = TensorArchive.Open(temporary.File("bf16"));
        Assert.Equal((StorageType.F32, 1.2345678f), (f32["embed_tokens.weight"].Type, f32["embed_tokens.weight"].ToSingleArray()[0]));
        Assert.Equal((StorageType.BF16, 1.234375f), (bf16["embed_tokens.weight"].Type, bf16["embed_tokens.weight"].ToSingleArray()[0]));
        Assert.Equal(Precision.BF16, EncoderModel.FromPretrained(temporary.File("bf16")).NaturalPrecision);
    }

    [SkippableFact]
    public void A_lone_tokenizer_file_becomes_a_whole_tokenizer_folder()
    {
        string tokenizer = Path.Combine(Golden.SentenceTransformers("dense", temporary), "tokenizer.json"), folder = temporary.File("model");
        using (BiEncoder encoder = new(TinyModels.NewDecoder(TinyModels.Ministral), new EncoderSettings()))
            encoder.Save(folder, new ExportOptions { Tokenizer = tokenizer, MaxLength = 64, Prompts = new Dictionary<string, string> { ["query"] = "q: " } });
        JsonNode settings = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "tokenizer_config.json")))!;
        Assert.Equal(
            ("<s>", "</s>", 64),
            (settings["bos_token"]!.GetValue<string>(), settings["eos_token"]!.GetValue<string>(), settings["model_max_length"]!.GetValue<int>()));
        using Embedder embedder = Embedder.FromPretrained(folder, F32);
        Assert.Equal((64, "q: ", true), (embedder.MaxLength, embedder.QueryPrompt, Math.Abs(embedder.Embed("a text").Sum(value => value * value) - 1) < 1e-5));
    }

    [SkippableTheory]
    [InlineData("ministral3-causal")]
    [InlineData("llama-causal-untied")]
    [InlineData("ministral3-fp8")]
    [InlineData("mistral3-vlm")]
    public void Language_models_are_saved_under_their_public_names_whatever_they_were_loaded_from(string name)
    {
        string folder = Golden.Folder("models/" + name), copy = temporary.File("copy");
        using (CausalModel model = CausalModel.FromPretrained(folder)) model.Save(copy);
        using CausalModel before = CausalModel.FromPretrained(folder), after = CausalModel.FromPretrained(copy);
        Assert.Equal("model.embed_tokens.weight", after.Decoder.EmbeddingTable.Name);
        Assert.Equal(before.Head == before.Decoder.EmbeddingTable, after.Head == after.Decoder.EmbeddingTable);
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        using Scope f = context.BeginScope();
        float[] Logits(CausalModel model) => model.Logits(f, model.Decoder.Forward(f, [5, 6, 7], Segments.FromLengths([3]), AttentionMask.CausalAll)).ToArray();
        Assert.Equal(Logits(before), Logits(after));
    }

    [SkippableTheory]
    [InlineData("ministral3-causal")]
    [InlineData("ministral3-fp8")]
    public void A_model_in_Mistrals_own_layout_is_saved_under_public_names_and_computes_the_same_again(string name)
    {
        string folder = Golden.Folder("models/" + name), native = NativeFolder.Of(folder, temporary.File("native"));
        string language = temporary.File("language"), encoder = temporary.File("encoder");
        using CausalModel model = CausalModel.FromPretrained(native);
        model.Save(language);
        using BiEncoder bidirectional = Assert.IsType<BiEncoder>(EncoderModel.FromPretrained(native));
        bidirectional.Save(encoder, new ExportOptions { AutoModel = new AutoModelLayout { SourceFolder = native } });
        using CausalModel modelAgain = CausalModel.FromPretrained(language);
        using BiEncoder bidirectionalAgain = Assert.IsType<BiEncoder>(EncoderModel.FromPretrained(encoder));

        string[] names = [.. TinyModels.NewDecoder(model.Config).Parameters.Select(parameter => parameter.Name).Order(StringComparer.Ordinal)];
        using (TensorArchive saved = TensorArchive.Open(encoder))
            Assert.Equal(names, saved.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        using (TensorArchive saved = TensorArchive.Open(language))
        {
            Assert.Equal(
                [.. model.IsTied ? Array.Empty<string>() : ["lm_head.weight"], .. names.Select(weight => "model." + weight)],
                saved.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        }

        Assert.Equal("model-00001-of-00001.safetensors", Path.GetFileName(Assert.Single(Directory.GetFiles(encoder, "*.safetensors"))));

        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        using Scope f = context.BeginScope();
        int[] ids = TinyModels.Tokens(12, 1);
        float[] Logits(CausalModel of) => of.Logits(f, of.Decoder.Forward(f, ids, Segments.FromLengths([12]), AttentionMask.CausalAll)).ToArray();
        float[] Vectors(BiEncoder of) => of.Encode(f, ids, Segments.FromLengths([5, 7])).ToArray();
        Assert.Equal(Logits(model), Logits(modelAgain));
        Assert.Equal(Vectors(bidirectional), Vectors(bidirectionalAgain));
    }

    [SkippableTheory]
    [InlineData("pooling weighted_avg", Pooling.Sum)]
    [InlineData("pooling colbert", Pooling.Average, "colbert")]
    [InlineData("instructions of each corpus", Pooling.Average, null, false)]
    [InlineData("weights under student.model.", Pooling.Average, null, true, "student.model.")]
    public void Dense_modules_that_no_file_would_keep_are_refused_before_anything_is_written(
        string why, Pooling pooling, string? multiVector = null, bool hasModules = true, string prefix = "")
    {
        string folder = Golden.SentenceTransformers("dense", temporary);
        using BiEncoder model = BiEncoder.FromBackbone(folder, new BackboneOptions { Pooling = pooling });
        ExportOptions options = new()
        {
            AutoModel = new AutoModelLayout { HasModules = hasModules, MultiVector = multiVector },
            WeightPrefix = prefix,
        };
        string[] before = temporary.Files();
        string message = Assert.Throws<NotSupportedException>(() => model.Save(temporary.File("parent/copy"), options)).Message;
        Assert.StartsWith(folder, message, StringComparison.Ordinal);
        Assert.Contains(": its Dense modules behind pooling would be lost", message, StringComparison.Ordinal);
        Assert.Contains($"cannot be written for {why};", message, StringComparison.Ordinal);
        Assert.Equal(message, Assert.Throws<NotSupportedException>(() => model.RequireSavable(options)).Message);
        Assert.Equal(before, temporary.Files());
        if (pooling != Pooling.Sum) model.RequireSavable();
    }

    [SkippableFact]
    public void Weights_of_several_Dense_modules_are_named_by_their_places_in_memory_and_by_their_own_names_in_files()
    {
        string folder = Golden.SentenceTransformers("dense-identity-two", temporary), copy = temporary.File("copy");
        using BiEncoder model = BiEncoder.FromBackbone(folder);
        string[] names = [.. model.Modules.SelectMany(module => module.Parameters).Select(parameter => parameter.Name)];
        Assert.Contains("2.linear.weight", names);
        Assert.Contains("3.linear.weight", names);
        Assert.Equal(model.Parameters.Count(), model.Parameters.Select(parameter => parameter.Name).Distinct().Count());
        model.Save(copy);
        foreach (string module in (string[])["2_Dense", "3_Dense"])
        {
            using TensorArchive before = TensorArchive.Open(Path.Combine(folder, module, "model.safetensors"));
            using TensorArchive after = TensorArchive.Open(Path.Combine(copy, module, "model.safetensors"));
            Assert.Equal(before.Tensors.Select(tensor => tensor.Name).Order(), after.Tensors.Select(tensor => tensor.Name).Order());
            Assert.All(before.Tensors, tensor => Assert.Equal(tensor.ToSingleArray(), after[tensor.Name].ToSingleArray()));
        }
    }

    [SkippableFact]
    public void A_model_of_a_gguf_with_frequency_divisors_is_saved_with_the_scaling_that_they_came_from()
    {
        string gguf = Path.Combine(Golden.Folder("gguf"), "llama3-rope-f16"), copy = temporary.File("copy"), ids = temporary.File("ids");
        using (CausalModel model = CausalModel.FromPretrained(gguf + ".gguf")) model.Save(copy);
        Assert.Equal("llama3", JsonNode.Parse(File.ReadAllText(Path.Combine(copy, "config.json")))!["rope_parameters"]!["rope_type"]!.GetValue<string>());
        using TensorArchive golden = TensorArchive.Open(gguf + ".safetensors");
        SafetensorsWriter.Write(ids, [OutgoingTensor.Copy(golden["input_ids"])]);
        using TensorArchive input = TensorArchive.Open(ids);
        ForwardPassOptions options = new() { Model = new ModelOptions { Precision = Precision.F32, Threads = 2 } };
        Golden.AssertClose(ForwardPass.Run(copy, input, options).Single(), golden["logits"], 1e-4);
    }

    [Theory]
    [InlineData(128, 8)]
    [InlineData(64, 32)]
    public void Divisors_of_published_models_are_taken_back_to_their_scaling(int headSize, double factor)
    {
        // As llama.cpp's converter computes them, in f32, with low 1, high 4 and 8192 positions.
        float[] divisors = [.. Enumerable.Range(0, headSize / 2).Select(i =>
        {
            float wavelength = (float)(2 * Math.PI) / (1 / MathF.Pow(500_000, 2f * i / headSize)), smooth = ((8192 / wavelength) - 1) / 3;
            return wavelength < 2048 ? 1 : wavelength > 8192 ? (float)factor : 1 / (((1 - smooth) / (float)factor) + smooth);
        })];
        RopeParameters given = new() { Theta = 500_000, Divisors = divisors };
        Assert.Equal(
            given with { Divisors = null, Scaling = RopeScaling.Llama3, Factor = factor, OriginalMaxPositions = 8192 }, given.WithoutDivisors(headSize));
        divisors[^1] *= 1.001f;
        Assert.Null(given.WithoutDivisors(headSize));
        using BiEncoder model = new(TinyModels.NewDecoder(TinyModels.Llama with { HeadSize = headSize, Rope = given }), new EncoderSettings());
        Assert.Contains(
            "rope_freqs.weight", Assert.Throws<NotSupportedException>(() => model.Save(temporary.File("parent/copy"))).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(temporary.Path));
    }

    [SkippableFact]
    public void Weights_held_in_int8_only_are_not_saved_and_the_remedy_is_named()
    {
        string gguf = Path.Combine(Golden.Folder("gguf"), "mistral3-q8_0.gguf");
        using CausalModel model = CausalModel.FromPretrained(gguf, Precision.Int8);
        string message = Assert.Throws<NotSupportedException>(() => model.Save(temporary.File("parent/copy"))).Message;
        Assert.Contains(
            "is held in int8 only, but its values are needed to save the model; load it with --precision bf16 or f32", message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(temporary.Path));
        Assert.Null(model.FirstDamagedParameter());
    }

    [Fact]
    public void A_save_that_is_cancelled_leaves_an_earlier_folder_as_it_was()
    {
        using BiEncoder encoder = new(TinyModels.NewDecoder(TinyModels.Ministral), new EncoderSettings());
        string folder = temporary.File("model");
        encoder.Save(folder);
        Dictionary<string, byte[]> before = Directory.GetFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(path => path, File.ReadAllBytes);
        using CancellationTokenSource source = new();
        source.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => encoder.Save(folder, null, source.Token));
        Assert.Equal(before.Keys.Order(), Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Order());
        Assert.All(before, file => Assert.Equal(file.Value, File.ReadAllBytes(file.Key)));
    }

    [SkippableFact]
    public void A_model_saved_over_another_leaves_none_of_its_files_and_all_of_their_owner()
    {
        string folder = temporary.File("model");
        using BiEncoder encoder = new(TinyModels.NewDecoder(TinyModels.Ministral), new EncoderSettings());
        encoder.Save(folder);
        string[] alone = Files();
        string[] stale =
        [
            "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json", "2_Dense/config.json",
            "2_Dense/model.safetensors", "3_Normalize/config.json",
        ];
        string[] kept =
        [
            "README.md", "adapter_model.safetensors", "model.gguf", "my_model.safetensors", "notes/model.safetensors", "2_Dense_backup/config.json",
            "1_Pooling/notes.txt", "tokenizer.json",
        ];
        foreach (string name in (string[])[.. stale, .. kept]) Write(name);
        encoder.Save(folder);
        Assert.Equal(alone.Concat(kept).Order(StringComparer.Ordinal), Files());
        Assert.All(kept, name => Assert.Equal("earlier", File.ReadAllText(Path.Combine(folder, name))));
        Assert.False(Directory.Exists(Path.Combine(folder, "2_Dense")));

        // A language model has no modules: with them it would be read as an encoder.
        using (CausalModel language = CausalModel.FromPretrained(Golden.Folder("models/llama-causal-untied"))) language.Save(folder);
        Assert.Equal(kept.Append("config.json").Append("model.safetensors").Order(StringComparer.Ordinal), Files());

        string[] Files() =>
            [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file).Replace('\\', '/'))
                .Order(StringComparer.Ordinal)];

        void Write(string name)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, name))!);
            File.WriteAllText(Path.Combine(folder, name), "earlier");
        }
    }
}
