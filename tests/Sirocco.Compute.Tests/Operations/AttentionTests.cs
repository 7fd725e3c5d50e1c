using Sirocco.Compute.Tests.Kernels;

namespace Sirocco.Compute.Tests.Operations;

public sealed class AttentionTests
{
    public static TheoryData<int, int, int> Heads => new()
    {
        { 16, 2, 1 }, { 64, 4, 4 }, { 80, 2, 2 }, { 128, 4, 1 }, { 6, 3, 3 },
    };

    [Theory]
    [MemberData(nameof(Heads))]
    public void Attention_of_ragged_sequences_follows_its_formula_under_every_mask(int headSize, int heads, int kvHeads)
    {
        Random random = new(headSize);
        foreach (AttentionMask mask in new AttentionMask[] { new(true), new(false), new(true, 3), new(false, 2), new(true, 1000) })
        {
            int[] lengths = [random.Next(1, 5), 0, 1, random.Next(5, 20), 0];
            int[] past = [0, 3, random.Next(4), 7, 0];
            int[] positions = [.. Enumerable.Range(0, lengths.Sum())];
            foreach (Segments segments in new[] { Segments.FromLengths(lengths), Segments.Continuing(lengths, past, positions) })
                Check(random, segments, mask, headSize, heads, kvHeads);
        }
    }

    [Theory]
    [InlineData(true, null)]
    [InlineData(false, null)]
    [InlineData(true, 70)]
    [InlineData(false, 33)]
    public void Sequences_longer_than_a_block_are_cut_without_a_seam(bool causal, int? window)
    {
        Random random = new(3);
        Check(random, Segments.FromLengths([257, 131]), new AttentionMask(causal, window), 16, 2, 1);
        Check(random, Segments.Continuing([5, 150], [300, 0], [.. Enumerable.Range(0, 155)]), new AttentionMask(causal, window), 8, 4, 2);
    }

    [Fact]
    public void Negative_past_lengths_and_windows_without_a_key_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Segments.Continuing([3], [-1], [0, 1, 2]));
        using ComputeContext context = new();
        using Scope f = context.BeginScope();
        Tensor x = f.Upload([1, 2], 1, 2);
        foreach (int window in new[] { 0, -5 })
            Assert.Throws<ArgumentOutOfRangeException>(() => f.Attention(x, x, x, Segments.FromLengths([1]), new AttentionMask(true, window), 2, 1));
        foreach (int headSize in new[] { 0, -2 })
            Assert.Throws<ArgumentOutOfRangeException>(() => f.Attention(x, x, x, Segments.FromLengths([1]), AttentionMask.CausalAll, headSize, 1));
    }

    [Fact]
    public void Very_large_scores_overflow_nothing()
    {
        using ComputeContext context = new();
        using Scope f = context.BeginScope();
        Tensor q = f.Upload([1e4f, 0, -1e4f, 0], 2, 2), k = f.Upload([1e4f, 0, 0, 1e4f], 2, 2), v = f.Upload([1, 2, 3, 4], 2, 2);
        float[] o = f.Attention(q, k, v, Segments.FromLengths([2]), AttentionMask.Bidirectional, 2, 1).ToArray();
        Assert.Equal([1, 2, 3, 4], o);
    }

    /// <summary>Scores of whole blocks of keys lie 200 apart, more than the 104 after which a power of e is zero in f32.</summary>
    [Theory]
    [MemberData(nameof(LinearTests.AllMachines), MemberType = typeof(LinearTests))]
    public void A_maximum_that_leaps_between_blocks_of_keys_wipes_what_was_summed_before(string machine)
    {
        const int HeadSize = 8, Heads = 2;
        foreach (int[] levels in new int[][] { [0, 1], [1, 0], [0, 1, 2], [1, 0, 2], [-1, -2, 0] })
        {
            OperationCase c = new(new Random(levels.Length));
            int keys = (levels.Length * AttentionShape.KeyBlock) - 30;
            Segments segments = Segments.Continuing([9], [keys - 9], [.. Enumerable.Range(0, 9)]);
            Variable q = c.Input(9, Heads * HeadSize), k = c.Input(keys, HeadSize), v = c.Input(keys, HeadSize);
            for (int i = 0; i < q.Values.Length; i += HeadSize) q.Values[i] = 1;
            for (int j = 0; j < keys; j++) k.Values[j * HeadSize] = 200 * levels[j / AttentionShape.KeyBlock];
            AttentionShape shape = new(segments, AttentionMask.Bidirectional, Heads, 1, HeadSize, 1);

            // A score of 400 (577 in units of log₂) is known to 2⁻¹⁵.
            c.Check(
                x => AttentionReference.Forward(shape, x[q], x[k], x[v]),
                (f, b) => f.Attention(b.Tensor(q), b.Tensor(k), b.Tensor(v), segments, AttentionMask.Bidirectional, HeadSize, 1), 6e-5, machine);
        }
    }

    [Fact]
    public void A_sequence_is_the_same_bit_by_bit_whatever_it_is_batched_with()
    {
        using ComputeContext context = new();
        Random random = new(2);
        float[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 2) - 1)];
        const int Length = 173, Other = 59, HeadSize = 64;
        float[] q = Draw(Length * 2 * HeadSize), k = Draw(Length * HeadSize), v = Draw(Length * HeadSize);
        float[] otherQ = Draw(Other * 2 * HeadSize), otherK = Draw(Other * HeadSize), otherV = Draw(Other * HeadSize);
        foreach (AttentionMask mask in new AttentionMask[] { new(true), new(false), new(true, 40) })
        {
            using Scope f = context.BeginScope();
            float[] alone = f.Attention(
                f.Upload(q, Length, 2 * HeadSize), f.Upload(k, Length, HeadSize), f.Upload(v, Length, HeadSize), Segments.FromLengths([Length]), mask, HeadSize,
                0.125f).ToArray();
            float[] together = f.Attention(
                f.Upload([.. otherQ, .. q], Length + Other, 2 * HeadSize), f.Upload([.. otherK, .. k], Length + Other, HeadSize),
                f.Upload([.. otherV, .. v], Length + Other, HeadSize), Segments.FromLengths([Other, Length]), mask, HeadSize, 0.125f).ToArray();
            Assert.Equal(alone, together[(Other * 2 * HeadSize)..]);
        }
    }

    private static void Check(Random random, Segments segments, AttentionMask mask, int headSize, int heads, int kvHeads)
    {
        OperationCase c = new(random);
        Variable q = c.Input(segments.Tokens, heads * headSize, scale: 2),
            k = c.Input(segments.KeyTokens, kvHeads * headSize),
            v = c.Input(segments.KeyTokens, kvHeads * headSize);
        AttentionShape shape = new(segments, mask, heads, kvHeads, headSize, 0.3f);
        c.Check(
            x => AttentionReference.Forward(shape, x[q], x[k], x[v]),
            (f, b) => f.Attention(b.Tensor(q), b.Tensor(k), b.Tensor(v), segments, mask, headSize, 0.3f));
    }
}
