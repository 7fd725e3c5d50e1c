using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>
/// Turns texts into vectors with a pretrained model.
/// <code>
/// using var embedder = Embedder.FromPretrained("nvidia/Nemotron-3-Embed-1B");
/// float[][] queries = embedder.Embed(["how do I list open ports?"], promptName: "query");
/// float[][] documents = embedder.Embed(texts, promptName: "document");
/// </code>
/// </summary>
/// <remarks>
/// Safe to use from several threads; computations take turns. Beyond rounding, a vector depends on its text only, never on what it was batched with. Texts
/// longer than <see cref="MaxLength"/> are cut, which <see cref="TextsCut"/> counts.
/// </remarks>
public sealed class Embedder : IDisposable
{
    private readonly BiEncoder encoder;
    private readonly ComputeContext context;
    private readonly TextEncoder texts;
    private readonly EmbedderOptions options;
    private readonly Precision precision;
    private readonly Lock turn = new();
    private readonly Lazy<string> fingerprint;
    private long textsCut;
    private bool disposed;

    private Embedder(string model, ModelFolder folder, BiEncoder encoder, TextEncoder texts, ComputeContext context, EmbedderOptions options)
    {
        Model = model;
        this.encoder = encoder;
        this.texts = texts;
        this.context = context;
        this.options = options;
        precision = options.Precision ?? encoder.NaturalPrecision;
        fingerprint = new Lazy<string>(() => ModelFingerprint.Of(folder.ModulesDirectory ?? folder.Directory ?? folder.Path, options.Adapter));
        Dimensions = Math.Min(options.Dimensions ?? Settings.Dimensions ?? int.MaxValue, encoder.Features);
    }

    /// <summary>The folder, file or hub id that the embedder was loaded from.</summary>
    public string Model { get; }

    /// <summary>Features of a vector.</summary>
    public int Dimensions { get; }

    /// <summary>Most tokens of a text, special ones included.</summary>
    public int MaxLength => texts.MaxLength;

    /// <summary>Texts that were cut so far.</summary>
    public long TextsCut => Interlocked.Read(ref textsCut);

    /// <summary>Texts put before a text, by name.</summary>
    public IReadOnlyDictionary<string, string> Prompts => Settings.Prompts;

    /// <summary>The prompt that this model puts before queries: the one named <c>query</c>, else its default, else nothing.</summary>
    public string QueryPrompt => Settings.PromptOf("query");

    /// <summary>
    /// The prompt that this model puts before documents: the one named <c>document</c>, <c>passage</c> or <c>corpus</c>, else its default, else nothing.
    /// </summary>
    public string DocumentPrompt => Settings.PromptOf("document", "passage", "corpus");

    /// <summary>A remark for the user on how the model's folder was taken, or null.</summary>
    public string? Notice => encoder.Notice;

    /// <summary>Whether vectors are of unit length.</summary>
    public bool Normalized => IsCut ? Settings.Normalize : encoder.EndsNormalized;

    /// <summary>Precision of products.</summary>
    public Precision Precision => precision;

    /// <summary>Digest of the model's files; see <see cref="ModelFingerprint"/>.</summary>
    public string Fingerprint => fingerprint.Value;

    /// <summary>What the embedder was loaded with.</summary>
    public EmbedderOptions Options => options;

    /// <summary>The network's settings.</summary>
    public ModelConfig Config => encoder.Config;

    private EncoderSettings Settings => encoder.Settings;

    /// <summary>Whether vectors are shorter than the network gives them.</summary>
    private bool IsCut => Dimensions < encoder.Features;

    /// <summary>Loads a model.</summary>
    /// <param name="model">
    /// A folder in Hugging Face or sentence-transformers layout, a GGUF file, or a hub id such as <c>nvidia/Nemotron-3-Embed-1B</c>.
    /// </param>
    /// <param name="options">Null does what the folder says.</param>
    /// <exception cref="FileNotFoundException">There is no such model, or its folder lacks a file.</exception>
    /// <exception cref="InvalidDataException">A file is damaged; the message names it.</exception>
    /// <exception cref="NotSupportedException">The model is of a kind that is not built here, or is a reranker.</exception>
    public static Embedder FromPretrained(string model, EmbedderOptions? options = null) =>
        Load(model, ModelFolder.Locate(model), options ?? new EmbedderOptions());

