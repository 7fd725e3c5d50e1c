using System.Numerics.Tensors;

namespace Sirocco.Models.Tests;

public sealed class VectorIndexTests : IDisposable
{
    private readonly TemporaryFolder temporary = new();

    public void Dispose() => temporary.Dispose();

    [Theory]
    [InlineData(VectorStore.F32, 1, 1)]
    [InlineData(VectorStore.F32, 1000, 37)]
    [InlineData(VectorStore.Int8, 1000, 37)]
    [InlineData(VectorStore.Int8, 257, 128)]
    [InlineData(VectorStore.Binary, 200, 70)]
    public void A_search_finds_what_scoring_every_vector_finds(VectorStore store, int count, int dimensions)
    {
        float[][] vectors = Vectors(count, dimensions, 1), queries = Vectors(9, dimensions, 2);
        using VectorIndex index = Build("index", store, vectors);
        int top = Math.Min(10, count);
        IReadOnlyList<IReadOnlyList<SearchHit>> found = index.Search(queries.SelectMany(query => query).ToArray(), 10);
        for (int q = 0; q < queries.Length; q++)
        {
            float[] scores = [.. vectors.Select(vector => Score(store, queries[q], vector))];
            int[] expected = [.. Enumerable.Range(0, count).OrderByDescending(row => scores[row]).ThenBy(row => row).Take(top)];
            Assert.Equal(expected, found[q].Select(hit => hit.Row));
            Assert.All(found[q], hit => Assert.Equal((scores[hit.Row], $"id {hit.Row}", $"text é {hit.Row}"), (hit.Score, hit.Id, hit.Text), new Near()));
        }
    }

    [Fact]
    public void The_int8_store_loses_little_and_the_binary_store_finds_nearly_all()
    {
        float[][] vectors = Vectors(3000, 96, 3), queries = Vectors(20, 96, 4);
        float[] all = [.. queries.SelectMany(query => query)];
        using VectorIndex exact = Build("f32", VectorStore.F32, vectors),
            bytes = Build("int8", VectorStore.Int8, vectors),
            bits = Build("binary", VectorStore.Binary, vectors);
        double Overlap(VectorIndex index) =>
            index.SearchRows(all, 10).Zip(exact.SearchRows(all, 10), (a, b) => a.Select(hit => hit.Row).Intersect(b.Select(hit => hit.Row)).Count())
                .Average() / 10;
        Assert.True(Overlap(bytes) >= 0.95, $"int8 {Overlap(bytes)}");
        Assert.True(Overlap(bits) >= 0.8, $"binary {Overlap(bits)}");
    }

    [Fact]
    public void Results_do_not_depend_on_threads_or_batches_and_equal_scores_keep_their_order()
    {
        float[][] vectors = [.. Enumerable.Repeat(new float[] { 1, 0, 0 }, 700), .. Vectors(700, 3, 5)];
        using VectorIndex index = Build("index", VectorStore.F32, vectors);
        float[] queries = [1, 0, 0, 0, 1, 0];
        var one = index.SearchRows(queries, 20, threads: 1);
        Assert.Equal(Enumerable.Range(0, 20), one[0].Select(hit => hit.Row));
        for (int run = 0; run < 5; run++) Assert.Equal(one, index.SearchRows(queries, 20, threads: 4));
        Assert.Equal(one[1], index.SearchRows(queries.AsMemory(3), 20)[0]);
    }

    [Fact]
    public void A_record_that_could_not_be_added_leaves_no_trace_or_no_index()
    {
        string folder = temporary.File("careful");
        using (VectorIndexBuilder builder = new(folder, new IndexDescription { Dimensions = 2, Store = VectorStore.F32 }))
        {
            Assert.Throws<ArgumentNullException>(() => builder.Add(null!, "text", [1, 2]));
            Assert.Throws<ArgumentNullException>(() => builder.Add("id", null!, [1, 2]));
            Assert.Throws<ArgumentException>(() => builder.Add("id", "text", [1, 2, 3]));
            Assert.Throws<InvalidDataException>(() => builder.Add("id", "text", [1, float.NaN]));
            builder.Add("good", "text", [3, 4]);
            builder.Commit();
        }

        using VectorIndex index = VectorIndex.Open(folder);
        SearchHit hit = Assert.Single(index.Search(new float[] { 1, 0 }, 10)[0]);
        Assert.Equal(("good", 3f), (hit.Id, hit.Score));
    }

