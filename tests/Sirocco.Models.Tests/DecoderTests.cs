using FsCheck;
using FsCheck.Fluent;
using Sirocco.Compute;

namespace Sirocco.Models.Tests;

public sealed class DecoderTests : IDisposable
{
    private readonly ComputeContext context = new(new ComputeOptions { Threads = 2 });

    public void Dispose() => context.Dispose();

    [Fact]
    public void An_embedding_does_not_depend_on_what_it_is_batched_with()
    {
        BiEncoder encoder = new(TinyModels.NewDecoder(TinyModels.Ministral), new EncoderSettings());
        Gen<int[]> lengths = Gen.ArrayOf(Gen.Choose(1, 90)).Where(batch => batch.Length is > 0 and < 8);
        Prop.ForAll(lengths.ToArbitrary(), batch =>
        {
            int[][] texts = [.. batch.Select((length, i) => TinyModels.Tokens(length, (i * 1000) + length))];
            float[] together = Encode(encoder, texts);
            for (int i = 0; i < texts.Length; i++)
                Golden.AssertClose(together.AsSpan(i * 48, 48), Encode(encoder, [texts[i]]), 1e-5, $"text {i} of {texts.Length}");
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(25));
    }

    [Fact]
    public void Deterministic_contexts_give_the_same_bits_in_any_batch()
    {
        using ComputeContext exact = new(new ComputeOptions { Threads = 2, Deterministic = true });
        BiEncoder encoder = new(TinyModels.NewDecoder(TinyModels.Ministral), new EncoderSettings());
        int[][] texts = [TinyModels.Tokens(37, 1), TinyModels.Tokens(1, 2), TinyModels.Tokens(64, 3)];
        float[] together = Encode(encoder, texts, exact);
        for (int i = 0; i < texts.Length; i++) Assert.Equal(Encode(encoder, [texts[i]], exact), together[(i * 48)..((i + 1) * 48)]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_empty_sequence_gives_a_vector_of_zeros_and_leaves_its_neighbours_alone(bool normalize)
    {
        BiEncoder encoder = new(TinyModels.NewDecoder(TinyModels.Llama), new EncoderSettings { Normalize = normalize });
        int[] text = TinyModels.Tokens(9, 4);
        float[] vectors = Encode(encoder, [text, [], text]);
        Assert.All(vectors[48..96], value => Assert.Equal(0, value));
        Golden.AssertClose(vectors.AsSpan(0, 48), vectors.AsSpan(96, 48), 1e-5, "the neighbours");
    }

    [Theory]
    [InlineData(null)]
    [InlineData(7)]
    public void Tokens_given_one_by_one_or_in_pieces_with_a_cache_give_what_the_whole_sequences_give(int? window)
    {
        ModelConfig config = TinyModels.Ministral with { SlidingWindow = window };
        Decoder decoder = TinyModels.NewDecoder(config);
        int[][] texts = [TinyModels.Tokens(41, 1), TinyModels.Tokens(33, 2)];
        using Scope f = context.BeginScope();
        float[] whole = decoder.Forward(f, Join(texts), Segments.FromLengths([41, 33]), config.Mask(causal: true)).ToArray();

        using KeyValueCache cache = new(context, config.Layers, sequences: 2);
        float[] pieces = new float[whole.Length];
        int[] done = [0, 0];
        foreach (int[] step in new int[][] { [20, 3], [1, 1], [0, 10], [19, 18], [1, 1] })
        {
            int[] ids = [.. texts[0][done[0]..(done[0] + step[0])], .. texts[1][done[1]..(done[1] + step[1])]];
            float[] hidden = decoder.Forward(f, ids, cache.Continue(step), config.Mask(causal: true), cache).ToArray();
            hidden.AsSpan(0, step[0] * 48).CopyTo(pieces.AsSpan(done[0] * 48));
            hidden.AsSpan(step[0] * 48).CopyTo(pieces.AsSpan((41 + done[1]) * 48));
            done = [done[0] + step[0], done[1] + step[1]];
        }

        Assert.Equal([41, 33], cache.Lengths.ToArray());
        Golden.AssertClose(pieces, whole, 1e-5, "hidden states");
    }

    [Fact]
    public void A_recorded_pass_with_a_cache_is_refused_because_its_gradients_would_lack_keys_and_values()
    {
        ModelConfig config = TinyModels.Ministral;
        Decoder decoder = TinyModels.NewDecoder(config);
        using KeyValueCache cache = new(context, config.Layers, sequences: 1);
        using Tape tape = new();
        using Scope f = context.BeginScope(Precision.F32, tape);
        string message = Assert.Throws<InvalidOperationException>(
            () => decoder.Forward(f, [20, 21], cache.Continue([2]), config.Mask(causal: true), cache)).Message;
        Assert.Contains("has no gradients; give whole sequences", message, StringComparison.Ordinal);
        Assert.Equal([0], cache.Lengths.ToArray());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_pass_that_is_cancelled_leaves_the_cache_as_it_was(int completedLayers)
    {
        ModelConfig config = TinyModels.Ministral;
        Decoder decoder = TinyModels.NewDecoder(config);
        int[][] texts = [TinyModels.Tokens(30, 1), TinyModels.Tokens(20, 2)];
        using KeyValueCache cache = new(context, config.Layers, sequences: 2), uninterrupted = new(context, config.Layers, sequences: 2);
        float[] Pass(KeyValueCache into, int[] from, int[] count, CancellationTokenSource? stop = null)
        {
            using Scope f = context.BeginScope(Precision.F32, null, stop?.Token ?? default);
            int[] ids = [.. texts[0].AsSpan(from[0], count[0]), .. texts[1].AsSpan(from[1], count[1])];
            return decoder.Forward(f, ids, into.Continue(count), config.Mask(causal: true), into, (layer, _) =>
            {
                if (layer == completedLayers) stop?.Cancel();
                stop?.Token.ThrowIfCancellationRequested();
            }).ToArray();
        }

        // Once while the cache is empty, then twice in a row with other lengths, while it holds tokens.
        int[] first = [11, 4], second = [19, 16];
        Assert.Throws<OperationCanceledException>(() => Pass(cache, [0, 0], [3, 5], new CancellationTokenSource()));
        Assert.Equal(Pass(uninterrupted, [0, 0], first), Pass(cache, [0, 0], first));
        Assert.Throws<OperationCanceledException>(() => Pass(cache, first, [7, 2], new CancellationTokenSource()));
        Assert.Throws<OperationCanceledException>(() => Pass(cache, first, [0, 9], new CancellationTokenSource()));
        Assert.Equal(first, cache.Lengths.ToArray());
        Assert.Equal(Pass(uninterrupted, first, second), Pass(cache, first, second));
        Assert.Equal([30, 20], cache.Lengths.ToArray());
    }

    [Fact]
    public void Input_embeddings_give_what_their_ids_give()
    {
        Decoder decoder = TinyModels.NewDecoder(TinyModels.Llama);
        int[] ids = TinyModels.Tokens(12, 5);
        float[] rows = new float[12 * 48];
        for (int i = 0; i < ids.Length; i++) decoder.EmbeddingTable.CopyRowTo(ids[i], rows.AsSpan(i * 48, 48));
        using Scope f = context.BeginScope();
        Segments segments = Segments.FromLengths([5, 7]);
        Tensor embeddings = f.Upload(rows, 12, 48);
        float[] fromRows = decoder.Forward(f, embeddings, segments, AttentionMask.Bidirectional).ToArray();
        Assert.Equal(decoder.Forward(f, ids, segments, AttentionMask.Bidirectional).ToArray(), fromRows);
        Assert.Equal(rows, embeddings.ToArray());
    }

    [Fact]
    public void Recomputed_layers_give_the_same_gradients()
    {
        BiEncoder encoder = new(TinyModels.NewDecoder(TinyModels.Llama), new EncoderSettings());
        ParameterArena arena = new(encoder.Parameters);
        float[] Gradients(bool recompute)
        {
            encoder.Decoder.Recompute = recompute;
            arena.ZeroGradients();
            using Tape tape = new();
            using Scope f = context.BeginScope(Precision.F32, tape);
            Tensor q = encoder.Encode(f, TinyModels.Tokens(8, 1), Segments.FromLengths([3, 5])),
                p = encoder.Encode(f, TinyModels.Tokens(30, 2), Segments.FromLengths([10, 5, 10, 5]));
            var (scores, labels) = ContrastiveStep.ContrastiveScores(f, q, p, 20, inBatchNegatives: true);
            tape.Backward(f.CrossEntropy(scores, labels));
            return arena.Gradients.ToArray();
        }

        float[] plain = Gradients(false);
        Assert.Contains(plain, value => value != 0);
        Golden.AssertClose(Gradients(true), plain, 1e-6, "gradients");
    }

    [Fact]
    public void Products_in_bf16_and_int8_stay_close_to_f32()
    {
        BiEncoder encoder = new(TinyModels.NewDecoder(TinyModels.Ministral), new EncoderSettings());
        int[][] texts = [TinyModels.Tokens(60, 1)];
        float[] exact = Encode(encoder, texts);
        Assert.True(Cosine(exact, Encode(encoder, texts, context, Precision.BF16)) > 0.999);
        Assert.True(Cosine(exact, Encode(encoder, texts, context, Precision.Int8)) > 0.99);
    }

    [Fact]
    public void Ids_outside_the_vocabulary_and_positions_outside_the_context_are_refused()
    {
        Decoder decoder = TinyModels.NewDecoder(TinyModels.Ministral);
        using Scope f = context.BeginScope();
        ArgumentException vocabulary = Assert.Throws<ArgumentException>(() => decoder.Forward(f, [1, 384], Segments.FromLengths([2]), AttentionMask.CausalAll));
        Assert.Contains("token id 384 at place 1 is outside the vocabulary of 384", vocabulary.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => decoder.Forward(f, [-1], Segments.FromLengths([1]), AttentionMask.CausalAll));
        ArgumentException context512 = Assert.Throws<ArgumentException>(
            () => decoder.Forward(f, new int[513], Segments.FromLengths([513]), AttentionMask.CausalAll));
        Assert.Contains("outside the context of 512 positions", context512.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Random_weights_depend_on_the_seed_only()
    {
        float[] Values(ulong seed)
        {
            Parameter parameter = TinyModels.NewDecoder(TinyModels.Llama, seed).Parameters.First(parameter => parameter.Name == "layers.1.mlp.up_proj.weight");
            float[] values = new float[parameter.Count];
            parameter.CopyTo(values);
            return values;
        }

        float[] once = Values(7);
        Assert.Equal(once, Values(7));
        Assert.NotEqual(once, Values(8));
        double mean = once.Average(), deviation = Math.Sqrt(once.Average(value => (double)value * value));
        Assert.InRange(mean, -0.02, 0.02);
        Assert.InRange(deviation, 0.19, 0.21);
    }

    private static double Cosine(float[] a, float[] b) => System.Numerics.Tensors.TensorPrimitives.CosineSimilarity<float>(a, b);

    private static int[] Join(int[][] texts) => [.. texts.SelectMany(text => text)];

    private float[] Encode(BiEncoder encoder, int[][] texts, ComputeContext? other = null, Precision precision = Precision.F32)
    {
        using Scope f = (other ?? context).BeginScope(precision);
        return encoder.Encode(f, Join(texts), Segments.FromLengths([.. texts.Select(text => text.Length)])).ToArray();
    }
}
