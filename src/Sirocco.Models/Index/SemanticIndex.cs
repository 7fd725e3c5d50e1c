namespace Sirocco.Models;

/// <summary>
/// A corpus that can be asked in words: a <see cref="VectorIndex"/> together with the model that made it.
/// <code>
/// using (var embedder = Embedder.FromPretrained("./model")) SemanticIndex.Build(embedder, records, "./index", new() { Store = VectorStore.Int8 });
/// using var index = SemanticIndex.Open("./index");
/// IReadOnlyList&lt;SearchHit&gt; hits = index.Search("list open ports", top: 10);
/// </code>
/// </summary>
/// <remarks>Safe to use from several threads.</remarks>
public sealed class SemanticIndex : IDisposable
{
    private readonly VectorIndex index;
    private readonly Embedder embedder;
    private readonly int threads;

    private SemanticIndex(VectorIndex index, Embedder embedder, int threads)
    {
        this.index = index;
        this.embedder = embedder;
        this.threads = threads;
    }

    /// <summary>The vectors.</summary>
    public VectorIndex Vectors => index;

    /// <summary>The model that embeds queries.</summary>
    public Embedder Embedder => embedder;

    /// <summary>
    /// Embeds a corpus and writes its index; nothing of the corpus is held in memory. An earlier index of that name is replaced when the new one is complete.
    /// </summary>
    /// <param name="embedder">The model; its document prompt is put before each text.</param>
    /// <param name="model">The folder or hub id by which searches find the model again.</param>
    /// <param name="records">The corpus.</param>
    /// <param name="folder">Where the index is written.</param>
    /// <param name="options">Null keeps four bytes a feature and takes the model's prompts.</param>
    /// <param name="progress">Told the number of records done.</param>
    /// <param name="cancellation">Leaves things as they were.</param>
    /// <exception cref="IOException">Something that is no index lies in the folder, another process builds it, or it cannot be written.</exception>
    /// <exception cref="NotSupportedException">The model has an adapter, without which a search could not embed its queries.</exception>
    public static IndexBuild Build(
        Embedder embedder,
        string model,
        IEnumerable<IndexRecord> records,
        string folder,
        IndexOptions? options = null,
        IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        options ??= new IndexOptions();
        if (embedder.Options.Adapter is { } adapter)
            throw new NotSupportedException($"an index does not keep the adapter {adapter}; merge it into a model (sirocco adapter merge) and index with that");
        IndexDescription description = new()
        {
            Dimensions = embedder.Dimensions,
            Store = options.Store,
            Model = ModelReference.Write(model, folder),
            Fingerprint = embedder.Fingerprint,
            QueryPrompt = options.QueryPrompt ?? embedder.QueryPrompt,
            DocumentPrompt = options.DocumentPrompt ?? embedder.DocumentPrompt,
            Settings = IndexSettings.Write(embedder.Options),
        };
        using VectorIndexBuilder builder = new(folder, description);
        int count = 0;
        foreach ((IndexRecord record, float[] vector) in embedder.Embed(
            records, record => record.Text, prompt: description.DocumentPrompt, progress: progress, cancellation: cancellation))
        {
            builder.Add(record.Id, record.Text, vector);
            count++;
        }

        builder.Commit();
        return new IndexBuild(count, builder.RepeatedIds, builder.FirstRepeatedId);
    }

    /// <summary>As the other, where searches find the model under the name that the embedder was loaded by.</summary>
    /// <inheritdoc cref="Build(Embedder, string, IEnumerable{IndexRecord}, string, IndexOptions?, IProgress{int}?, CancellationToken)"/>
    public static IndexBuild Build(
        Embedder embedder, IEnumerable<IndexRecord> records, string folder, IndexOptions? options = null, IProgress<int>? progress = null,
        CancellationToken cancellation = default) =>
        Build(embedder, embedder.Model, records, folder, options, progress, cancellation);