    [SkippableFact]
    public void An_index_is_not_built_with_an_adapter_that_a_search_could_not_find_again()
    {
        string model = Golden.Folder("adapters/base/ministral3-bidirectional"), place = temporary.Copy(model);
        File.Copy(Path.Combine(Golden.SentenceTransformers("dense", temporary), "tokenizer.json"), Path.Combine(place, "tokenizer.json"));
        using Embedder embedder = Embedder.FromPretrained(place, new EmbedderOptions { Threads = 1, Adapter = Golden.Folder("adapters/dora-bidirectional") });
        string message = Assert.Throws<NotSupportedException>(
            () => SemanticIndex.Build(embedder, [new IndexRecord("a", "a")], temporary.File("index"))).Message;
        Assert.Contains("merge it into a model (sirocco adapter merge)", message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(temporary.File("index")));
    }

    [Fact]
    public void More_records_may_be_wanted_than_there_are_or_memory_for()
    {
        BestRows best = new(int.MaxValue);
        best.Add(3, 0.5f);
        best.Add(1, 0.75f);
        Assert.Equal([(1, 0.75f), (3, 0.5f)], best.Ranked());
        using VectorIndex index = Build("index", VectorStore.Binary, Vectors(5, 4, 1));
        Assert.Equal(5, index.Search(Vectors(1, 4, 2)[0], int.MaxValue)[0].Count);
    }

    [Fact]
    public void An_empty_index_finds_nothing()
    {
        using VectorIndex index = Build("index", VectorStore.F32, []);
        Assert.Empty(index.Search(new float[4], 10)[0]);
    }

