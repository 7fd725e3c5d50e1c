using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>
/// The best documents for many queries, by comparing each query with every document. Documents come block by block and are not kept, so a corpus needs no
/// memory beyond one block of it and its scores.
/// </summary>
internal sealed class ExactRanking
{
    /// <summary>Bytes of scores held at a time.</summary>
    private const long ScoreBytes = 64 << 20;

    private static readonly Comparer<(float Score, int Document)> Worse = Comparer<(float Score, int Document)>.Create(
        (a, b) => a.Score != b.Score ? a.Score.CompareTo(b.Score) : b.Document.CompareTo(a.Document));

    private readonly ComputeContext context;
    private readonly ReadOnlyMemory<float> queries;
    private readonly int features;
    private readonly int top;
    private readonly PriorityQueue<int, (float Score, int Document)>[] kept;   // the worst of the best at the root

    /// <param name="context">The device.</param>
    /// <param name="queries">[queries · features]</param>
    /// <param name="features">Length of a vector.</param>
    /// <param name="top">Documents wanted for each query.</param>
    public ExactRanking(ComputeContext context, ReadOnlyMemory<float> queries, int features, int top)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(top, 1);
        this.context = context;
        this.queries = queries;
        this.features = features;
        this.top = top;
        kept = [.. Enumerable.Range(0, queries.Length / features).Select(_ => new PriorityQueue<int, (float Score, int Document)>(Worse))];
    }

    /// <summary>Documents compared so far.</summary>
    public int Count { get; private set; }

    /// <summary>Compares the next documents, whose numbers go on from those before.</summary>
    /// <param name="documents">[documents · features]</param>
    /// <param name="cancellation">Stops between blocks of queries.</param>
    public void Add(ReadOnlySpan<float> documents, CancellationToken cancellation = default)
    {
        int count = documents.Length / features, first = Count;
        if (count == 0) return;
        int block = (int)Math.Clamp(ScoreBytes / (sizeof(float) * (long)count), 1, 4096);
        using Scope outer = context.BeginScope(cancellation: cancellation);
        Tensor all = outer.Upload(documents, count, features);
        for (int start = 0; start < kept.Length; start += block)
        {
            cancellation.ThrowIfCancellationRequested();
            int asked = Math.Min(block, kept.Length - start), from = start;
            using Scope f = outer.BeginScope();
            float[] scores = f.Scores(f.Upload(queries.Span.Slice(start * features, asked * features), asked, features), all).ToArray();
            Parallel.For(
                0,
                asked,
                new ParallelOptions { MaxDegreeOfParallelism = context.Threads },
                row => Keep(kept[from + row], scores.AsSpan(row * count, count), first));
        }

        Count = checked(first + count);
    }

    /// <summary>For each query its documents with the highest inner products, best first; of equal scores the earlier document first.</summary>
    public (int Document, float Score)[][] Best() =>
        [.. kept.Select(
            best => best.UnorderedItems.OrderByDescending(item => item.Priority, Worse).Select(item => (item.Element, item.Priority.Score)).ToArray())];

    private void Keep(PriorityQueue<int, (float Score, int Document)> best, ReadOnlySpan<float> scores, int first)
    {
        int i = 0;
        for (; i < scores.Length && best.Count < top; i++) best.Enqueue(first + i, (scores[i], first + i));
        if (!best.TryPeek(out _, out (float Score, int Document) worst)) return;
        for (; i < scores.Length; i++)
        {
            if (scores[i] <= worst.Score) continue;
            best.EnqueueDequeue(first + i, (scores[i], first + i));
            best.TryPeek(out _, out worst);
        }
    }
}
