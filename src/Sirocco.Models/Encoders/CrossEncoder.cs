using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>
/// A decoder with a linear head that scores a query and a document read together. Two kinds: NeMo's bidirectional reranker, which pools all tokens and divides
/// by a temperature, and the stock causal sequence classifier of transformers, which reads the last token.
/// </summary>
public sealed class CrossEncoder : EncoderModel
{
    private readonly Projection score;

    private CrossEncoder(Decoder decoder, Checkpoint? checkpoint, Parameter score, Pooling pooling, bool readsLastToken, bool causal)
        : base(decoder, checkpoint, causal)
    {
        this.score = new Projection("score", score);
        Pooling = pooling;
        ReadsLastToken = readsLastToken;
    }

    /// <summary>Puts a reranker together from its parts.</summary>
    /// <param name="decoder">The network.</param>
    /// <param name="score">[labels, hidden], named <c>score.weight</c>.</param>
    /// <param name="pooling">How tokens become one vector.</param>
    /// <param name="causal">Whether a token sees only those before it.</param>
    public CrossEncoder(Decoder decoder, Parameter score, Pooling pooling, bool causal = false)
        : this(decoder, null, score, pooling, false, causal)
    {
    }

    /// <summary>How tokens become one vector.</summary>
    public Pooling Pooling { get; }

    /// <summary>Whether this is the stock classifier, whose score comes from the last token that is not padding, without a temperature.</summary>
    public bool ReadsLastToken { get; }

    /// <summary>Number of scores of a pair.</summary>
    public int Labels => Head.Rows;

    /// <summary>[labels, hidden]</summary>
    public Parameter Head => score.Weight;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> Parameters => [.. base.Parameters, Head];

    /// <inheritdoc/>
    public override IEnumerable<Projection> Projections => [.. base.Projections, score];

    /// <inheritdoc/>
    internal override string TaskType => "SEQ_CLS";

    internal static new CrossEncoder Load(ModelFolder folder, ModelOptions? options) => Load(folder, options, null);

