using Sirocco.Compute;

namespace Sirocco.Models.Tests;

public sealed class PaddedBatchTests
{
    [Fact]
    public void Padding_on_either_side_becomes_sequences_and_comes_back_as_zeros()
    {
        long[] mask = [0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0];
        PaddedBatch batch = PaddedBatch.Create(3, 4, mask, PositionCount.Columns);
        Assert.Equal([0, 2, 4, 4], batch.Segments.QueryStarts.ToArray());
        Assert.Equal([2, 3, 0, 1], batch.Segments.Positions.ToArray());
        Assert.Equal([0, 1, 0, 1], PaddedBatch.Create(3, 4, mask, PositionCount.Tokens).Segments.Positions.ToArray());
        Assert.Equal([0, 0, 7, 8, 9, 10, 0, 0, 0, 0, 0, 0], batch.Spread([7, 8, 9, 10], 1));
        Assert.Equal([12, 13, 14, 15], batch.Tokens([10, 11, 12, 13, 14, 15, 16, 17, 0, 0, 0, 0], "input_ids"));
    }

    [Fact]
    public void Labels_are_shifted_within_their_row()
    {
        PaddedBatch batch = PaddedBatch.Create(2, 3, [], PositionCount.Columns);
        Assert.Equal([2, 3, -100, 5, 6, -100], batch.ShiftedLabels([1, 2, 3, 4, 5, 6]));
    }

    [Fact]
    public void A_mask_with_holes_or_other_values_is_refused()
    {
        Assert.Contains(
            "attention_mask[0] has a hole before column 2",
            Assert.Throws<InvalidDataException>(() => PaddedBatch.Create(1, 3, [1, 0, 1], PositionCount.Columns)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "attention_mask[0, 1] is 2",
            Assert.Throws<InvalidDataException>(() => PaddedBatch.Create(1, 3, [1, 2, 1], PositionCount.Columns)).Message,
            StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => PaddedBatch.Create(1, 2, [], PositionCount.Columns, [0, -1]));
    }

    [Fact]
    public void Positions_that_count_tokens_make_the_padding_side_irrelevant()
    {
        Decoder decoder = TinyModels.NewDecoder(TinyModels.Ministral);
        long[] text = [.. TinyModels.Tokens(50, 3).Select(id => (long)id)];
        long[] left = [.. new long[40], .. text], right = [.. text, .. new long[40]];
        float[] Hidden(long[] ids, bool padLeft)
        {
            long[] padding = new long[40], tokens = [.. Enumerable.Repeat(1L, 50)];
            long[] mask = padLeft ? [.. padding, .. tokens] : [.. tokens, .. padding];
            PaddedBatch batch = PaddedBatch.Create(1, 90, mask, PositionCount.Tokens);
            using ComputeContext context = new(new ComputeOptions { Threads = 1 });
            using Scope f = context.BeginScope();
            return decoder.Forward(f, batch.Tokens(ids, "input_ids"), batch.Segments, AttentionMask.Bidirectional).ToArray();
        }

        Assert.Equal(Hidden(left, true), Hidden(right, false));
    }
}
