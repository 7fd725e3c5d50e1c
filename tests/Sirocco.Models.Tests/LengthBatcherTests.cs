using FsCheck;
using FsCheck.Fluent;

namespace Sirocco.Models.Tests;

public sealed class LengthBatcherTests
{
    private static readonly int[] WindowsApart = [0, 1, 1023, 1024, 1025, 2048, 5000];

    [Fact]
    public async Task Results_come_in_the_order_of_the_texts_whatever_their_lengths()
    {
        foreach (int count in WindowsApart)
        {
            int[] texts = Texts(count);
            List<TokenBatch> batches = [], again = [];
            (int, int)[] expected = [.. texts.Select(text => (text, Twice(text)))];
            Assert.Equal(expected, Batcher(batches).Run(texts));
            Assert.Equal(expected, await Collect(Batcher(again).RunAsync(texts.ToAsyncEnumerable())));
            Assert.Equal(batches.Select(batch => batch.Lengths), again.Select(batch => batch.Lengths));
        }
    }

    [Fact]
    public void A_batch_fills_its_budget_with_texts_of_like_length_and_exceeds_it_for_a_single_text_only()
    {
        Prop.ForAll(Gen.Choose(1, 300).ToArbitrary(), Gen.Choose(1, 500).ToArbitrary(), (count, seed) =>
        {
            List<TokenBatch> batches = [];
            int[] texts = [.. Enumerable.Range(seed, count)];
            _ = Batcher(batches).Run(texts).Count();
            Assert.All(batches, batch => Assert.True(batch.Ids.Length <= 64 || batch.Count == 1));
            Assert.All(
                batches.Zip(batches.Skip(1)), pair => Assert.True(pair.First.Ids.Length + pair.Second.Lengths[0] > 64, "the next text would have fitted"));
            int[] lengths = [.. batches.SelectMany(batch => batch.Lengths)];
            Assert.Equal(lengths.OrderDescending(), lengths);
            Assert.Equal(texts.Select(Length).Order(), lengths.Order());
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(50));
    }

    [Fact]
    public void The_next_window_is_tokenized_while_one_is_computed()
    {
        using ManualResetEventSlim secondTokenized = new();
        LengthBatcher<int, int> batcher = new()
        {
            Tokenize = text =>
            {
                if (text == 2047) secondTokenized.Set();
                return [text];
            },
            Compute = (batch, cancellation) =>
            {
                if (!secondTokenized.Wait(TimeSpan.FromMinutes(1), cancellation))
                    throw new TimeoutException("the second window is not tokenized before the first was computed");
                return batch.Ids;
            },
            BatchTokens = 2048,
        };
        Assert.Equal(3000, batcher.Run(Enumerable.Range(0, 3000)).Count());
    }

    [Fact]
    public void Progress_counts_up_to_the_number_of_texts_on_the_thread_that_enumerates()
    {
        int thread = Environment.CurrentManagedThreadId;
        List<int> told = [];
        _ = Batcher([]).Run(Texts(2500), done =>
        {
            Assert.Equal(thread, Environment.CurrentManagedThreadId);
            told.Add(done);
        }).Count();
        Assert.Equal(told.Order().Distinct(), told);
        Assert.Equal(2500, told[^1]);
    }

    [Fact]
    public void An_enumeration_that_is_left_early_reads_no_further_and_closes_the_texts()
    {
        bool closed = false;
        int read = 0;
        IEnumerable<int> Endless()
        {
            try
            {
                while (true) yield return read++;
            }
            finally
            {
                closed = true;
            }
        }

        Assert.Equal(10, Batcher([]).Run(Endless()).Take(10).Count());
        Assert.True(closed);
        int after = read;
        Thread.Yield();
        Assert.Equal(after, read);
    }

    [Fact]
    public void Failures_of_reading_tokenizing_and_computing_reach_the_caller_as_they_are()
    {
        IEnumerable<int> Broken()
        {
            for (int i = 0; i < 1500; i++) yield return i;
            throw new InvalidDataException("line 1501 is damaged");
        }

        List<int> seen = [];
        Assert.Equal(
            "line 1501 is damaged", Assert.Throws<InvalidDataException>(() => seen.AddRange(Batcher([]).Run(Broken()).Select(pair => pair.Text))).Message);
        LengthBatcher<int, int> tokenizing = new()
        {
            Tokenize = text => text == 1200 ? throw new InvalidDataException("text 1200") : [text],
            Compute = (batch, _) => batch.Ids,
            BatchTokens = 64,
        };
        Assert.Equal("text 1200", Assert.Throws<InvalidDataException>(() => tokenizing.Run(Enumerable.Range(0, 2000)).Count()).Message);
        LengthBatcher<int, int> computing = new()
        {
            Tokenize = text => [text],
            Compute = (_, _) => throw new InvalidDataException("a score"),
            BatchTokens = 64,
        };
        Assert.Equal("a score", Assert.Throws<InvalidDataException>(() => computing.Run(Enumerable.Range(0, 2000)).Count()).Message);
    }

    [Fact]
    public async Task Cancellation_ends_a_run_between_batches()
    {
        using CancellationTokenSource stop = new();
        Assert.Throws<OperationCanceledException>(() => Batcher([]).Run(Texts(5000), done => stop.Cancel(), stop.Token).Count());
        using CancellationTokenSource other = new();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Collect(Batcher([]).RunAsync(Texts(5000).ToAsyncEnumerable(), done => other.Cancel(), other.Token)));
    }

    private static LengthBatcher<int, int> Batcher(List<TokenBatch> batches) => new()
    {
        Tokenize = text => [.. Enumerable.Repeat(text, Length(text))],
        Compute = (batch, _) =>
        {
            batches.Add(batch);
            int[] ends = [.. batch.Lengths.Select((_, i) => batch.Lengths[..(i + 1)].Sum() - 1)];
            return [.. ends.Select(end => Twice(batch.Ids[end]))];
        },
        BatchTokens = 64,
    };

    private static int[] Texts(int count) => [.. Enumerable.Range(0, count).Select(i => (i * 7919) % 104_729)];

    private static int Length(int text) => 1 + ((text * 31) % 90);

    private static int Twice(int text) => 2 * text;

    private static async Task<List<(int Text, int Result)>> Collect(IAsyncEnumerable<(int Text, int Result)> results)
    {
        List<(int, int)> all = [];
        await foreach ((int, int) result in results) all.Add(result);
        return all;
    }
}