    /// <param name="folder">A sequence classifier.</param>
    /// <param name="options">Precision and attention; null does what the folder says.</param>
    /// <param name="chosen">A pooling in place of the folder's: the stock classifier then no longer looks for its last token.</param>
    internal static CrossEncoder Load(ModelFolder folder, ModelOptions? options, Pooling? chosen)
    {
        ModelConfig config = folder.Config;
        bool registered = config.Architectures.Any(name => name.Contains("Bidirectional", StringComparison.Ordinal)) || config.Pooling is not null;
        var (decoder, checkpoint) = folder.LoadNetwork(options?.Held ?? Precision.BF16);
        try
        {
            int labels = config.Labels.Count > 0 ? config.Labels.Count : Math.Max(checkpoint.ScoreLabels, 1);
            Parameter score = checkpoint.Take("score.weight", [labels, config.HiddenSize], ShardAxis.None);
            Pooling pooling = chosen ?? (registered ? PoolingOf(config) : Pooling.Last);
            return new CrossEncoder(
                decoder, checkpoint, score, pooling, !registered && pooling == Pooling.Last, options?.IsCausal ?? config.IsCausal ?? !registered);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Takes a checkpoint of any kind as the reranker that a retrieval recipe trains, with a new head where it has none. Llama becomes NeMo's bidirectional
    /// reranker; other families the stock classifier of transformers, which is causal, reads the last token and has neither pooling nor temperature.
    /// </summary>
    /// <param name="path">A model folder, a GGUF file or a hub id.</param>
    /// <param name="options">What the recipe says.</param>
    /// <exception cref="FileNotFoundException">There is no such folder, or it lacks a file.</exception>
    /// <exception cref="InvalidDataException">A file is damaged or inconsistent; the message names it.</exception>
    public static CrossEncoder FromBackbone(string path, BackboneOptions? options = null)
    {
        options ??= new BackboneOptions();
        ModelFolder folder = ModelFolder.Open(path);
        ModelConfig config = folder.Config;
        bool registered = config.Family == ModelFamily.Llama;
        int labels = options.Labels ?? Math.Max(config.IsClassifier ? config.Labels.Count : 1, 1);
        config = config with
        {
            Architectures = [registered ? "LlamaBidirectionalForSequenceClassification" : $"{config.Family}ForSequenceClassification"],
            Labels = config.Labels.Count == labels ? config.Labels : [.. Enumerable.Range(0, labels).Select(label => $"LABEL_{label}")],
            Pooling = registered ? options.PoolingName ?? config.Pooling ?? "avg" : null,
            Temperature = registered ? options.Temperature ?? config.Temperature : 1,
        };
        var (decoder, checkpoint) = folder.LoadNetwork(options.Precision ?? Precision.BF16, config);
        try
        {
            int[] shape = [labels, config.HiddenSize];
            Parameter score = checkpoint.HasScore ? checkpoint.Take("score.weight", shape, ShardAxis.None)
                : new RandomParameters(config, options.Seed).Take("score.weight", shape, ShardAxis.None);
            return new CrossEncoder(
                decoder, checkpoint, score, registered ? PoolingOf(config) : Pooling.Last, !registered, options.IsCausal ?? config.IsCausal ?? !registered);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>NeMo's own rule: a pooling that it does not know means cls.</summary>
    private static Pooling PoolingOf(ModelConfig config) =>
        (config.Pooling ?? "avg") switch { "avg" or "mean" => Pooling.Average, "last" => Pooling.Last, _ => Pooling.First };

    /// <summary>Raw scores of sequences.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="ids">[tokens]</param>
    /// <param name="segments">One sequence for each pair.</param>
    /// <returns>[sequences, labels]</returns>
    public Tensor Score(Scope f, ReadOnlySpan<int> ids, Segments segments)
    {
        using SharedReads.Reading reading = BeginReading();
        return ScoreRead(f, Decoder.Forward(f, ids, segments, Mask), ids, segments);
    }

    /// <summary>Raw scores from the last hidden states.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="hidden">[tokens, hidden] after the final norm.</param>
    /// <param name="ids">[tokens], in which the stock classifier looks for trailing padding; empty where there is none.</param>
    /// <param name="segments">One sequence for each pair.</param>
    /// <returns>[sequences, labels]</returns>
    public Tensor Score(Scope f, Tensor hidden, ReadOnlySpan<int> ids, Segments segments)
    {
        using SharedReads.Reading reading = BeginReading();
        return ScoreRead(f, hidden, ids, segments);
    }

    private Tensor ScoreRead(Scope f, Tensor hidden, ReadOnlySpan<int> ids, Segments segments)
    {
        int[] ends = ReadsLastToken && !ids.IsEmpty ? WithoutPadding(ids, segments) : segments.QueryStarts[1..].ToArray();
        Tensor pooled = f.Pool(hidden, PooledStarts(segments, Pooling, []), ends, Pooling);      // [sequences, hidden]
        Tensor scores = f.Linear(pooled, score);                                        // [sequences, labels]
        return ReadsLastToken || Config.Temperature == 1 ? scores : f.Scale(scores, 1 / Config.Temperature);
    }

    /// <summary>
    /// Writes the model as a folder that this library, transformers (stock classifiers) and NeMo AutoModel load. It appears when it is complete.
    /// </summary>
    /// <param name="folder">The folder; missing parents are made.</param>
    /// <param name="options">Tokenizer, element type.</param>
    /// <param name="cancellation">Leaves things as they were.</param>
    public void Save(string folder, ExportOptions? options = null, CancellationToken cancellation = default) =>
        ModelExport.Write(this, folder, options ?? new ExportOptions(), cancellation);

    /// <summary>Ends of the sequences without trailing padding ids, which a batch without a mask may hold.</summary>
    private int[] WithoutPadding(ReadOnlySpan<int> ids, Segments segments)
    {
        int[] ends = segments.QueryStarts[1..].ToArray();
        if (Config.PaddingId is not { } padding) return ends;
        for (int s = 0; s < ends.Length; s++)
        {
            int end = ends[s];
            while (end > segments.QueryStarts[s] && ids[end - 1] == padding) end--;
            ends[s] = Math.Max(end, Math.Min(segments.QueryStarts[s] + 1, ends[s]));
        }

        return ends;
    }
}
