namespace Sirocco.Models;

/// <summary>The best rows seen so far: a heap whose root is the worst of them. Equal scores keep the lower row, so results do not depend on threads.</summary>
internal sealed class BestRows(int capacity)
{
    private readonly PriorityQueue<int, (float Score, int Row)> heap = new(capacity + 1, Comparer<(float Score, int Row)>.Create(Compare));

    public void Add(int row, float score)
    {
        if (heap.Count < capacity) heap.Enqueue(row, (score, row));
        else if (heap.TryPeek(out _, out var worst) && Compare((score, row), worst) > 0) heap.EnqueueDequeue(row, (score, row));
    }

    public void Merge(BestRows other)
    {
        foreach (var (row, priority) in other.heap.UnorderedItems) Add(row, priority.Score);
    }

    /// <summary>Best first.</summary>
    public IEnumerable<(int Row, float Score)> Ranked() =>
        heap.UnorderedItems.Select(item => (item.Element, item.Priority.Score)).OrderByDescending(item => item.Score).ThenBy(item => item.Element);

    private static int Compare((float Score, int Row) a, (float Score, int Row) b)
    {
        int byScore = a.Score.CompareTo(b.Score);
        return byScore != 0 ? byScore : b.Row.CompareTo(a.Row);
    }
}
