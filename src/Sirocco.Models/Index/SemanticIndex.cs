using System.Globalization;

namespace Sirocco.Models;

/// <summary>A record of a corpus.</summary>
/// <param name="Id">Its id, given back by searches.</param>
/// <param name="Text">What is embedded and given back.</param>
public sealed record IndexRecord(string Id, string Text);

/// <summary>
/// A corpus that can be asked in words: a <see cref="VectorIndex"/> together with the model that made it.
/// <code>
/// using (var embedder = Embedder.FromPretrained("./model")) SemanticIndex.Build(embedder, "./model", records, "./index", VectorStore.Int8);
/// using var index = SemanticIndex.Open("./index");
/// IReadOnlyList&lt;SearchHit&gt; hits = index.Search(["list open ports"], top: 10)[0];
/// </code>
/// </summary>
/// <remarks>Safe to use from several threads.</remarks>
public sealed class SemanticIndex : IDisposable
{
    private readonly VectorIndex index;
    private readonly Embedder embedder;

    private SemanticIndex(VectorIndex index, Embedder embedder)
    {
        this.index = index;
        this.embedder = embedder;
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
    /// <param name="store">How vectors are kept.</param>
    /// <param name="progress">Told the number of records done.</param>
    /// <param name="cancellation">Leaves things as they were.</param>
    /// <returns>Number of records.</returns>
    public static int Build(
        Embedder embedder,
        string model,
        IEnumerable<IndexRecord> records,
        string folder,
        VectorStore store = VectorStore.F32,
        IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        IndexDescription description = new()
        {
            Dimensions = embedder.Dimensions,
            Store = store,
            Model = ModelReference.Write(model, folder),
            Fingerprint = embedder.Fingerprint,
            QueryPrompt = embedder.QueryPrompt,
            DocumentPrompt = embedder.DocumentPrompt,
            Settings = Settings(embedder.Options),
        };
        using VectorIndexBuilder builder = new(folder, description);
        int count = 0;
        foreach ((IndexRecord record, float[] vector) in embedder.Embed(records, record => record.Text, prompt: description.DocumentPrompt, progress: progress, cancellation: cancellation))
        {
            builder.Add(record.Id, record.Text, vector);
            count++;
        }

        builder.Commit();
        return count;
    }

    /// <summary>Opens an index and the model that made it.</summary>
    /// <param name="folder">As <see cref="VectorIndex.Open"/> takes it.</param>
    /// <param name="threads">Threads of the computation; 0 takes one per processor.</param>
    /// <exception cref="InvalidDataException">The model is not the one that made the index.</exception>
    public static SemanticIndex Open(string folder, int threads = 0)
    {
        VectorIndex index = VectorIndex.Open(folder);
        folder = index.Folder;
        Embedder? embedder = null;
        try
        {
            IndexDescription description = index.Description;
            if (description.Model.Length == 0) throw new InvalidDataException($"{folder}: names no model, so it cannot be asked in words; make it with `sirocco index`");
            embedder = Embedder.FromPretrained(ModelReference.Read(description.Model, folder), Options(description, folder) with { Threads = threads });
            if (description.Fingerprint.Length > 0 && description.Fingerprint != embedder.Fingerprint)
                throw new InvalidDataException($"{folder}: was made with another version of {description.Model}; make the index again");
            if (embedder.Dimensions != index.Dimensions) throw new InvalidDataException($"{folder}: holds vectors of {index.Dimensions}, but {description.Model} gives {embedder.Dimensions}; make the index again");
            return new SemanticIndex(index, embedder);
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
        IReadOnlyList<IReadOnlyList<SearchHit>> found = index.Search(vectors, wanted, cancellation: cancellation);
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

    private static Dictionary<string, string> Settings(EmbedderOptions options)
    {
        Dictionary<string, string> settings = [];
        void Keep(string name, object? value)
        {
            if (value is not null) settings[name] = Convert.ToString(value, CultureInfo.InvariantCulture)!.ToLowerInvariant();
        }

        Keep("precision", options.Precision);
        Keep("bidirectional", options.Bidirectional);
        Keep("pooling", options.Pooling);
        Keep("normalize", options.Normalize);
        Keep("dimensions", options.Dimensions);
        Keep("max-length", options.MaxLength);
        return settings;
    }

    private static EmbedderOptions Options(IndexDescription description, string folder)
    {
        string? Value(string name) => description.Settings.GetValueOrDefault(name);
        InvalidDataException Wrong(string name) => new($"{Path.Combine(folder, IndexDescription.FileName)}: settings.{name} is '{Value(name)}', which is no such setting; make the index again");
        bool? Flag(string name) => Value(name) is not { } text ? null : bool.TryParse(text, out bool flag) ? flag : throw Wrong(name);
        int? Number(string name) => Value(name) is not { } text ? null : int.TryParse(text, CultureInfo.InvariantCulture, out int number) && number > 0 ? number : throw Wrong(name);
        Compute.Precision? precision = Value("precision") is not { } kept ? null : Enum.TryParse(kept, ignoreCase: true, out Compute.Precision known) && Enum.IsDefined(known) ? known : throw Wrong("precision");
        return new EmbedderOptions
        {
            Precision = precision,
            Bidirectional = Flag("bidirectional"),
            Pooling = Value("pooling"),
            Normalize = Flag("normalize"),
            Dimensions = Number("dimensions"),
            MaxLength = Number("max-length"),
        };
    }
}
