namespace Sirocco.Models;

/// <summary>The best rows seen so far: a heap whose root is the worst of them. Equal scores keep the lower row, so results do not depend on threads.</summary>
/// <param name="capacity">Rows kept, at least 1.</param>
public sealed class BestRows(int capacity)
{
    private static readonly Comparer<(float Score, int Row)> Worse = Comparer<(float Score, int Row)>.Create(
        (a, b) => a.Score != b.Score ? a.Score.CompareTo(b.Score) : b.Row.CompareTo(a.Row));
    private readonly PriorityQueue<int, (float Score, int Row)> heap = new(Worse); // grows with what is offered: a capacity may be that of a whole index
    private float least = float.NegativeInfinity; // score that a row must reach to enter

    /// <summary>Offers a row.</summary>
    public void Add(int row, float score)
    {
        if (score < least) return;
        if (heap.Count < capacity) heap.Enqueue(row, (score, row));
        else heap.EnqueueDequeue(row, (score, row));
        if (heap.Count == capacity && heap.TryPeek(out _, out var worst)) least = worst.Score;
    }

    /// <summary>Offers all rows of another.</summary>
    public void Merge(BestRows other)
    {
        foreach (var (row, priority) in other.heap.UnorderedItems) Add(row, priority.Score);
    }

    /// <summary>Best first.</summary>
    public IEnumerable<(int Row, float Score)> Ranked() =>
        heap.UnorderedItems.Select(item => (item.Element, item.Priority.Score)).OrderByDescending(item => item.Score).ThenBy(item => item.Element);
}
