using System.Numerics.Tensors;
using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training.Tests.Evaluation;

public sealed class SearchTests : IDisposable
{
    private static readonly string Llama = GoldenFile.Path(Path.Combine("retrieval", "common", "llama"));

    private readonly TemporaryFolder folder = new();
    private readonly string corpus;
    private readonly string queries;

    public SearchTests()
    {
        string[] words = ["disk", "usage", "network", "port", "image", "viewer", "editor", "text", "music", "player", "chess", "game"];
        Random random = new(4);
        string Text(int length) => string.Join(' ', Enumerable.Range(0, length).Select(_ => words[random.Next(12)]));
        corpus = folder.Write(
            "corpus.jsonl",
            string.Concat(Enumerable.Range(0, 60).Select(i =>
                $$"""{"_id": "d{{i}}", "title": "{{words[i % 12]}}", "text": "{{Text(3 + (i % 7))}}"}""" + "\n")));
        queries = folder.Write(
            "queries.jsonl",
            string.Concat(
                Enumerable.Range(0, 9).Select(i => $$"""{"query": "{{words[i]}} {{words[i + 3]}}", "positive": ["d{{i}}", "d{{i + 12}}"]}""" + "\n")));
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100)]
    public void Documents_given_in_blocks_are_ranked_as_all_at_once(int block)
    {
        Random random = new(block);
        float[] asked = [.. Enumerable.Range(0, 5 * 8).Select(_ => (float)random.Next(-2, 3))],
            documents = [.. Enumerable.Range(0, 100 * 8).Select(_ => (float)random.Next(-2, 3))];
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        ExactRanking ranking = new(context, asked, 8, 12);
        for (int start = 0; start < 100; start += block) ranking.Add(documents.AsSpan(start * 8, Math.Min(block, 100 - start) * 8));
        (int Document, float Score)[][] best = ranking.Best();
        for (int q = 0; q < 5; q++)
        {
            // Whole numbers are exact in any order of summation, so ties are ties: the earlier document comes first.
            var expected = Enumerable.Range(0, 100).Select(d => (Document: d, Score: TensorPrimitives.Dot(asked.AsSpan(q * 8, 8), documents.AsSpan(d * 8, 8))))
                .OrderByDescending(hit => hit.Score).ThenBy(hit => hit.Document).Take(12);
            Assert.Equal(expected, best[q]);
        }
    }

    [Fact]
    public void Cuts_and_stores_find_what_their_vectors_say()
    {
        using Embedder embedder = Embedder.FromPretrained(SavedModel());
        Corpus documents = EvaluationCorpus.Load(corpus);
        IReadOnlyList<RetrievalQuery> asked = RetrievalQueries.Load(queries).Judged;
        VectorVariant[] variants = [new(), new(16), new(null, VectorStore.Int8), new(16, VectorStore.Binary)];
        IReadOnlyList<RetrievalRun> runs = ModelSearch.Run(embedder, documents, asked, variants, new ModelSearchOptions { Top = 60 });
        float[][] left = embedder.Embed([.. asked.Select(query => query.Text)]),
            right = embedder.Embed([.. Enumerable.Range(0, documents.Count).Select(documents.TextOf)]);
        for (int v = 0; v < variants.Length; v++)
        {
            int width = variants[v].Dimensions ?? embedder.Dimensions;
            for (int q = 0; q < asked.Count; q++)
            {
                ScoredDocument[] found = runs[v].Ranking(asked[q].Id);
                Assert.Equal(60, found.Length);
                foreach (ScoredDocument hit in found)
                {
                    // Vectors are of unit length, so a cut is compared by its cosine; a byte a feature keeps two digits.
                    double cosine = TensorPrimitives.CosineSimilarity(left[q].AsSpan(0, width), right[documents.Find(hit.Document)].AsSpan(0, width));
                    Assert.Equal(cosine, hit.Score, variants[v].Store == VectorStore.F32 ? 1e-5 : 0.02);
                }
            }
        }

        Assert.Throws<ArgumentException>(() => ModelSearch.Run(embedder, documents, asked, [new(10_000)], new ModelSearchOptions()));
    }

    [Fact]
    public void A_model_in_training_is_measured_as_the_model_that_is_saved()
    {
        TrainingTokenizer tokenizer = TrainingTokenizer.Load(new TokenizerOptions { Path = Llama });
        CorpusEvaluationOptions options = new() { Corpus = corpus, Queries = queries, Metrics = ["ndcg@10", "mrr@10", "map"] };
        CorpusEvaluation evaluation = CorpusEvaluation.Load(
            options, tokenizer, new BiEncoderCollatorOptions { QueryPrefix = "query:", PassagePrefix = "passage:" });
        Assert.Equal((9, 60), (evaluation.Queries, evaluation.Documents));
        using BiEncoder model = Model(tokenizer);
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        IReadOnlyDictionary<string, double> figures = evaluation.Evaluate(model, context, Precision.F32);
        Assert.Equal(options.Metrics, figures.Keys);
        Assert.Equal(figures, evaluation.Evaluate(model, context, Precision.F32));

        using Embedder embedder = Embedder.FromPretrained(SavedModel());
        RetrievalQueries asked = RetrievalQueries.Load(queries);
        RetrievalRun run = ModelSearch.Run(
            embedder,
            EvaluationCorpus.Load(corpus),
            asked.Judged,
            [new VectorVariant()],
            new ModelSearchOptions { Top = 60, QueryPrompt = "query: ", DocumentPrompt = "passage: " })[0];
        RetrievalMetric[] metrics = [.. options.Metrics.Select(RetrievalMetric.Parse)];
        RetrievalScores scores = RetrievalScores.Of(run, asked.Judgements, metrics);
        for (int m = 0; m < metrics.Length; m++) Assert.Equal(scores.Mean(m), figures[metrics[m].Name], 1e-9);
    }

    [Fact]
    public void Texts_are_cut_as_in_training_unless_the_search_has_lengths_of_its_own()
    {
        TrainingTokenizer tokenizer = TrainingTokenizer.Load(new TokenizerOptions { Path = Llama });
        using BiEncoder model = Model(tokenizer);
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        CorpusEvaluationOptions options = new() { Corpus = corpus, Queries = queries, Metrics = ["ndcg@10", "map"] };
        IReadOnlyDictionary<string, double> own = Measure(options with { QueryLength = 5, PassageLength = 4 }, new()),
        trained = Measure(options, new() { QueryLength = 5, PassageLength = 4 });
        Assert.Equal(trained, own);
        Assert.NotEqual(Measure(options, new()), own);

        IReadOnlyDictionary<string, double> Measure(CorpusEvaluationOptions search, BiEncoderCollatorOptions texts) =>
            CorpusEvaluation.Load(search, tokenizer, texts).Evaluate(model, context, Precision.F32);
    }

    [Fact]
    public void Limits_keep_the_relevant_documents()
    {
        TrainingTokenizer tokenizer = TrainingTokenizer.Load(new TokenizerOptions { Path = Llama });
        CorpusEvaluationOptions options = new() { Corpus = corpus, Queries = queries, MaximumQueries = 4, MaximumDocuments = 20 };
        CorpusEvaluation evaluation = CorpusEvaluation.Load(options, tokenizer, new BiEncoderCollatorOptions());
        Assert.Equal((4, 20), (evaluation.Queries, evaluation.Documents));
        Assert.Equal(8, CorpusEvaluation.Load(options with { MaximumDocuments = 3 }, tokenizer, new BiEncoderCollatorOptions()).Documents);
    }

    private static BiEncoder Model(TrainingTokenizer tokenizer)
    {
        ModelConfig config = TinyTask.Config with { VocabularySize = tokenizer.Tokenizer.VocabularySize };
        return new BiEncoder(new Decoder(config, new RandomParameters(config, 8)), new EncoderSettings());
    }

    private string SavedModel()
    {
        string path = folder.File("model");
        using BiEncoder model = Model(TrainingTokenizer.Load(new TokenizerOptions { Path = Llama }));
        model.Save(path, new ExportOptions { Tokenizer = Path.Combine(Llama, "tokenizer.json") });
        return path;
    }
}
