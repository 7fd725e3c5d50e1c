using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>
/// The network of Llama 3, Mistral and Ministral 3: pre-norm blocks of grouped-query attention and SwiGLU (Touvron et al. 2023, Jiang et al. 2023). The
/// families differ in their rotary embedding, in Ministral 3's query scale and in the window only, which are settings of <see cref="ModelConfig"/>.
/// </summary>
/// <remarks>
/// Tokens of all sequences of a batch follow each other without padding; <see cref="Segments"/> says which belong together and at which positions they
/// stand. Padded batches go through <see cref="PaddedBatch"/>. Causal or bidirectional is the caller's choice of <see cref="AttentionMask"/>.
/// </remarks>
public sealed class Decoder
{
    private readonly Projection embedding;
    private readonly Layer[] layers;
    private readonly RotaryEmbedding rope;
    private readonly float epsilon;
    private readonly float scale;

    /// <summary>Takes its parameters, by the names of the public checkpoints, from a checkpoint or an initializer.</summary>
    /// <param name="config">Shapes and settings.</param>
    /// <param name="source">Gives each parameter.</param>
    public Decoder(ModelConfig config, IParameterSource source)
    {
        Config = config;
        rope = config.Rope.ToEmbedding(config.HeadSize);
        epsilon = config.NormEpsilon;
        scale = 1 / MathF.Sqrt(config.HeadSize);
        int hidden = config.HiddenSize, queries = config.Heads * config.HeadSize, keys = config.KeyValueHeads * config.HeadSize;
        embedding = new Projection("embed_tokens", source.Take("embed_tokens.weight", [config.VocabularySize, hidden], ShardAxis.Rows));
        layers = new Layer[config.Layers];
        for (int i = 0; i < layers.Length; i++)
        {
            Parameter Take(string name, ShardAxis axis, params int[] shape) => source.Take($"layers.{i}.{name}", shape, axis);
            Projection Project(string name, ShardAxis axis, int rows, int columns, bool biased = false) => new(
                $"layers.{i}.{name}",
                Take(name + ".weight", axis, rows, columns),
                biased ? Take(name + ".bias", axis == ShardAxis.Columns ? ShardAxis.None : axis, rows) : null);
            layers[i] = new Layer
            {
                InputNorm = Take("input_layernorm.weight", ShardAxis.None, hidden),
                Q = Project("self_attn.q_proj", ShardAxis.Rows, queries, hidden, config.AttentionBias),
                K = Project("self_attn.k_proj", ShardAxis.Rows, keys, hidden, config.AttentionBias),
                V = Project("self_attn.v_proj", ShardAxis.Rows, keys, hidden, config.AttentionBias),
                O = Project("self_attn.o_proj", ShardAxis.Columns, hidden, queries, config.AttentionBias),
                PostNorm = Take("post_attention_layernorm.weight", ShardAxis.None, hidden),
                Gate = Project("mlp.gate_proj", ShardAxis.Rows, config.IntermediateSize, hidden, config.MlpBias),
                Up = Project("mlp.up_proj", ShardAxis.Rows, config.IntermediateSize, hidden, config.MlpBias),
                Down = Project("mlp.down_proj", ShardAxis.Columns, hidden, config.IntermediateSize, config.MlpBias),
            };
        }

        FinalNorm = source.Take("norm.weight", [hidden], ShardAxis.None);
    }

    /// <summary>Shapes and settings.</summary>
    public ModelConfig Config { get; }

    /// <summary>[vocabulary, hidden]; also the head of a tied causal model.</summary>
    public Parameter EmbeddingTable => embedding.Weight;

    /// <summary>[hidden]</summary>
    public Parameter FinalNorm { get; }

    /// <summary>The embedding table and every linear layer, in the order of the network: what an adapter can adapt.</summary>
    public IEnumerable<Projection> Projections => [embedding, .. layers.SelectMany(layer => layer.Projections)];

    /// <summary>All parameters, in the order of the network.</summary>
    public IEnumerable<Parameter> Parameters => [EmbeddingTable, .. layers.SelectMany(layer => layer.Parameters), FinalNorm];

    /// <summary>
    /// Where true, training keeps only each layer's input and computes the layer again for its backward pass (Chen et al. 2016): a fraction of the memory
    /// for a third more work.
    /// </summary>
    public bool Recompute { get; set; }

    /// <summary>Hidden states of tokens after the final norm.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="ids">[tokens]</param>
    /// <param name="segments">Sequences and positions of the tokens.</param>
    /// <param name="mask">Which keys a query sees; see <see cref="ModelConfig.Mask"/>.</param>
    /// <param name="cache">
    /// Keys and values of earlier tokens, which these continue (<see cref="KeyValueCache.Continue"/> makes the segments); null for whole sequences.
    /// </param>
    /// <param name="observe">Called with (0, embeddings), then (l, output of layer l − 1), then (L, result); the tensor is valid during the call only.</param>
    /// <param name="afterLayer">
    /// Called with (l, output of layer l), of the last layer too before the final norm; the tensor is valid during the call only.
    /// </param>
    /// <returns>[tokens, hidden]</returns>
    /// <exception cref="ArgumentException">An id is outside the vocabulary, or a position outside the context.</exception>
    /// <exception cref="InvalidOperationException">A tape records a pass with a cache, which copies keys and values out of its sight.</exception>
    public Tensor Forward(
        Scope f, ReadOnlySpan<int> ids, Segments segments, AttentionMask mask, KeyValueCache? cache = null, Action<int, Tensor>? observe = null,
        Action<int, Tensor>? afterLayer = null)
    {
        CheckIds(ids);
        using Scope inner = f.BeginScope();
        Tensor x = inner.Embedding(embedding, ids, Config.PaddingId ?? -1);            // [tokens, hidden]
        return inner.Keep(Forward(inner, x, segments, mask, cache, observe, afterLayer));
    }