    /// <summary>
    /// As <see cref="FromPretrained"/>, on a thread of the pool; a download tells how far it is and can be stopped, to go on from there the next time.
    /// </summary>
    /// <param name="model">As <see cref="FromPretrained"/> takes it.</param>
    /// <param name="options">Null does what the folder says.</param>
    /// <param name="progress">Told about downloads.</param>
    /// <param name="cancellation">Stops a download.</param>
    public static async Task<Embedder> FromPretrainedAsync(
        string model, EmbedderOptions? options = null, IProgress<HubProgress>? progress = null, CancellationToken cancellation = default)
    {
        string place = await ModelFolder.LocateAsync(model, progress, cancellation).ConfigureAwait(false);
        return await Task.Run(() => Load(model, place, options ?? new EmbedderOptions()), cancellation).ConfigureAwait(false);
    }

    private static Embedder Load(string model, string place, EmbedderOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchTokens, 1);
        ModelOptions loading = new()
        {
            Precision = options.Precision,
            Threads = options.Threads,
            Deterministic = options.Deterministic,
            Adapter = options.Adapter,
            IsCausal = options.IsCausal,
        };
        ModelFolder folder = ModelFolder.Open(place);
        EncoderModel loaded = EncoderModel.Load(folder, loading);
        if (loaded is not BiEncoder encoder)
        {
            loaded.Dispose();
            throw new NotSupportedException($"{model} is a reranker, which scores pairs and gives no vectors; rerank with it, or embed with another model");
        }

