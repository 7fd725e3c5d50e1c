using System.Text.Json;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models.Tests;

public sealed class EmbedderTests : IDisposable
{
    private static readonly EmbedderOptions F32 = new() { Precision = Precision.F32, Threads = 2 };
    private readonly TemporaryFolder temporary = new();

    public void Dispose() => temporary.Dispose();

    [SkippableFact]
    public void A_trained_model_in_a_quantised_gguf_gives_the_reference_embeddings()
    {
        string real = Golden.SharedPath("goldens/real"), model = Golden.SharedPath("models/smollm2-135m-instruct");
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(real, "real.json")));
        using TensorArchive golden = TensorArchive.Open(Path.Combine(real, "real.safetensors"));
        string[] texts = [.. json.RootElement.GetProperty("embedding_texts").EnumerateArray().Select(text => text.GetString()!).Take(6)];
        using Embedder embedder = Embedder.FromPretrained(model, F32 with { Pooling = Pooling.Average, IsCausal = false });
        StoredTensor expected = golden["bidirectional.avg.l2"];
        float[] rows = new float[texts.Length * expected.Columns];
        expected.ReadRows(0, rows);
        Golden.AssertClose(embedder.Embed(texts).SelectMany(vector => vector).ToArray(), rows, 5e-5, "embeddings");
    }

    [SkippableFact]
    public void A_lone_gguf_file_brings_its_own_tokenizer()
    {
        string model = Golden.SharedPath("models/smollm2-135m-instruct"), alone = temporary.File("alone.gguf");
        File.CreateSymbolicLink(alone, Directory.GetFiles(model, "*.gguf").Single());
        string[] texts = ["hello  world", "naïve 123 — don't\n\n\tdo that", ""];
        using Embedder folder = Embedder.FromPretrained(model, F32), file = Embedder.FromPretrained(alone, F32);
        Golden.AssertClose(
            file.Embed(texts).SelectMany(vector => vector).ToArray(), folder.Embed(texts).SelectMany(vector => vector).ToArray(), 1e-5, "vectors");
    }

    [SkippableTheory]
    [InlineData("bi-llama-inline")]
    [InlineData("bi-ministral3-inline")]
    [InlineData("bi-ministral3-corpus")]
    public void Exports_of_the_training_library_give_its_embeddings_for_its_padded_batches(string name)
    {
        string retrieval = Golden.SharedPath("goldens/retrieval");
        using TensorArchive golden = TensorArchive.Open(Path.Combine(retrieval, "embeddings", "embeddings.safetensors"));
        foreach (StoredTensor expected in golden.Tensors.Where(tensor => tensor.Name.Split('.') is [var run, "library", _, _] && run == name))
        {
            string input = temporary.File(expected.Name + ".safetensors");
            SafetensorsWriter.Write(input, new[] { "input_ids", "attention_mask" }.Select(key => OutgoingTensor.Copy(golden[$"{expected.Name}.{key}"], key)));
            using TensorArchive batch = TensorArchive.Open(input);
            ForwardPassOptions options = new()
            {
                Model = new ModelOptions { Precision = Precision.F32, Threads = 2 },
                Outputs = ["embedding"],
                Normalize = true,
            };
            Golden.AssertClose(ForwardPass.Run(Path.Combine(retrieval, name, "export"), batch, options).Single(), expected, 2e-5);
        }
    }

    [SkippableFact]
    public void An_export_of_the_training_library_embeds_texts_as_sentence_transformers_does()
    {
        string retrieval = Golden.SharedPath("goldens/retrieval");
        using TensorArchive golden = TensorArchive.Open(Path.Combine(retrieval, "embeddings", "embeddings.safetensors"));
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(retrieval, "common", "data", "texts.json")));
        using Embedder embedder = Embedder.FromPretrained(Export(retrieval, "bi-llama-inline", "llama"), F32);
        string[] queries = Strings(json, "queries"), documents = Strings(json, "documents");
        Compare("query", embedder.Embed(queries, prompt: embedder.QueryPrompt));
        Compare("document", embedder.Embed(documents, prompt: embedder.DocumentPrompt));
        Compare("plain", embedder.Embed([.. queries, .. documents]));

        void Compare(string kind, float[][] vectors) =>
            Golden.AssertClose(
                vectors.SelectMany(vector => vector).ToArray(), golden["bi-llama-inline.sentence_transformers." + kind].ToSingleArray(), 2e-5, kind);
    }

    [SkippableFact]
    public void An_exported_reranker_scores_as_the_training_library_does()
    {
        string retrieval = Golden.SharedPath("goldens/retrieval");
        using TensorArchive golden = TensorArchive.Open(Path.Combine(retrieval, "embeddings", "embeddings.safetensors"));
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(retrieval, "common", "data", "texts.json")));
        using Reranker reranker = Reranker.FromPretrained(
            Export(retrieval, "cross-llama", "llama"), new RerankerOptions { Precision = Precision.F32, Threads = 2 });
        (string, string)[] pairs =
        [
            .. Strings(json, "queries").Take(3).SelectMany(query => Strings(json, "documents").Take(12).Select(document => (query, document))),
        ];
        Golden.AssertClose(reranker.Score(pairs).SelectMany(score => score).ToArray(), golden["cross-llama.logits.long"].ToSingleArray(), 5e-5, "logits");
        string exported = Export(retrieval, "cross-llama", "llama");
        Assert.Equal(Reranker.NemotronTemplate, RerankingTemplate.Read(ModelFolder.Open(exported)));
    }

    [SkippableFact]
    public void A_plain_causal_checkpoint_is_taken_as_bidirectional_with_a_notice()
    {
        string folder = Model("ministral3-causal");
        using Embedder embedder = Embedder.FromPretrained(folder, F32);
        Assert.Contains("bidirectional", embedder.Notice, StringComparison.Ordinal);
        using Embedder causal = Embedder.FromPretrained(folder, F32 with { IsCausal = true });
        Assert.Null(causal.Notice);
        Assert.NotEqual(embedder.Embed("some text"), causal.Embed("some text"));
        Assert.Equal(1, Length(embedder.Embed("some text")), 1e-5);
    }

    [SkippableFact]
    public void Cutting_comes_before_unit_length_in_a_plain_folder()
    {
        string folder = Model("ministral3-causal");
        using Embedder whole = Embedder.FromPretrained(folder, F32), cut = Embedder.FromPretrained(folder, F32 with { Dimensions = 5 });
        float[] expected = whole.Embed("some text")[..5];
        float length = (float)Length(expected);
        Golden.AssertClose(cut.Embed("some text"), expected.Select(value => value / length).ToArray(), 1e-6, "cut vector");
        Assert.Contains(
            "65 dimensions",
            Assert.Throws<ArgumentException>(() => Embedder.FromPretrained(folder, F32 with { Dimensions = 65 })).Message,
            StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Many_threads_may_use_one_embedder_and_get_what_one_gets()
    {
        using Embedder embedder = Embedder.FromPretrained(Golden.SentenceTransformers("dense", temporary), F32 with { BatchTokens = 64 });
        string[] texts = [.. Enumerable.Range(0, 40).Select(i => $"package number {i} for {new string('x', i)}")];
        float[][] expected = embedder.Embed(texts);
        float[][][] all = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => embedder.EmbedAsync(texts)));
        foreach (float[][] vectors in all)
            Golden.AssertClose(vectors.SelectMany(vector => vector).ToArray(), expected.SelectMany(vector => vector).ToArray(), 1e-5, "vectors");

        List<float[]> streamed = [];
        await foreach (float[] vector in embedder.EmbedAsync(Stream(texts))) streamed.Add(vector);
        Golden.AssertClose(streamed.SelectMany(vector => vector).ToArray(), expected.SelectMany(vector => vector).ToArray(), 1e-5, "streamed vectors");

        static async IAsyncEnumerable<string> Stream(string[] texts)
        {
            foreach (string text in texts)
            {
                await Task.Yield();
                yield return text;
            }
        }
    }

    [SkippableFact]
    public void Cancelling_stops_and_leaves_the_embedder_usable()
    {
        using Embedder embedder = Embedder.FromPretrained(Golden.SentenceTransformers("dense", temporary), F32);
        using CancellationTokenSource source = new();
        source.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => embedder.Embed(["a", "b"], cancellation: source.Token));
        Assert.Equal(2, embedder.Embed(["a", "b"]).Length);
    }

    [SkippableFact]
    public void Cut_texts_are_counted()
    {
        using Embedder embedder = Embedder.FromPretrained(Golden.SentenceTransformers("dense", temporary), F32 with { MaxLength = 6 });
        embedder.Embed(["short", "a text of clearly more than six tokens for any tokenizer", ""]);
        Assert.Equal((6, 1L), (embedder.MaxLength, embedder.TextsCut));
    }

    [SkippableFact]
    public void An_unknown_prompt_is_refused_with_the_names_there_are()
    {
        using Embedder embedder = Embedder.FromPretrained(Golden.SentenceTransformers("normalize-prompts", temporary), F32);
        Assert.Contains(
            "it has query, document", Assert.Throws<ArgumentException>(() => embedder.Embed("x", promptName: "passage")).Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("llama-nemotron-embed-1b-v2", "query: ", "passage: ")]
    [InlineData(
        "models--nvidia--llama-embed-nemotron-8b/snapshots/0a1b",
        "Instruct: Given a question, retrieve passages that answer the question\nQuery: ",
        "")]
    [InlineData("llama-nemotron-embed-1b-v2/mine", null, null)]
    public async Task A_published_model_without_prompts_has_those_of_its_card_under_either_word_for_documents(string name, string? query, string? document)
    {
        string folder = temporary.File(name);
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
        Directory.Move(Model("ministral3-causal"), folder);
        using Embedder embedder = await Embedder.FromPretrainedAsync(folder, F32);
        Assert.Equal(
            (query, document, document),
            (embedder.Prompts.GetValueOrDefault("query"), embedder.Prompts.GetValueOrDefault("document"), embedder.Prompts.GetValueOrDefault("passage")));
        Assert.Equal(folder, embedder.Model);
        if (document is not null) Assert.Equal(embedder.Embed("x", prompt: document), embedder.Embed("x", promptName: "passage"));
    }

    [SkippableFact]
    public void Damaged_weights_are_named_when_a_vector_is_not_finite()
    {
        string folder = temporary.Copy(Golden.SentenceTransformers("dense", temporary));
        string weights = Path.Combine(folder, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(weights);
        using (TensorArchive archive = TensorArchive.Open(weights))
            BitConverter.TryWriteBytes(bytes.AsSpan((int)archive["layers.1.mlp.up_proj.weight"].FileOffset + 40), float.NaN);
        File.WriteAllBytes(weights, bytes);
        using Embedder embedder = Embedder.FromPretrained(folder, F32);
        Assert.Contains(
            "tensor 'layers.1.mlp.up_proj.weight'", Assert.Throws<InvalidDataException>(() => embedder.Embed("x")).Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("norm.weight", null, "tensor 'norm.weight' is missing")]
    [InlineData("layers.0.self_attn.q_proj.weight", "7", "config.json asks for [48, 32]")]
    public void Missing_and_misshapen_tensors_are_named(string name, string? rows, string message)
    {
        string folder = temporary.Copy(Golden.SentenceTransformers("dense", temporary));
        string weights = Path.Combine(folder, "model.safetensors"), changed = temporary.File("changed.safetensors");
        using (TensorArchive archive = TensorArchive.Open(weights))
        {
            SafetensorsWriter.Write(changed, archive.Tensors.Where(tensor => tensor.Name != name || rows is not null).Select(tensor =>
                tensor.Name == name ? OutgoingTensor.Create<float>(name, [7, 32], new float[7 * 32]) : OutgoingTensor.Copy(tensor)));
        }

        File.Move(changed, weights, overwrite: true);
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Embedder.FromPretrained(folder)).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_text_without_tokens_gets_the_end_of_text_token()
    {
        string folder = Model("ministral3-causal"), tokenizer = Path.Combine(folder, "tokenizer.json");
        System.Text.Json.Nodes.JsonObject json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(tokenizer))!.AsObject();
        json["post_processor"] = null;
        File.WriteAllText(tokenizer, json.ToJsonString());
        using Embedder embedder = Embedder.FromPretrained(folder, F32);
        Assert.Equal(embedder.Embed("</s>"), embedder.Embed(""));
    }

    [SkippableFact]
    public void Old_folders_keep_the_model_a_level_deeper()
    {
        string folder = Golden.SentenceTransformers("legacy-layout", temporary), old = temporary.Copy(folder);
        string inside = Directory.CreateDirectory(Path.Combine(old, "0_Transformer")).FullName;
        foreach (string file in new[] { "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json" })
            File.Move(Path.Combine(old, file), Path.Combine(inside, file));
        string modules = Path.Combine(old, "modules.json");
        File.WriteAllText(modules, File.ReadAllText(modules).Replace("\"path\": \"\"", "\"path\": \"0_Transformer\"", StringComparison.Ordinal));
        using Embedder before = Embedder.FromPretrained(folder, F32), after = Embedder.FromPretrained(old, F32);
        Assert.Equal(before.Embed(["a text", ""], promptName: "query"), after.Embed(["a text", ""], promptName: "query"));
        string fingerprint = after.Fingerprint;
        File.AppendAllText(modules, "\n");
        using Embedder changed = Embedder.FromPretrained(old, F32);
        Assert.NotEqual(fingerprint, changed.Fingerprint);
    }

    [SkippableFact]
    public void A_module_outside_the_folder_is_refused()
    {
        string folder = temporary.Copy(Golden.SentenceTransformers("dense", temporary)), modules = Path.Combine(folder, "modules.json");
        File.WriteAllText(modules, File.ReadAllText(modules).Replace("2_Dense", "../2_Dense", StringComparison.Ordinal));
        Assert.Contains("path is \"../2_Dense\"", Assert.Throws<InvalidDataException>(() => Embedder.FromPretrained(folder)).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_disposed_embedder_says_so()
    {
        Embedder embedder = Embedder.FromPretrained(Golden.SentenceTransformers("dense", temporary), F32);
        embedder.Dispose();
        Assert.Throws<ObjectDisposedException>(() => embedder.Embed("x"));
    }

    [SkippableFact]
    public void A_reranker_is_no_embedder_and_an_embedder_no_reranker()
    {
        Assert.Contains(
            "is a reranker, which scores pairs and gives no vectors",
            Assert.Throws<NotSupportedException>(() => Embedder.FromPretrained(Golden.SentenceTransformers("cross-encoder", temporary))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "has no score head, so it is no reranker",
            Assert.Throws<NotSupportedException>(() => Reranker.FromPretrained(Golden.SentenceTransformers("dense", temporary))).Message,
            StringComparison.Ordinal);
    }

    /// <summary>A tiny recorded network with the tokenizer of the sentence-transformers recordings, whose ids it covers.</summary>
    private string Model(string name)
    {
        string folder = temporary.Copy(Golden.Folder("models/" + name));
        File.Copy(Path.Combine(Golden.SentenceTransformers("dense", temporary), "tokenizer.json"), Path.Combine(folder, "tokenizer.json"));
        return folder;
    }

    private string Export(string retrieval, string name, string tokenizer)
    {
        string folder = temporary.Copy(Path.Combine(retrieval, name, "export"));
        File.WriteAllBytes(Path.Combine(folder, "tokenizer.json"), File.ReadAllBytes(Path.Combine(retrieval, "common", tokenizer, "tokenizer.json")));
        return folder;
    }

    private static double Length(float[] vector) => Math.Sqrt(vector.Sum(value => (double)value * value));

    private static string[] Strings(JsonDocument json, string name) =>
        [.. json.RootElement.GetProperty(name).EnumerateArray().Select(item => item.GetString()!)];
}
