using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Sirocco.Models;

/// <summary>
/// Runs a stream of texts through a network: takes them in windows, tokenizes one window while the one before it is computed, computes texts of like
/// length together, longest first, and gives results in the order of the texts.
/// <code>
/// LengthBatcher&lt;string, float[]&gt; batcher = new() { Tokenize = text => …, Compute = (batch, cancellation) => …, BatchTokens = 2048 };
/// foreach ((string text, float[] vector) in batcher.Run(texts)) …
/// </code>
/// </summary>
/// <typeparam name="TText">What is tokenized: a text, a pair of texts, the number of a text that is tokenized already.</typeparam>
/// <typeparam name="TResult">What is computed for each.</typeparam>
/// <remarks>
/// What is computed together depends on the texts and their order only, so a run repeats bit for bit. At most two windows are held. A stream that fits
/// one window is read, tokenized and computed by the caller's thread.
/// </remarks>
public sealed class LengthBatcher<TText, TResult>
{
    private const int WindowTexts = 1024;           // enough for batches of like lengths, few enough that the first result comes soon
    private const long WindowCharacters = 16 << 20; // a window of whole books is cut earlier

    /// <summary>Token ids of a text; called by several threads.</summary>
    public required Func<TText, int[]> Tokenize { get; init; }

    /// <summary>A result for each sequence of a batch; called for one batch at a time.</summary>
    public required Func<TokenBatch, CancellationToken, IReadOnlyList<TResult>> Compute { get; init; }

    /// <summary>Most tokens of a batch, unless a single text has more.</summary>
    public required int BatchTokens { get; init; }

    /// <summary>Threads that tokenize.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Length of a text that is not tokenized yet, by which windows of long texts are kept small.</summary>
    public Func<TText, int> Characters { get; init; } = _ => 0;

    /// <summary>Computes texts as they are asked for.</summary>
    /// <param name="texts">Read by one thread at a time, not always the caller's, and never after the enumeration has ended.</param>
    /// <param name="progress">Called between batches with the number of texts done, by the thread that enumerates.</param>
    /// <param name="cancellation">Stops between texts and batches, and where <see cref="Compute"/> heeds it.</param>
    public IEnumerable<(TText Text, TResult Result)> Run(IEnumerable<TText> texts, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        Lookahead ahead = new(this, texts.ToAsyncEnumerable(), cancellation);
        try
        {
            int done = 0;
            while (ahead.NextAsync().GetAwaiter().GetResult() is { } window)
            {
                TResult[] results = ComputeAll(window, done, progress, cancellation);
                done += results.Length;
                for (int i = 0; i < results.Length; i++) yield return (window.Texts[i], results[i]);
            }
        }
        finally
        {
            ahead.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>As <see cref="Run"/>, computing on threads of the pool.</summary>
    public async IAsyncEnumerable<(TText Text, TResult Result)> RunAsync(
        IAsyncEnumerable<TText> texts, Action<int>? progress = null, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        Lookahead ahead = new(this, texts, cancellation);
        await using (ahead.ConfigureAwait(false))
        {
            int done = 0;
            while (await ahead.NextAsync().ConfigureAwait(false) is { } window)
            {
                int before = done;
                TResult[] results = await Task.Run(() => ComputeAll(window, before, progress, cancellation), cancellation).ConfigureAwait(false);
                done += results.Length;
                for (int i = 0; i < results.Length; i++) yield return (window.Texts[i], results[i]);
            }
        }
    }

    private TResult[] ComputeAll(Window window, int before, Action<int>? progress, CancellationToken cancellation)
    {
        int[][] ids = window.Ids;
        TResult[] results = new TResult[ids.Length];

        // Longest first: the batch that needs the most memory comes first.
        int[] order = [.. Enumerable.Range(0, ids.Length).OrderByDescending(i => ids[i].Length)];
        for (int start = 0; start < order.Length;)
        {
            int end = start;
            long tokens = 0;
            while (end < order.Length && (end == start || tokens + ids[order[end]].Length <= BatchTokens)) tokens += ids[order[end++]].Length;
            ReadOnlySpan<int> rows = order.AsSpan(start, end - start);
            cancellation.ThrowIfCancellationRequested();
            IReadOnlyList<TResult> computed = Compute(TokenBatch.Of(ids, rows), cancellation);
            for (int i = 0; i < rows.Length; i++) results[rows[i]] = computed[i];
            start = end;
            progress?.Invoke(before + end);
        }

        return results;
    }

    private int[][] TokenizeAll(List<TText> texts, CancellationToken cancellation)
    {
        if (texts.Count == 1) return [Tokenize(texts[0])];
        int[][] ids = new int[texts.Count][];
        try
        {
            Parallel.For(
                0, ids.Length, new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = Threads }, i => ids[i] = Tokenize(texts[i]));
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]); // one text's failure is the answer, however many threads met one
        }

        return ids;
    }

    private sealed record Window(List<TText> Texts, int[][] Ids, bool IsLast);

    /// <summary>Reads and tokenizes the window after the one that was asked for.</summary>
    private sealed class Lookahead(LengthBatcher<TText, TResult> batcher, IAsyncEnumerable<TText> texts, CancellationToken cancellation) : IAsyncDisposable
    {
        private readonly CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        private IAsyncEnumerator<TText>? source;
        private Task<Window?>? reading;

        /// <summary>The next window, or null after the last.</summary>
        public async Task<Window?> NextAsync()
        {
            Window? window = await (reading ?? ReadAsync()).ConfigureAwait(false);
            reading = window is { IsLast: false } ? Task.Run(ReadAsync) : Task.FromResult<Window?>(null);
            return window;
        }

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync().ConfigureAwait(false);
            if (reading is not null) await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // nobody asks for that window any more
            if (source is not null) await source.DisposeAsync().ConfigureAwait(false);
            stop.Dispose();
        }

        private async Task<Window?> ReadAsync()
        {
            source ??= texts.GetAsyncEnumerator(stop.Token);
            List<TText> window = [];
            bool more = true;
            for (long characters = 0; window.Count < WindowTexts && characters < WindowCharacters;)
            {
                stop.Token.ThrowIfCancellationRequested();
                more = await source.MoveNextAsync().ConfigureAwait(false);
                if (!more) break;
                window.Add(source.Current);
                characters += batcher.Characters(source.Current);
            }

            return window.Count == 0 ? null : new Window(window, batcher.TokenizeAll(window, stop.Token), IsLast: !more);
        }
    }
}
