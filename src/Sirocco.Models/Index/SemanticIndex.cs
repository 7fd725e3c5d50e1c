namespace Sirocco.Models;

/// <summary>
/// A corpus that can be asked in words: a <see cref="VectorIndex"/> together with the model that made it.
/// <code>
/// using (var embedder = Embedder.FromPretrained("./model")) SemanticIndex.Build(embedder, "./model", records, "./index", new() { Store = VectorStore.Int8 });
/// using var index = SemanticIndex.Open("./index");
/// IReadOnlyList&lt;SearchHit&gt; hits = index.Search(["list open ports"], top: 10)[0];
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

    /// <summary>Embeds a corpus and writes its index; nothing of the corpus is held in memory. An earlier index of that name is replaced when the new one is complete.</summary>
    /// <param name="embedder">The model; its document prompt is put before each text.</param>
    /// <param name="model">The folder or hub id by which searches find the model again.</param>
    /// <param name="records">The corpus.</param>
    /// <param name="folder">Where the index is written.</param>
    /// <param name="options">Null keeps four bytes a feature and takes the model's prompts.</param>
    /// <param name="progress">Told the number of records done.</param>
    /// <param name="cancellation">Leaves things as they were.</param>
    /// <exception cref="IOException">Something that is no index lies in the folder, another process builds it, or it cannot be written.</exception>
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
        foreach ((IndexRecord record, float[] vector) in embedder.Embed(records, record => record.Text, prompt: description.DocumentPrompt, progress: progress, cancellation: cancellation))
        {
            builder.Add(record.Id, record.Text, vector);
            count++;
        }

        builder.Commit();
        return new IndexBuild(count, builder.RepeatedIds, builder.FirstRepeatedId);
    }

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
            if (model.Length == 0) throw new InvalidDataException($"{folder}: index.json names no model, so the index cannot be asked in words; say which made it with --model");
            model = options.Locate?.Invoke(model) ?? model;
            EmbedderOptions settings = IndexSettings.Read(description.Settings, folder) with { Threads = options.Threads, Deterministic = options.Deterministic };
            embedder = Embedder.FromPretrained(model, options.Precision is { } precision ? settings with { Precision = precision } : settings);
            if (description.Fingerprint.Length > 0 && description.Fingerprint != embedder.Fingerprint)
                throw new InvalidDataException($"{folder}: was made with another model than {model} is now; make the index again or name its model with --model");
            if (embedder.Dimensions != index.Dimensions) throw new InvalidDataException($"{folder}: holds vectors of {index.Dimensions}, but {model} gives {embedder.Dimensions}; make the index again");
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
    /// <param name="candidates">Candidates that the reranker reads for each query; 0 takes 50, or more where more are wanted.</param>
    /// <param name="cancellation">Stops between layers and blocks.</param>
    /// <returns>For each query its hits, best first; scores are the reranker's where there is one.</returns>
    public IReadOnlyList<IReadOnlyList<SearchHit>> Search(IReadOnlyList<string> queries, int top = 10, Reranker? reranker = null, int candidates = 0, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(top, 1);
        float[] vectors = [.. embedder.Embed(queries, prompt: index.Description.QueryPrompt, cancellation: cancellation).SelectMany(vector => vector)];
        int wanted = reranker is null ? top : Math.Max(top, candidates > 0 ? candidates : 50);
        IReadOnlyList<IReadOnlyList<SearchHit>> found = index.Search(vectors, wanted, threads, cancellation);
        if (reranker is null) return found;
        return
        [
            .. queries.Select((query, q) => (IReadOnlyList<SearchHit>)
            [
                .. reranker.Rank(query, [.. found[q].Select(hit => hit.Text)], top, cancellation).Select(ranked => found[q][ranked.Index] with { Score = ranked.Score }),
            ]),
        ];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        index.Dispose();
        embedder.Dispose();
    }

}
