using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Sirocco.Training;

/// <summary>Micro-batches of a dataset in the sampler's order, made ahead on another thread.</summary>
/// <typeparam name="TBatch">What the collator makes.</typeparam>
internal sealed class RetrievalDataLoader<TBatch>
    where TBatch : ExampleBatch
{
    private readonly RetrievalDataset dataset;
    private readonly Collator<TBatch> collator;
    private readonly IReadOnlyList<BatchSampler> ranks;
    private readonly int prefetch;

    /// <param name="dataset">The rows.</param>
    /// <param name="collator">Makes batches of them.</param>
    /// <param name="sampler">Their order; made for this dataset's number of rows.</param>
    /// <param name="prefetch">Micro-batches that are made ahead; 0: none, on the caller's thread.</param>
    public RetrievalDataLoader(RetrievalDataset dataset, Collator<TBatch> collator, BatchSampler sampler, int prefetch = 4)
        : this(dataset, collator, [sampler], prefetch)
    {
    }

    /// <summary>The micro-batches of several ranks: the first of each, then the second of each, and so on.</summary>
    /// <param name="dataset">The rows.</param>
    /// <param name="collator">Makes batches of them.</param>
    /// <param name="ranks">The order of each rank; made for this dataset's number of rows.</param>
    /// <param name="prefetch">Micro-batches that are made ahead; 0: none, on the caller's thread.</param>
    public RetrievalDataLoader(RetrievalDataset dataset, Collator<TBatch> collator, IReadOnlyList<BatchSampler> ranks, int prefetch = 4)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        ArgumentNullException.ThrowIfNull(collator);
        ArgumentNullException.ThrowIfNull(ranks);
        ArgumentOutOfRangeException.ThrowIfZero(ranks.Count, nameof(ranks));
        ArgumentOutOfRangeException.ThrowIfNegative(prefetch);
        if (ranks.FirstOrDefault(sampler => sampler.Rows != dataset.Count) is { } other)
            throw new ArgumentException($"the sampler was made for {other.Rows} rows, the dataset has {dataset.Count}", nameof(ranks));
        if (ranks.Any(sampler => sampler.Count != ranks[0].Count))
            throw new ArgumentException("the ranks' samplers give different numbers of batches", nameof(ranks));
        this.dataset = dataset;
        this.collator = collator;
        this.ranks = ranks;
        this.prefetch = prefetch;
    }

    /// <summary>Micro-batches of each rank in an epoch.</summary>
    public int Count => ranks[0].Count;

    /// <summary>Ranks whose micro-batches take turns.</summary>
    public int Ranks => ranks.Count;

    /// <summary>The rows.</summary>
    public RetrievalDataset Dataset => dataset;

    /// <summary>The micro-batches of an epoch.</summary>
    /// <param name="epoch">Which, from 0; it decides the order, and the positive of a row whose positives take turns.</param>
    /// <param name="consumed">Batches of each rank at the start that are done already.</param>
    /// <param name="cancellation">Ends the enumeration with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="InvalidDataException">A record cannot be used; thrown when the enumeration reaches its batch.</exception>
    public IEnumerable<TBatch> Epoch(int epoch, int consumed = 0, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfNegative(consumed);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(consumed, Count);
        IReadOnlyList<int[]>[] batches = [.. ranks.Select(sampler => sampler.Batches(epoch))];
        IEnumerable<int[]> rows = Enumerable.Range(consumed, Count - consumed).SelectMany(batch => batches, (batch, rank) => rank[batch]);
        return prefetch == 0 ? rows.Select(batch => Make(batch, epoch, cancellation)) : Ahead(rows, epoch, cancellation);
    }

    private TBatch Make(int[] rows, int epoch, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return collator.Collate(Array.ConvertAll(rows, row => dataset.Get(row, epoch)));
    }

    private IEnumerable<TBatch> Ahead(IEnumerable<int[]> rows, int epoch, CancellationToken cancellation)
    {
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using BlockingCollection<(TBatch? Batch, ExceptionDispatchInfo? Failure)> ready = new(prefetch);
        Task maker = Task.Run(() => Fill(ready, rows, epoch, end.Token), CancellationToken.None);
        try
        {
            foreach ((TBatch? batch, ExceptionDispatchInfo? failure) in ready.GetConsumingEnumerable(cancellation))
            {
                failure?.Throw();
                yield return batch!;
            }

            cancellation.ThrowIfCancellationRequested();
        }
        finally
        {
            end.Cancel();
            maker.Wait(CancellationToken.None);   // Fill never throws: failures travel with the batches
        }
    }

    private void Fill(BlockingCollection<(TBatch? Batch, ExceptionDispatchInfo? Failure)> ready, IEnumerable<int[]> rows, int epoch, CancellationToken end)
    {
        try
        {
            foreach (int[] batch in rows) ready.Add((Make(batch, epoch, end), null), end);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            return;   // nobody waits for more
        }
        catch (Exception e)
        {
            Report(ready, ExceptionDispatchInfo.Capture(e), end);
        }
        finally
        {
            ready.CompleteAdding();
        }
    }

    private static void Report(BlockingCollection<(TBatch? Batch, ExceptionDispatchInfo? Failure)> ready, ExceptionDispatchInfo failure, CancellationToken end)
    {
        try
        {
            ready.Add((null, failure), end);
        }
        catch (OperationCanceledException)
        {
            return;   // the reader left before it came to the failure
        }
    }
}