        ComputeContext? context = null;
        try
        {
            encoder.Adjust(options.Pooling, options.Normalize);
            EncoderSettings settings = encoder.Settings;
            // Sentence-transformers' cut takes what there is.
            if (options.Dimensions is { } wanted && (wanted < 1 || (wanted > encoder.Features && !settings.IsSentenceTransformers)))
            {
                throw new ArgumentException(
                    $"{wanted} dimensions are asked for, but {model} gives vectors of {encoder.Features}; ask for at most that many", nameof(options));
            }
            TextEncoder texts = new(folder, settings, options.MaxLength);
            if (options.MaxLength is not null) texts.RequireRoom(pair: false);
            settings.Prompt(options.PromptName, options.Prompt);
            context = loading.NewContext();
            return new Embedder(model, folder, encoder, texts, context, options);
        }
        catch
        {
            context?.Dispose();
            encoder.Dispose();
            throw;
        }
    }

    /// <summary>Embeds texts.</summary>
    /// <param name="inputs">The texts.</param>
    /// <param name="promptName">Name of the prompt put before each; null takes the one of the options, or the model's default.</param>
    /// <param name="prompt">The prompt itself; wins over the name.</param>
    /// <param name="progress">Told the number of texts done.</param>
    /// <param name="cancellation">Stops between layers.</param>
    /// <returns>For each text its vector, [<see cref="Dimensions"/>].</returns>
    /// <exception cref="ArgumentException">The model has no prompt of that name.</exception>
    public float[][] Embed(
        IReadOnlyList<string> inputs,
        string? promptName = null,
        string? prompt = null,
        IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        float[][] vectors = new float[inputs.Count][];
        int next = 0;
        foreach ((string Text, float[] Vector) pair in Embed(inputs, text => text, promptName, prompt, progress, cancellation)) vectors[next++] = pair.Vector;
        return vectors;
    }

    /// <summary>
    /// Embeds a stream of texts as its vectors are asked for, without holding more than a few thousand; texts are read and tokenized while others are computed.
    /// </summary>
    /// <param name="items">What has texts, such as records of a corpus; read by one thread at a time, not always the caller's.</param>
    /// <param name="text">The text of an item; called by several threads.</param>
    /// <param name="promptName">Name of the prompt put before each; null takes the one of the options, or the model's default.</param>
    /// <param name="prompt">The prompt itself; wins over the name.</param>
    /// <param name="progress">Told the number of texts done.</param>
    /// <param name="cancellation">Stops between layers.</param>
    /// <returns>The items in their order, each with its vector, [<see cref="Dimensions"/>].</returns>
    /// <exception cref="ArgumentException">The model has no prompt of that name.</exception>
    public IEnumerable<(T Item, float[] Vector)> Embed<T>(
        IEnumerable<T> items, Func<T, string> text, string? promptName = null, string? prompt = null, IProgress<int>? progress = null,
        CancellationToken cancellation = default) =>
        Batcher(text, Prompt(promptName, prompt)).Run(items, progress is null ? null : progress.Report, cancellation);

    /// <summary>Embeds one text.</summary>
    public float[] Embed(string text, string? promptName = null, string? prompt = null, CancellationToken cancellation = default) =>
        Embed([text], promptName, prompt, null, cancellation)[0];

    /// <summary>As <see cref="Embed(IReadOnlyList{string}, string?, string?, IProgress{int}?, CancellationToken)"/>, on a thread of the pool.</summary>
    public Task<float[][]> EmbedAsync(
        IReadOnlyList<string> inputs,
        string? promptName = null,
        string? prompt = null,
        IProgress<int>? progress = null,
        CancellationToken cancellation = default) =>
        Task.Run(() => Embed(inputs, promptName, prompt, progress, cancellation), cancellation);

    /// <summary>Embeds a stream of texts without holding more than a few thousand; vectors come in the order of the texts.</summary>
    public async IAsyncEnumerable<float[]> EmbedAsync(
        IAsyncEnumerable<string> inputs, string? promptName = null, string? prompt = null, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach ((string Text, float[] Vector) pair in Batcher<string>(text => text, Prompt(promptName, prompt)).RunAsync(inputs, null, cancellation)
            .ConfigureAwait(false)) yield return pair.Vector;
    }

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

    private string Prompt(string? name, string? text) =>
        name is null && text is null ? Settings.Prompt(options.PromptName, options.Prompt) : Settings.Prompt(name, text);

    private LengthBatcher<T, float[]> Batcher<T>(Func<T, string> text, string prompt)
    {
        int skip = Settings.IncludePrompt || prompt.Length == 0 ? 0 : texts.PromptTokens(prompt);
        return new LengthBatcher<T, float[]>
        {
            Tokenize = item => Encode(prompt + text(item)),
            Compute = (batch, cancellation) => EmbedBatch(batch, skip, cancellation),
            BatchTokens = options.BatchTokens,
            Threads = context.Threads,
            Characters = item => text(item).Length,
        };
    }

    private int[] Encode(string text)
    {
        int[] ids = texts.Encode(text, out bool cut);
        if (cut) Interlocked.Increment(ref textsCut);
        return ids;
    }

    private float[][] EmbedBatch(TokenBatch batch, int skip, CancellationToken cancellation)
    {
        int[] skips = new int[skip == 0 ? 0 : batch.Count];
        Array.Fill(skips, skip);
        float[] rows;
        lock (turn) // held until the last look at a weight, so that Dispose unmaps none under a reader
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            using Scope f = context.BeginScope(precision, null, cancellation);
            rows = encoder.Encode(f, batch.Ids, batch.Segments, skips).ToArray();
            encoder.RequireFinite(rows, "an embedding");
        }

        float[][] vectors = new float[batch.Count][];
        for (int i = 0; i < vectors.Length; i++)
        {
            float[] vector = vectors[i] = rows.AsSpan(i * encoder.Features, Dimensions).ToArray();

            // The cut took unit length away.
            if (IsCut && Settings.Normalize) TensorPrimitives.Divide(vector, Math.Max(TensorPrimitives.Norm<float>(vector), 1e-12f), vector);
        }

        return vectors;
    }
}
