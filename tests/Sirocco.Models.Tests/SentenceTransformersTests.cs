using System.Text.Json;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models.Tests;

public sealed class SentenceTransformersTests : IDisposable
{
    private static readonly EmbedderOptions F32 = new() { Precision = Precision.F32, Threads = 2 };
    private readonly TemporaryFolder temporary = new();

    /// <summary>Texts and what CPython 3.11's str.lower makes of them: sigma at the ends of words, after and before what is case-ignorable.</summary>
    public static TheoryData<string, string> PythonLower => new()
    {
        { "\u039F\u0394\u03A5\u03A3\u03A3\u0395\u03A5\u03A3", "\u03BF\u03B4\u03C5\u03C3\u03C3\u03B5\u03C5\u03C2" },
        { "\u03A3\u0391\u03A3 \u03A3\u0391\u03A3", "\u03C3\u03B1\u03C2 \u03C3\u03B1\u03C2" },
        { "\u03A3", "\u03C3" },
        { "\u0391\u03A3", "\u03B1\u03C2" },
        { "\u0391 \u03A3", "\u03B1 \u03C3" },
        { "\u0391\u03A3.", "\u03B1\u03C2." },
        { "\u0391\u03A3.\u0391", "\u03B1\u03C3.\u03B1" },
        { "\u0391\u03A3'", "\u03B1\u03C2'" },
        { "\u0391'\u03A3", "\u03B1'\u03C2" },
        { "\u0391\u03A3\u0301", "\u03B1\u03C2\u0301" },
        { "\u0391\u03A3\u0301\u0392", "\u03B1\u03C3\u0301\u03B2" },
        { "\u0391\u03A31", "\u03B1\u03C21" },
        { "1\u03A3", "1\u03C3" },
        { "\u00AA\u03A3", "\u00AA\u03C2" },
        { "\u0391\u03A3\u00AA", "\u03B1\u03C3\u00AA" },
        { "\u2163\u03A3", "\u2173\u03C2" },
        { "\u24B6\u03A3\u24B6", "\u24D0\u03C3\u24D0" },
        { "\U00010400\u03A3", "\U00010428\u03C2" },
        { "\u0391\u03A3\U00010400", "\u03B1\u03C3\U00010428" },
        { "\u02B0\u03A3", "\u02B0\u03C3" },
        { "\u0391\u02B0\u03A3\u02B0", "\u03B1\u02B0\u03C2\u02B0" },
        { "\u0130\u03A3", "i\u0307\u03C2" },
        { "\u0130STANBUL \u0391\u03A3", "i\u0307stanbul \u03B1\u03C2" },
        { "\u0391\u00AD\u03A3", "\u03B1\u00AD\u03C2" },
        { "\u65E5\u03A3", "\u65E5\u03C3" },
        { "\u0391\u65E5\u03A3", "\u03B1\u65E5\u03C3" },
        { "\u01C5\u03A3", "\u01C6\u03C2" },
        { "\u03A3\u03A3\u03A3", "\u03C3\u03C3\u03C2" },
        { "\U0001F170\u03A3", "\U0001F170\u03C2" },
        { "\u0391:\u03A3:", "\u03B1:\u03C2:" },
        { "\u0391;\u03A3", "\u03B1;\u03C3" },
        { "\u1E9E\u03A3", "\u00DF\u03C2" },
    };

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
        foreach (string prompt in json.RootElement.GetProperty("prompts").EnumerateObject().Select(property => property.Name)) Compare(golden, "embeddings.prompt." + prompt, embedder.Embed(queries, promptName: prompt));
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

    [SkippableFact]
    public void Ranking_orders_documents_best_first_and_refuses_several_labels()
    {
        using Reranker reranker = Reranker.FromPretrained(Golden.SentenceTransformers("cross-encoder", temporary), new RerankerOptions { Precision = Precision.F32, Threads = 1 });
        IReadOnlyList<RankedDocument> ranked = reranker.Rank("image viewer", ["a", "picture viewer for X", "", "b"], top: 3);
        Assert.Equal(3, ranked.Count);
        Assert.Equal(ranked.OrderByDescending(hit => hit.Score), ranked);
        using Reranker three = Reranker.FromPretrained(Golden.SentenceTransformers("cross-encoder-three-labels", temporary));
        Assert.Contains("3 scores for a pair", Assert.Throws<NotSupportedException>(() => three.Rank("q", ["d"])).Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("modules.json", "[]", "lists no modules")]
    [InlineData("modules.json", """[{"type": "x.Transformer", "path": ""}, {"type": "x.Transformer", "path": ""}, {"type": "x.Pooling", "path": "1_Pooling"}]""", "lists 2 Transformer modules, expected one")]
    [InlineData("modules.json", """[{"type": "x.Pooling", "path": "1_Pooling"}]""", "begins with module Pooling")]
    [InlineData("modules.json", """[{"type": "x.Transformer", "path": ""}, {"type": "x.Pooling"}]""", "module Pooling has no path")]
    [InlineData("modules.json", """[{"type": "x.Transformer", "path": ""}, {"type": "x.Normalize", "path": "2"}, {"type": "x.Pooling", "path": "1_Pooling"}]""", "module Normalize comes before Pooling")]
    [InlineData("1_Pooling/config.json", """{"word_embedding_dimension": 33, "pooling_mode_mean_tokens": true}""", "word_embedding_dimension is 33, expected 32")]
    [InlineData("1_Pooling/config.json", """{"embedding_dimension": 16, "pooling_mode": "mean"}""", "embedding_dimension is 16, expected 32")]
    [InlineData("2_Dense/config.json", """{"in_features": 31, "out_features": 20, "bias": true}""", "in_features is 31, expected 32, the features that the module before it gives")]
    [InlineData("2_Dense/config.json", """{"in_features": 32, "out_features": 21, "bias": true}""", "but config.json asks for [21, 32]")]
    [InlineData("config_sentence_transformers.json", """{"similarity_fn_name": "jaccard"}""", "similarity_fn_name is \"jaccard\", expected one of cosine, dot, euclidean, manhattan")]
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

    [Theory]
    [MemberData(nameof(PythonLower))]
    public void Lower_case_is_that_of_Python(string text, string expected) => Assert.Equal(expected, LowerCasing.Lower(text));

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
            Assert.Equal(golden["uint8" + suffix].Bytes.ToArray(), vectors.SelectMany(vector => EmbeddingQuantization.ToBytes(vector, range.Least, range.Most)));
            Assert.Equal(golden["int8" + suffix].Bytes.ToArray(), vectors.SelectMany(vector => EmbeddingQuantization.ToSignedBytes(vector, range.Least, range.Most)).Select(code => (byte)code));
        }
    }

    /// <summary>With left padding the reference's batches change its numbers (its query scale counts padding), so only single texts can be compared there.</summary>
    private static void Compare(TensorArchive golden, string name, float[][] vectors, string batched = "")
    {
        if (!golden.TryGet(name, out StoredTensor? expected) || batched.EndsWith("-left", StringComparison.Ordinal)) return;
        Assert.Equal([vectors.Length, vectors[0].Length], expected.Shape.ToArray());
        Golden.AssertClose(Flat(vectors), expected.ToSingleArray(), 2e-5, name);
    }

    private static float[] Flat(float[][] vectors) => [.. vectors.SelectMany(vector => vector)];

    private static float[][] Rows(StoredTensor tensor) => [.. tensor.ToSingleArray().Chunk((int)tensor.Columns)];

    private static string[] Strings(JsonDocument json, string name) => [.. json.RootElement.GetProperty(name).EnumerateArray().Select(item => item.GetString()!)];
}
