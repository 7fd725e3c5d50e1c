namespace Sirocco.Compute;

/// <summary>Sequences, mask and heads of one attention.</summary>
internal readonly record struct AttentionShape(Segments Segments, AttentionMask Mask, int Heads, int KvHeads, int HeadSize, float Scale)
{
    /// <summary>Query heads that share a key/value head.</summary>
    public int Group => Heads / KvHeads;

    /// <summary>
    /// Rows of queries, heads of a group counted as rows, that are taken over the keys together: 22 tiles of 6 rows, 66 KB of f32 at a head size of 128.
    /// </summary>
    private const int BlockRows = 132;

    /// <summary>The same backwards, where these rows are columns of panels: whole ones of every width.</summary>
    private const int BackwardRows = 128;

    /// <summary>Keys whose scores for a block of queries are in memory at one time.</summary>
    public const int KeyBlock = 128;

    /// <summary>Tokens of a block of queries.</summary>
    public int QueryBlock => Math.Max(1, BlockRows / Group);

    /// <summary>Tokens of a block of queries in the backward pass.</summary>
    public int BackwardQueryBlock => Math.Max(1, BackwardRows / Group);

    /// <summary>First query row, queries, first key row and keys of a sequence.</summary>
    public (int Query, int Queries, int Key, int Keys) Sequence(int s)
    {
        (int query, int key) = (Segments.QueryStarts[s], Segments.KeyStarts[s]);
        return (query, Segments.QueryStarts[s + 1] - query, key, Segments.KeyStarts[s + 1] - key);
    }

    /// <summary>Keys of its sequence, counted from the sequence's first, that a query sees: First ≤ j &lt; End.</summary>
    /// <param name="query">Counted from the sequence's first.</param>
    /// <param name="queries">Queries of the sequence.</param>
    /// <param name="keys">Keys of the sequence.</param>
    public (int First, int End) Visible(int query, int queries, int keys)
    {
        int place = query + keys - queries;
        int first = Mask.Window is { } window ? Math.Max(0, place - window + 1) : 0;
        int end = Mask.Causal ? place + 1 : Mask.Window is { } reach ? (int)Math.Min((long)place + reach, keys) : keys;
        return (first, Math.Clamp(end, 0, keys));
    }
}
