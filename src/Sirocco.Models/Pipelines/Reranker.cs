using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>How a <see cref="Reranker"/> loads and uses a model. What is not set is as the model's folder says.</summary>
public sealed record RerankerOptions
{
    /// <summary>Precision of products; null keeps the file's.</summary>
    public Precision? Precision { get; init; }

    /// <summary>Threads of the computation; 0 takes one per processor.</summary>
    public int Threads { get; init; }

    /// <summary>Whether a score must not depend, in a single bit, on what its pair was batched with.</summary>
    public bool Deterministic { get; init; }

    /// <summary>Tokens that a pair is cut at, if below the model's own limit.</summary>
    public int? MaxLength { get; init; }

    /// <summary>
    /// The text of a pair for models that read it as one text, with <c>{query}</c> and <c>{passage}</c>; null takes the folder's kind: two texts for
    /// cross-encoders, <see cref="Reranker.NemotronTemplate"/> for NeMo's rerankers.
    /// </summary>
    public string? Template { get; init; }

    /// <summary>Name of the prompt put before each query; null takes the folder's default.</summary>
    public string? PromptName { get; init; }

    /// <summary>The prompt itself; wins over <see cref="PromptName"/>.</summary>
    public string? Prompt { get; init; }

    /// <summary>Whether raw scores are given rather than the folder's activation of them.</summary>
    public bool Raw { get; init; }

    /// <summary>Folder of a LoRA or DoRA adapter that is attached to the model; null: none.</summary>
    public string? Adapter { get; init; }

    /// <summary>Tokens computed together.</summary>
    public int BatchTokens { get; init; } = 2048;
}

/// <summary>A document's score for a query.</summary>
/// <param name="Index">The document's place among those given.</param>
/// <param name="Score">Higher is better.</param>
/// <param name="Text">The document.</param>
public sealed record RankedDocument(int Index, float Score, string Text);

/// <summary>
/// Scores documents for a query with a model that reads both together.
/// <code>
/// using var reranker = Reranker.FromPretrained("nvidia/llama-nemotron-rerank-1b-v2");
/// foreach (RankedDocument hit in reranker.Rank("open ports", documents, top: 3)) Console.WriteLine($"{hit.Score:F2} {hit.Text}");
/// </code>
/// </summary>
/// <remarks>Safe to use from several threads; computations take turns. A score never depends, beyond rounding, on the other documents.</remarks>
public sealed class Reranker : IDisposable
{
    /// <summary>Documents that are read for a query where a caller does not say how many of those that a search found.</summary>
    public const int DefaultCandidates = 50;

    /// <summary>What NeMo's rerankers were trained with.</summary>
    public const string NemotronTemplate = "question:{query} \n \n passage:{passage}";

    private readonly CrossEncoder encoder;
    private readonly TextEncoder texts;
    private readonly ComputeContext context;
    private readonly RerankerOptions options;
    private readonly Precision precision;
    private readonly string? template;
    private readonly TorchActivation activation;
    private readonly string prompt;
    private readonly Lock turn = new();
    private long pairsCut;
    private bool disposed;

    private Reranker(
        CrossEncoder encoder, TextEncoder texts, ComputeContext context, string? template, TorchActivation activation, string prompt, RerankerOptions options)
    {
        this.encoder = encoder;
        this.texts = texts;
        this.context = context;
        this.template = template;
        this.activation = activation;
        this.prompt = prompt;
        this.options = options;
        precision = options.Precision ?? encoder.NaturalPrecision;
    }

    /// <summary>Scores of a pair: 1 for a reranker.</summary>
    public int Labels => encoder.Labels;

    /// <summary>Pairs that were cut so far.</summary>
    public long PairsCut => Interlocked.Read(ref pairsCut);

    /// <summary>Most tokens of a pair, special ones included.</summary>
    public int MaxLength => texts.MaxLength;

    /// <summary>Loads a model.</summary>
    /// <param name="model">A folder of a sequence classifier (NeMo, transformers, sentence-transformers), or a hub id.</param>
    /// <param name="options">Null does what the folder says.</param>
    /// <exception cref="NotSupportedException">The model has no score head.</exception>
    public static Reranker FromPretrained(string model, RerankerOptions? options = null) =>
        Load(model, ModelFolder.Locate(model), options ?? new RerankerOptions());

    /// <summary>
    /// As <see cref="FromPretrained"/>, on a thread of the pool; a download tells how far it is and can be stopped, to go on from there the next time.
    /// </summary>
    /// <param name="model">As <see cref="FromPretrained"/> takes it.</param>
    /// <param name="options">Null does what the folder says.</param>
    /// <param name="progress">Told about downloads.</param>
    /// <param name="cancellation">Stops a download.</param>
    public static async Task<Reranker> FromPretrainedAsync(
        string model, RerankerOptions? options = null, IProgress<HubProgress>? progress = null, CancellationToken cancellation = default)
    {
        string place = await ModelFolder.LocateAsync(model, progress, cancellation).ConfigureAwait(false);
        return await Task.Run(() => Load(model, place, options ?? new RerankerOptions()), cancellation).ConfigureAwait(false);
    }

    private static Reranker Load(string model, string place, RerankerOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchTokens, 1);
        ModelOptions loading =
            new() { Precision = options.Precision, Threads = options.Threads, Deterministic = options.Deterministic, Adapter = options.Adapter };
        ModelFolder folder = ModelFolder.Open(place);
        EncoderModel loaded = EncoderModel.Load(folder, loading);
        if (loaded is not CrossEncoder encoder)
        {
            loaded.Dispose();
            throw new NotSupportedException($"{model} has no score head, so it is no reranker; embed with it, or rerank with another model");
        }