    /// <summary>As the other overload, from input embeddings.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="embeddings">[tokens, hidden]</param>
    /// <param name="segments">Sequences and positions of the tokens.</param>
    /// <param name="mask">Which keys a query sees.</param>
    /// <param name="cache">Keys and values of earlier tokens, or null.</param>
    /// <param name="observe">See the other overload.</param>
    /// <param name="afterLayer">See the other overload.</param>
    /// <returns>[tokens, hidden]</returns>
    public Tensor Forward(
        Scope f, Tensor embeddings, Segments segments, AttentionMask mask, KeyValueCache? cache = null, Action<int, Tensor>? observe = null,
        Action<int, Tensor>? afterLayer = null)
    {
        CheckSegments(embeddings.Rows, segments);
        if (cache is not null && f.Tape is not null)
            throw new InvalidOperationException("a pass that continues cached tokens has no gradients; give whole sequences, or record no tape");
        using Scope inner = f.BeginScope();
        RotaryTable positions = inner.RotaryTable(rope, segments.Positions);            // cosine, sine [tokens, d/2], query scale [tokens]
        Tensor x = embeddings;                                                          // [tokens, hidden]
        for (int i = 0; i < layers.Length; i++)
        {
            observe?.Invoke(i, x);
            Layer layer = layers[i];
            int index = i;
            Tensor Run(Scope g, Tensor input) => Apply(g, input, layer, positions, segments, mask, cache, index);
            x = Recompute ? inner.Recomputed(x, Run) : inner.Block(x, Run);             // [tokens, hidden]
            afterLayer?.Invoke(i, x);
        }

        x = inner.RmsNorm(x, FinalNorm, epsilon);                                       // [tokens, hidden]
        observe?.Invoke(layers.Length, x);
        cache?.Commit(segments);
        return inner.Keep(x);
    }

    private Tensor Apply(Scope f, Tensor x, Layer layer, RotaryTable positions, Segments segments, AttentionMask mask, KeyValueCache? cache, int index)
    {
        Tensor h = f.RmsNorm(x, layer.InputNorm, epsilon, forProducts: true);           // [tokens, hidden]
        var (q, k, v) = f.Linear(h, layer.Q, layer.K, layer.V);                         // [tokens, heads·d], [tokens, kvHeads·d] twice
        (q, k) = f.Rotary(q, k, positions, Config.HeadSize);                            // q also times its scale by position
        if (cache is not null) (k, v) = cache.Extend(index, k, v, segments);            // [cached and new tokens, kvHeads·d]
        Tensor a = f.Attention(q, k, v, segments, mask, Config.HeadSize, scale);        // [tokens, heads·d]
        x = f.Linear(a, layer.O, residual: x);                                          // [tokens, hidden]
        h = f.RmsNorm(x, layer.PostNorm, epsilon, forProducts: true);                   // [tokens, hidden]
        return f.Linear(f.GatedLinear(h, layer.Gate, layer.Up), layer.Down, residual: x); // SwiGLU; [tokens, intermediate] inside
    }

    private void CheckIds(ReadOnlySpan<int> ids)
    {
        for (int i = 0; i < ids.Length; i++)
        {
            if ((uint)ids[i] >= (uint)Config.VocabularySize)
                throw new ArgumentException($"token id {ids[i]} at place {i} is outside the vocabulary of {Config.VocabularySize}", nameof(ids));
        }
    }

    private void CheckSegments(int tokens, Segments segments)
    {
        if (segments.Tokens != tokens) throw new ArgumentException($"{tokens} tokens, but segments of {segments.Tokens}", nameof(segments));
        int last = -1;
        foreach (int position in segments.Positions) last = Math.Max(last, position);
        if (last >= Config.MaxPositions)
        {
            throw new ArgumentException(
                $"a token at position {last} is outside the context of {Config.MaxPositions} positions; give a shorter sequence", nameof(segments));
        }
    }

    private sealed class Layer
    {
        public required Parameter InputNorm { get; init; }

        public required Projection Q { get; init; }

        public required Projection K { get; init; }

        public required Projection V { get; init; }

        public required Projection O { get; init; }

        public required Parameter PostNorm { get; init; }

        public required Projection Gate { get; init; }

        public required Projection Up { get; init; }

        public required Projection Down { get; init; }

        public IEnumerable<Projection> Projections => [Q, K, V, O, Gate, Up, Down];

        public IEnumerable<Parameter> Parameters =>
            [InputNorm, .. ((Projection[])[Q, K, V, O]).SelectMany(projection => projection.Parameters), PostNorm,
                .. ((Projection[])[Gate, Up, Down]).SelectMany(projection => projection.Parameters)];
    }
}