    [Theory]
    [InlineData("vectors.f32", 8)]
    [InlineData("ids.ends", 4)]
    [InlineData("texts.utf8", 1)]
    public void A_truncated_file_is_named(string name, int missing)
    {
        Build("index", VectorStore.F32, Vectors(5, 4, 1)).Dispose();
        string path = temporary.File("index/" + name);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^missing]);
        Assert.Contains(name, Assert.Throws<InvalidDataException>(() => VectorIndex.Open(temporary.File("index"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_descriptions_fail_cleanly()
    {
        Build("index", VectorStore.F32, Vectors(5, 4, 1)).Dispose();
        string path = temporary.File("index/index.json");
        string good = File.ReadAllText(path);
        string[] damaged =
        [
            "", "[]", good[..20],
            good.Replace("5", "6", StringComparison.Ordinal),
            good.Replace("\"f32\"", "\"f64\"", StringComparison.Ordinal),
            good.Replace("\"dimensions\": 4", "\"dimensions\": 1e12", StringComparison.Ordinal),
        ];
        foreach (string bad in damaged)
        {
            File.WriteAllText(path, bad);
            Assert.Contains("index", Assert.Throws<InvalidDataException>(() => VectorIndex.Open(temporary.File("index"))).Message, StringComparison.Ordinal);
        }

        Assert.Throws<FileNotFoundException>(() => VectorIndex.Open(temporary.File("nothing")));
    }

    [Fact]
    public void Int8_products_equal_their_plain_sum_for_any_length()
    {
        Random random = new(6);
        for (int length = 0; length < 130; length++)
        {
            float[] query = [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() - 0.5f)];
            sbyte[] codes = [.. Enumerable.Range(0, length).Select(_ => (sbyte)random.Next(-127, 128))];
            double expected = 0;
            for (int i = 0; i < length; i++) expected += (double)query[i] * codes[i];
            Assert.Equal(expected, VectorFiles.Dot(query, codes), 1e-3);
        }
    }

    [SkippableFact]
    public void A_corpus_is_asked_in_words_with_the_prompts_and_settings_it_was_built_with()
    {
        string model = temporary.Copy(Golden.SentenceTransformers("normalize-prompts", temporary));
        IndexRecord[] records =
        [
            .. Enumerable.Range(0, 30).Select(i => new IndexRecord($"p{i}", $"package {i} shows {(i % 2 == 0 ? "pictures" : "numbers")} of {i * i}")),
        ];
        EmbedderOptions options = new() { Precision = Compute.Precision.F32, Threads = 2, Dimensions = 16, Normalize = true };
        string folder = Path.Combine(model, "index");
        List<int> progress = [];
        using (Embedder embedder = Embedder.FromPretrained(model, options))
        {
            Assert.Equal(new IndexBuild(30, 0, null), SemanticIndex.Build(embedder, records, folder, progress: new Listed(progress)));
        }

        Assert.Equal(30, progress[^1]);
        string moved = model + "-moved";
        Directory.Move(model, moved);
        using SemanticIndex index = SemanticIndex.Open(moved, new SearchOptions { Threads = 2 });
        using Embedder again = Embedder.FromPretrained(moved, options);
        IReadOnlyList<SearchHit> hits = index.Search(["shows numbers"], top: 5)[0];
        float[] query = again.Embed("shows numbers", promptName: "query");
        float[] scores =
        [
            .. again.Embed([.. records.Select(record => record.Text)], promptName: "document").Select(vector => TensorPrimitives.Dot<float>(query, vector)),
        ];
        Assert.Equal(
            Enumerable.Range(0, 30).OrderByDescending(i => scores[i]).Take(5).Select(i => records[i]), hits.Select(hit => new IndexRecord(hit.Id, hit.Text)));

        using Reranker reranker = Reranker.FromPretrained(Golden.SentenceTransformers("cross-encoder", temporary), new RerankerOptions { Threads = 1 });
        IReadOnlyList<SearchHit> reranked = index.Search(["shows numbers"], top: 3, reranker)[0];
        Assert.Equal(reranker.Rank("shows numbers", [.. records.Select(record => record.Text)], 3).Select(hit => hit.Text), reranked.Select(hit => hit.Text));
    }

    [SkippableFact]
    public void An_index_knows_when_its_model_has_changed()
    {
        string model = temporary.Copy(Golden.SentenceTransformers("dense", temporary)), folder = temporary.File("index");
        using (Embedder embedder = Embedder.FromPretrained(model)) SemanticIndex.Build(embedder, model, [new IndexRecord("a", "a")], folder);
        byte[] weights = File.ReadAllBytes(Path.Combine(model, "model.safetensors"));
        weights[^1] ^= 1;
        File.WriteAllBytes(Path.Combine(model, "model.safetensors"), weights);
        Assert.Contains("another model", Assert.Throws<InvalidDataException>(() => SemanticIndex.Open(folder)).Message, StringComparison.Ordinal);
        Directory.Delete(model, recursive: true);
        Assert.Contains("is not there", Assert.Throws<FileNotFoundException>(() => SemanticIndex.Open(folder)).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_fingerprint_is_of_the_files_that_are_loaded()
    {
        string model = temporary.Copy(Golden.SentenceTransformers("dense", temporary));
        string before = ModelFingerprint.Of(model);
        foreach (string other in (string[])["consolidated.safetensors", "params.json", "adapter_model.safetensors", "model-q8_0.gguf"])
            File.WriteAllText(Path.Combine(model, other), "other");
        Assert.Equal(before, ModelFingerprint.Of(model));
        foreach (string dense in Directory.GetFiles(model, "model.safetensors", SearchOption.AllDirectories))
        {
            byte[] weights = File.ReadAllBytes(dense);
            weights[^1] ^= 1;
            File.WriteAllBytes(dense, weights);
            string now = ModelFingerprint.Of(model);
            Assert.NotEqual(before, now);
            before = now;
        }

        string native = temporary.File("native");
        temporary.Write("native/consolidated.safetensors", "weights");
        temporary.Write("native/params.json", "{}");
        before = ModelFingerprint.Of(native);
        File.WriteAllText(Path.Combine(native, "params.json"), "{\"dim\": 2}");
        Assert.NotEqual(before, ModelFingerprint.Of(native));
    }

    private static float[][] Vectors(int count, int dimensions, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, dimensions).Select(_ => random.NextSingle() - 0.5f).ToArray())];
    }

    private static IndexDescription Description(VectorStore store, int dimensions) => new() { Dimensions = dimensions, Store = store };

    /// <summary>What the store keeps of a vector, times the query.</summary>
    private static float Score(VectorStore store, float[] query, float[] vector)
    {
        if (store == VectorStore.F32) return TensorPrimitives.Dot<float>(query, vector);
        sbyte[] codes = new sbyte[vector.Length];
        float scale = VectorIndexBuilder.Quantize(vector, codes);
        return scale * VectorFiles.Dot(query, codes);
    }

    private VectorIndex Build(string name, VectorStore store, float[][] vectors)
    {
        string path = temporary.File(name);
        using VectorIndexBuilder builder = new(path, Description(store, vectors.Length == 0 ? 4 : vectors[0].Length));
        for (int i = 0; i < vectors.Length; i++) builder.Add($"id {i}", $"text é {i}", vectors[i]);
        builder.Commit();
        return VectorIndex.Open(path);
    }

    private sealed class Near : IEqualityComparer<(float Score, string Id, string Text)>
    {
        public bool Equals((float Score, string Id, string Text) a, (float Score, string Id, string Text) b) =>
            Math.Abs(a.Score - b.Score) < 1e-4 && a.Id == b.Id && a.Text == b.Text;

        public int GetHashCode((float Score, string Id, string Text) hit) => hit.Id.GetHashCode(StringComparison.Ordinal);
    }

    private sealed class Listed(List<int> values) : IProgress<int>
    {
        public void Report(int value) => values.Add(value);
    }
}
