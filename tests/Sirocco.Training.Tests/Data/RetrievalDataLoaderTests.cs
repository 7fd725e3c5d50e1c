namespace Sirocco.Training.Tests;

public class RetrievalDataLoaderTests
{
    [Fact]
    public void Batches_made_ahead_are_those_made_on_the_spot_wherever_an_epoch_is_entered()
    {
        RetrievalDataset dataset = Dataset();
        List<int[]> expected = Records(Loader(dataset, prefetch: 0).Epoch(1));
        for (int consumed = 0; consumed <= expected.Count; consumed++)
            Assert.Equal(expected.Skip(consumed), Records(Loader(dataset, prefetch: 3).Epoch(1, consumed)));
    }

    [Fact]
    public void An_epoch_can_be_left_early_and_be_cancelled()
    {
        RetrievalDataLoader<RetrievalBatch> loader = Loader(Dataset(), prefetch: 2);
        Assert.Equal(2, loader.Epoch(0).Take(2).Count());
        using CancellationTokenSource cancellation = new();
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (RetrievalBatch batch in loader.Epoch(0, cancellation: cancellation.Token)) cancellation.Cancel();
        });
    }

    [Fact]
    public void A_record_without_tokens_stops_at_its_batch_with_its_file_and_line()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write(
            "x.jsonl",
            string.Concat(Enumerable.Range(0, 9).Select(i => $$"""{"query": "q{{i}}", "pos_doc": "{{(i == 7 ? "stop" : "p")}}", "neg_doc": []}""" + "\n")));
        RetrievalDataset dataset = RetrievalDataset.Load(new() { Sources = [new(path)], PassagesPerQuery = 1 });
        FailingCollator collator = new(Tokenizer(), "stop");
        RetrievalDataLoader<RetrievalBatch> loader = new(
            dataset, collator, new BatchSampler(dataset.Count, new DataLoaderOptions { Shuffle = false }, 2), prefetch: 4);
        int batches = 0;
        string said = Assert.Throws<InvalidDataException>(() =>
        {
            foreach (RetrievalBatch batch in loader.Epoch(0)) batches++;
        }).Message;
        Assert.Equal(3, batches);
        Assert.Contains("x.jsonl:8", said, StringComparison.Ordinal);
    }

    [Fact]
    public void Widths_that_no_memory_holds_are_refused_by_their_keys()
    {
        BiEncoderCollatorOptions wide = new() { PadToMultipleOf = int.MaxValue };
        string expected = $"pad_to_multiple_of is {int.MaxValue}; give at most {1 << 24}";
        Assert.Equal(expected, Assert.Throws<InvalidDataException>(() => new BiEncoderCollator(Tokenizer(), wide)).Message);
        CrossEncoderCollatorOptions pairs = new() { MaxLength = 8, PadToMultipleOf = int.MaxValue };
        Assert.Equal(expected, Assert.Throws<InvalidDataException>(() => new CrossEncoderCollator(Tokenizer(), pairs)).Message);

        TrainingTokenizer endless = TrainingTokenizer.Load(new TokenizerOptions { Path = GoldenFile.Path("retrieval/common/llama"), MaxLength = int.MaxValue });
        BiEncoderCollator collator = new(endless, new BiEncoderCollatorOptions { Padding = PaddingWidth.MaxLength, PadToMultipleOf = 64 });
        Assert.Contains(
            "model_max_length", Assert.Throws<InvalidDataException>(() => collator.Collate([Dataset().Get(0)])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Positions_count_columns_or_tokens()
    {
        TokenizedBatch left = new([[5, 6], [7, 8, 9]], 4, Text.TextSide.Left, 0);
        Assert.Equal([2, 3, 1, 2, 3], left.Segments().Positions.ToArray());
        Assert.Equal([0, 1, 0, 1, 2], left.Segments(Models.PositionCount.Tokens).Positions.ToArray());
        Assert.Equal([0, 0, 5, 6, 0, 7, 8, 9], left.PaddedIds());
        Assert.Equal([1, 1, 0, 0, 1, 1, 1, 0], new TokenizedBatch([[5, 6], [7, 8, 9]], 4, Text.TextSide.Right, 0).Mask());
    }

    [Theory]
    [InlineData("{query} and {{x}} {passage}{query}", "Q and {x} PQ")]
    [InlineData("{passage", null)]
    [InlineData("}", null)]
    [InlineData("{other}", null)]
    public void Templates_are_filled_as_Python_fills_them(string template, string? expected)
    {
        if (expected is null) Assert.Throws<InvalidDataException>(() => PairTemplate.Parse(template));
        else Assert.Equal(expected, PairTemplate.Parse(template).Fill("Q", "P"));
    }

    private static List<int[]> Records(IEnumerable<RetrievalBatch> batches) => [.. batches.Select(batch => batch.Records.ToArray())];

    private static TrainingTokenizer Tokenizer() => TrainingTokenizer.Load(new TokenizerOptions { Path = GoldenFile.Path("retrieval/common/llama") });

    private static RetrievalDataset Dataset() =>
        RetrievalDataset.Load(new() { Sources = [new(GoldenFile.Path("retrieval/common/data/train.json"))], PassagesPerQuery = 2 });

    private static RetrievalDataLoader<RetrievalBatch> Loader(RetrievalDataset dataset, int prefetch) =>
        new(
            dataset,
            new BiEncoderCollator(Tokenizer(), new BiEncoderCollatorOptions { QueryLength = 8, PassageLength = 8 }),
            new BatchSampler(dataset.Count, new DataLoaderOptions(), 8),
            prefetch);

    private sealed class FailingCollator(TrainingTokenizer tokenizer, string text) : Collator<RetrievalBatch>(tokenizer)
    {
        private readonly BiEncoderCollator inner = new(tokenizer, new BiEncoderCollatorOptions());

        public override RetrievalBatch Collate(IReadOnlyList<RetrievalExample> examples) =>
            examples.FirstOrDefault(example => example.Documents[0].Text == text) is { } bad
                ? throw new InvalidDataException($"{bad.Place}: {text}")
                : inner.Collate(examples);
    }
}
