using System.Numerics.Tensors;
using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>A way to keep and compare the vectors of one model.</summary>
/// <param name="Dimensions">Features kept of each vector; null keeps all.</param>
/// <param name="Store">F32 compares exactly; others search an index of that store, as <c>sirocco search</c> does.</param>
public sealed record VectorVariant(int? Dimensions = null, VectorStore Store = VectorStore.F32);

/// <summary>
/// Searches a corpus with a model in several ways at once: queries and documents are embedded once, and each vector goes to every <see cref="VectorVariant"/>.
/// </summary>
public static class ModelSearch
{
    private const int BlockDocuments = 1024;

    /// <summary>Runs the search.</summary>
    /// <param name="embedder">The model.</param>
    /// <param name="corpus">The documents.</param>
    /// <param name="queries">What is asked.</param>
    /// <param name="variants">Ways of keeping vectors.</param>
    /// <param name="options">Depth, prompts, unit length.</param>
    /// <param name="progress">Told the number of texts done: queries, then documents.</param>
    /// <param name="cancellation">Stops between layers and blocks.</param>
    /// <returns>A run for each variant.</returns>
    /// <exception cref="ArgumentException">A variant keeps more features than the model gives.</exception>
    public static IReadOnlyList<RetrievalRun> Run(
        Embedder embedder,
        Corpus corpus,
        IReadOnlyList<RetrievalQuery> queries,
        IReadOnlyList<VectorVariant> variants,
        ModelSearchOptions options,
        IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(embedder);
        float[][] asked = Asked(embedder, queries, options.QueryPrompt ?? embedder.QueryPrompt, variants, progress, cancellation);
        IEnumerable<float[]> documents = embedder.Embed(
            Enumerable.Range(0, corpus.Count), corpus.TextOf, prompt: options.DocumentPrompt ?? embedder.DocumentPrompt, progress: progress is null ? null
                : new ProgressAfter(progress, asked.Length), cancellation: cancellation)
            .Select(embedded => embedded.Vector);
        return Run(embedder, queries, asked, documents, corpus.IdOf, variants, options, cancellation);
    }

    /// <summary>The same with documents whose vectors an index has, so that only the queries are embedded.</summary>
    /// <param name="index">Keeps f32 vectors.</param>
    /// <param name="queries">What is asked.</param>
    /// <param name="variants">Ways of keeping vectors.</param>
    /// <param name="options">Depth, prompt of the queries, unit length.</param>
    /// <param name="progress">Told the number of queries embedded.</param>
    /// <param name="cancellation">Stops between layers and blocks.</param>
    /// <returns>A run for each variant.</returns>
    /// <exception cref="ArgumentException">A variant keeps more features than the index has.</exception>
    /// <exception cref="NotSupportedException">The index keeps vectors as int8 or signs only.</exception>
    public static IReadOnlyList<RetrievalRun> Run(
        SemanticIndex index,
        IReadOnlyList<RetrievalQuery> queries,
        IReadOnlyList<VectorVariant> variants,
        ModelSearchOptions options,
        IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(index);
        VectorIndex vectors = index.Vectors;
        float[][] asked = Asked(index.Embedder, queries, options.QueryPrompt ?? vectors.Description.QueryPrompt, variants, progress, cancellation);
        IEnumerable<float[]> documents = Enumerable.Range(0, vectors.Count).Select(row =>
        {
            float[] vector = new float[vectors.Dimensions];
            vectors.CopyVector(row, vector);
            return vector;
        });
        return Run(index.Embedder, queries, asked, documents, vectors.Id, variants, options, cancellation);
    }

    private static float[][] Asked(
        Embedder embedder, IReadOnlyList<RetrievalQuery> queries, string prompt, IReadOnlyList<VectorVariant> variants, IProgress<int>? progress,
        CancellationToken cancellation)
    {
        foreach (VectorVariant variant in variants)
        {
            if (variant.Dimensions > embedder.Dimensions)
            {
                throw new ArgumentException(
                    $"{variant.Dimensions} dimensions are asked for, but the model gives vectors of {embedder.Dimensions}; ask for at most that many",
                    nameof(variants));
            }
        }

        return embedder.Embed([.. queries.Select(query => query.Text)], prompt: prompt, progress: progress, cancellation: cancellation);
    }

    private static IReadOnlyList<RetrievalRun> Run(
        Embedder embedder,
        IReadOnlyList<RetrievalQuery> queries,
        float[][] asked,
        IEnumerable<float[]> documents,
        Func<int, string> idOf,
        IReadOnlyList<VectorVariant> variants,
        ModelSearchOptions options,
        CancellationToken cancellation)
    {
        // A cut takes unit length away; similarity is the cosine wherever whole vectors have unit length, as sentence-transformers compares them.
        bool unit = options.NormalizeCuts ?? Array.TrueForAll(asked, vector => Math.Abs(TensorPrimitives.Norm<float>(vector) - 1) < 1e-3f);
        using ComputeContext context = new(new ComputeOptions { Threads = embedder.Options.Threads });
        List<VariantSearch> searches = [];
        try
        {
            foreach (VectorVariant variant in variants) searches.Add(VariantSearch.Start(context, variant, embedder.Dimensions, asked, unit, options.Top));
            int document = 0;
            foreach (float[] vector in documents)
            {
                foreach (VariantSearch search in searches) search.Add(idOf(document), vector, cancellation);
                document++;
            }

            return [.. searches.Select(search => search.Finish(queries, idOf, cancellation))];
        }
        finally
        {
            foreach (VariantSearch search in searches) search.Dispose();
        }
    }