    /// <summary>Opens an index and the model that made it.</summary>
    /// <param name="folder">As <see cref="VectorIndex.Open"/> takes it.</param>
    /// <param name="options">Null does what the index says.</param>
    /// <exception cref="FileNotFoundException">The folder is no index, or its model is not where it was.</exception>
    /// <exception cref="InvalidDataException">The model is not the one that made the index.</exception>
    public static SemanticIndex Open(string folder, SearchOptions? options = null)
    {
        options ??= new SearchOptions();
        VectorIndex index = VectorIndex.Open(folder);
        folder = index.Folder;
        Embedder? embedder = null;
        try
        {
            IndexDescription description = index.Description;
            string model = options.Model ?? ModelReference.Read(description.Model, folder);
            if (model.Length == 0)
                throw new InvalidDataException($"{folder}: index.json names no model, so the index cannot be asked in words; say which made it with --model");
            model = options.Locate?.Invoke(model) ?? model;
            EmbedderOptions settings = IndexSettings.Read(description.Settings, folder) with
            {
                Threads = options.Threads,
                Deterministic = options.Deterministic,
            };
            embedder = Embedder.FromPretrained(model, options.Precision is { } precision ? settings with { Precision = precision } : settings);
            if (description.Fingerprint.Length > 0 && description.Fingerprint != embedder.Fingerprint)
            {
                throw new InvalidDataException(
                    $"{folder}: was made with another model than {model} is now; make the index again or name its model with --model");
            }
            if (embedder.Dimensions != index.Dimensions)
                throw new InvalidDataException($"{folder}: holds vectors of {index.Dimensions}, but {model} gives {embedder.Dimensions}; make the index again");
            return new SemanticIndex(index, embedder, options.Threads);
        }
        catch
        {
            index.Dispose();
            embedder?.Dispose();
            throw;
        }
    }

    /// <summary>The best records for each query.</summary>
    /// <param name="queries">In words; the index's query prompt is put before each.</param>
    /// <param name="top">Records wanted for each.</param>
    /// <param name="reranker">Scores the best candidates again, or null.</param>
    /// <param name="candidates">Candidates that the reranker reads for each query; null takes 50, or more where more are wanted.</param>
    /// <param name="rerankerShare">
    /// The reranker's part in the order, above 0 and up to 1; below 1 the search's scores count too (<see cref="BlendedScores"/>).
    /// </param>
    /// <param name="cancellation">Stops between layers and blocks.</param>
    /// <returns>For each query its hits, best first; scores are the reranker's where there is one, or both blended.</returns>
    public IReadOnlyList<IReadOnlyList<SearchHit>> Search(
        IReadOnlyList<string> queries,
        int top = 10,
        Reranker? reranker = null,
        int? candidates = null,
        double rerankerShare = 1,
        CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(top, 1);
        BlendedScores.RequireShare(rerankerShare);
        if (candidates is { } few) ArgumentOutOfRangeException.ThrowIfLessThan(few, 1, nameof(candidates));
        float[] vectors = [.. embedder.Embed(queries, prompt: index.Description.QueryPrompt, cancellation: cancellation).SelectMany(vector => vector)];
        int wanted = reranker is null ? top : Math.Max(top, candidates ?? Reranker.DefaultCandidates);
        IReadOnlyList<IReadOnlyList<SearchHit>> found = index.Search(vectors, wanted, threads, cancellation);
        if (reranker is null) return found;
        return
        [
            .. queries.Select((query, q) => (IReadOnlyList<SearchHit>)
            [
                .. reranker.Rank(query, [.. found[q].Select(hit => hit.Text)], [.. found[q].Select(hit => hit.Score)], rerankerShare, top, cancellation)
                    .Select(ranked => found[q][ranked.Index] with { Score = ranked.Score }),
            ]),
        ];
    }

    /// <summary>The best records for one query.</summary>
    /// <inheritdoc cref="Search(IReadOnlyList{string}, int, Reranker?, int?, double, CancellationToken)"/>
    /// <returns>Its hits, best first.</returns>
    public IReadOnlyList<SearchHit> Search(
        string query, int top = 10, Reranker? reranker = null, int? candidates = null, double rerankerShare = 1, CancellationToken cancellation = default) =>
        Search([query], top, reranker, candidates, rerankerShare, cancellation)[0];

    /// <inheritdoc/>
    public void Dispose()
    {
        index.Dispose();
        embedder.Dispose();
    }
}