        ComputeContext? context = null;
        try
        {
            string? template = options.Template ?? RerankingTemplate.Read(folder) ?? (encoder.ReadsLastToken ? null : NemotronTemplate);
            TorchActivation activation = options.Raw ? TorchActivation.Identity : CrossEncoderActivation.Of(folder, encoder);
            EncoderSettings settings = SentenceTransformersFolder.OfCrossEncoder(folder);
            TextEncoder texts = new(folder, settings, options.MaxLength);
            texts.RequireRoom(pair: template is null);
            string prompt = settings.Prompt(options.PromptName, options.Prompt);
            context = loading.NewContext();
            return new Reranker(encoder, texts, context, template, activation, prompt, options);
        }
        catch
        {
            context?.Dispose();
            encoder.Dispose();
            throw;
        }
    }

    /// <summary>Scores pairs.</summary>
    /// <param name="pairs">Query and document of each.</param>
    /// <param name="progress">Told the number of pairs done.</param>
    /// <param name="cancellation">Stops between layers.</param>
    /// <returns>For each pair its scores, [<see cref="Labels"/>].</returns>
    public float[][] Score(IReadOnlyList<(string Query, string Document)> pairs, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        LengthBatcher<(string Query, string Document), float[]> batcher = new()
        {
            Tokenize = pair => Encode(pair.Query, pair.Document),
            Compute = ScoreBatch,
            BatchTokens = options.BatchTokens,
            Threads = context.Threads,
            Characters = pair => pair.Query.Length + pair.Document.Length,
        };
        return [.. batcher.Run(pairs, progress is null ? null : progress.Report, cancellation).Select(scored => scored.Result)];
    }

    /// <summary>Scores documents for one query, best first; equal scores in the order given.</summary>
    /// <param name="query">The query.</param>
    /// <param name="documents">The documents.</param>
    /// <param name="top">Documents wanted; null wants all.</param>
    /// <param name="cancellation">Stops between layers.</param>
    /// <exception cref="NotSupportedException">The model gives several scores for a pair, which makes no order.</exception>
    public IReadOnlyList<RankedDocument> Rank(string query, IReadOnlyList<string> documents, int? top = null, CancellationToken cancellation = default) =>
        Ordered(documents, Scores(query, documents, cancellation), top);

    /// <summary>Orders what a search found by its scores and this model's together (<see cref="BlendedScores"/>).</summary>
    /// <param name="query">The query.</param>
    /// <param name="documents">The documents.</param>
    /// <param name="searchScores">[documents] Of the search.</param>
    /// <param name="share">This model's part, above 0 and up to 1, where the search's scores no longer count.</param>
    /// <param name="top">Documents wanted; null wants all.</param>
    /// <param name="cancellation">Stops between layers.</param>
    /// <exception cref="NotSupportedException">The model gives several scores for a pair, which makes no order.</exception>
    public IReadOnlyList<RankedDocument> Rank(
        string query,
        IReadOnlyList<string> documents,
        IReadOnlyList<float> searchScores,
        double share,
        int? top = null,
        CancellationToken cancellation = default)
    {
        BlendedScores.RequireShare(share);
        return Ordered(documents, BlendedScores.Of([.. searchScores], Scores(query, documents, cancellation), share), top);
    }

    /// <summary>As <see cref="Rank(string, IReadOnlyList{string}, int?, CancellationToken)"/>, on a thread of the pool.</summary>
    public Task<IReadOnlyList<RankedDocument>> RankAsync(
        string query, IReadOnlyList<string> documents, int? top = null, CancellationToken cancellation = default) =>
        Task.Run(() => Rank(query, documents, top, cancellation), cancellation);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (turn)
        {
            disposed = true;
            context.Dispose();
            encoder.Dispose();
        }
    }

    private float[] Scores(string query, IReadOnlyList<string> documents, CancellationToken cancellation)
    {
        if (Labels != 1)
        {
            string labels = string.Join(", ", encoder.Config.Labels);
            throw new NotSupportedException(
                $"{encoder.Path} gives {Labels} scores for a pair ({labels}), which makes no order; rerank with a model that gives one");
        }

        return [.. Score([.. documents.Select(document => (query, document))], null, cancellation).Select(score => score[0])];
    }

    private static RankedDocument[] Ordered(IReadOnlyList<string> documents, float[] scores, int? top)
    {
        IEnumerable<RankedDocument> ranked = scores.Select((score, i) => new RankedDocument(i, score, documents[i])).OrderByDescending(hit => hit.Score);
        return [.. top is { } most ? ranked.Take(most) : ranked];
    }

    private int[] Encode(string query, string document)
    {
        query = prompt + query;
        int[] ids = template is null ? texts.Encode(query, document, out bool cut) : texts.Encode(Fill(template, query, document), out cut);
        if (cut) Interlocked.Increment(ref pairsCut);
        return ids;
    }

    /// <summary>Both places are filled in one pass: a query that contains "{passage}" stays as it is.</summary>
    private static string Fill(string template, string query, string document) =>
        string.Join(document, template.Split("{passage}").Select(part => part.Replace("{query}", query, StringComparison.Ordinal)));

    private float[][] ScoreBatch(TokenBatch batch, CancellationToken cancellation)
    {
        float[] all;
        lock (turn) // held until the last look at a weight, so that Dispose unmaps none under a reader
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            using Scope f = context.BeginScope(precision, null, cancellation);
            Tensor raw = encoder.Score(f, batch.Ids, batch.Segments);
            encoder.RequireFinite(raw.ToArray(), "a score");
            all = activation.Apply(f, raw).ToArray();
        }

        return [.. all.Chunk(Labels)];
    }
}