    /// <summary>Goes on counting after what was done before.</summary>
    private sealed class ProgressAfter(IProgress<int> progress, int before) : IProgress<int>
    {
        public void Report(int value) => progress.Report(before + value);
    }

    /// <summary>Takes the vectors of the corpus one by one, and gives the ranking at the end.</summary>
    private abstract class VariantSearch(int width, bool normalize) : IDisposable
    {
        public static VariantSearch Start(ComputeContext context, VectorVariant variant, int features, float[][] queries, bool unit, int top)
        {
            int width = variant.Dimensions ?? features;
            bool normalize = unit && width < features;
            float[] cut = new float[checked(queries.Length * width)];
            for (int q = 0; q < queries.Length; q++) Cut(queries[q], cut.AsSpan(q * width, width), normalize);
            return variant.Store == VectorStore.F32 ? new ExactSearch(context, cut, width, normalize, top)
                : new IndexSearch(cut, width, normalize, variant.Store, top, context.Threads);
        }

        public void Add(string id, ReadOnlySpan<float> vector, CancellationToken cancellation)
        {
            Span<float> place = Next();
            Cut(vector, place[..width], normalize);
            Added(id, cancellation);
        }

        public RetrievalRun Finish(IReadOnlyList<RetrievalQuery> queries, Func<int, string> idOf, CancellationToken cancellation)
        {
            RetrievalRun run = new();
            int q = 0;
            // records of an index may share an id
            foreach (IEnumerable<(int Document, float Score)> hits in Rank(cancellation))
                run.Add(queries[q++].Id, hits.Select(hit => new ScoredDocument(idOf(hit.Document), hit.Score)).DistinctBy(found => found.Document));
            return run;
        }

        public virtual void Dispose()
        {
        }

        /// <summary>Where the next vector is written.</summary>
        protected abstract Span<float> Next();

        protected abstract void Added(string id, CancellationToken cancellation);

        protected abstract IEnumerable<IEnumerable<(int Document, float Score)>> Rank(CancellationToken cancellation);

        private static void Cut(ReadOnlySpan<float> vector, Span<float> cut, bool normalize)
        {
            vector[..cut.Length].CopyTo(cut);
            if (normalize) TensorPrimitives.Divide(cut, Math.Max(TensorPrimitives.Norm<float>(cut), 1e-12f), cut);
        }
    }

    private sealed class ExactSearch(ComputeContext context, float[] queries, int width, bool normalize, int top) : VariantSearch(width, normalize)
    {
        private readonly ExactRanking ranking = new(context, queries, width, top);
        private readonly float[] block = new float[BlockDocuments * width];
        private readonly int width = width;
        private int held;

        protected override Span<float> Next() => block.AsSpan(held++ * width, width);

        protected override void Added(string id, CancellationToken cancellation)
        {
            if (held == BlockDocuments) Flush(cancellation);
        }

        protected override IEnumerable<IEnumerable<(int Document, float Score)>> Rank(CancellationToken cancellation)
        {
            Flush(cancellation);
            return ranking.Best();
        }

        private void Flush(CancellationToken cancellation)
        {
            ranking.Add(block.AsSpan(0, held * width), cancellation);
            held = 0;
        }
    }

    /// <summary>An index on disk, removed afterwards: what is measured is what a search of such an index finds.</summary>
    private sealed class IndexSearch : VariantSearch
    {
        private readonly float[] queries;
        private readonly float[] vector;
        private readonly int top;
        private readonly int threads;
        private readonly string folder = Directory.CreateTempSubdirectory("sirocco-eval-").FullName;
        private readonly VectorIndexBuilder builder;

        public IndexSearch(float[] queries, int width, bool normalize, VectorStore store, int top, int threads)
            : base(width, normalize)
        {
            this.queries = queries;
            this.top = top;
            this.threads = threads;
            vector = new float[width];
            try
            {
                builder = new VectorIndexBuilder(Path.Combine(folder, "index"), new IndexDescription { Dimensions = width, Store = store });
            }
            catch
            {
                Directory.Delete(folder, recursive: true);
                throw;
            }
        }

        public override void Dispose()
        {
            builder.Dispose();
            Directory.Delete(folder, recursive: true);
            base.Dispose();
        }

        protected override Span<float> Next() => vector;

        protected override void Added(string id, CancellationToken cancellation) => builder.Add(id, "", vector);

        protected override IEnumerable<IEnumerable<(int Document, float Score)>> Rank(CancellationToken cancellation)
        {
            builder.Commit();
            using VectorIndex index = VectorIndex.Open(Path.Combine(folder, "index"));
            return index.SearchRows(queries, top, threads, cancellation);
        }
    }
}

/// <summary>How <see cref="ModelSearch"/> searches.</summary>
public sealed record ModelSearchOptions
{
    /// <summary>Documents for each query.</summary>
    public int Top { get; init; } = 100;

    /// <summary>Put before each query; null takes the model's own.</summary>
    public string? QueryPrompt { get; init; }

    /// <summary>Put before each document; null takes the model's own.</summary>
    public string? DocumentPrompt { get; init; }

    /// <summary>Whether cut vectors are made of unit length; null does so where whole vectors are.</summary>
    public bool? NormalizeCuts { get; init; }
}
