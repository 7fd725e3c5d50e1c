using System.Buffers;

namespace Sirocco.Text.Pipeline;

/// <summary>
/// Finds the leftmost, longest of many strings. A trie over bytes, entered only where a first byte occurs (found with vector instructions), so text without
/// special tokens costs next to nothing.
/// </summary>
internal sealed class StringTrie
{
    private readonly Dictionary<(int Node, byte Byte), int> edges = [];
    private readonly List<int> ids = [-1];
    private readonly HashSet<byte> firstBytes = [];
    private SearchValues<byte> first = SearchValues.Create(ReadOnlySpan<byte>.Empty);

    public bool IsEmpty => ids.Count == 1;

    public void Add(ReadOnlySpan<byte> text, int id)
    {
        if (text.IsEmpty) return;
        int node = 0;
        foreach (byte value in text)
        {
            if (!edges.TryGetValue((node, value), out int next))
            {
                next = ids.Count;
                edges.Add((node, value), next);
                ids.Add(-1);
            }
            node = next;
        }
        ids[node] = id;
        if (firstBytes.Add(text[0])) first = SearchValues.Create([.. firstBytes]);
    }

    /// <summary>The first match at or after <paramref name="from"/>.</summary>
    public bool FindNext(ReadOnlySpan<byte> text, int from, out int start, out int end, out int id)
    {
        (start, end, id) = (from, from, -1);
        while (start < text.Length)
        {
            int skip = text[start..].IndexOfAny(first);
            if (skip < 0) return false;
            start += skip;
            int node = 0;
            for (int at = start; at < text.Length && edges.TryGetValue((node, text[at]), out node);)
            {
                at++;
                if (ids[node] >= 0) (end, id) = (at, ids[node]);
            }
            if (id >= 0) return true;
            start++;
        }
        return false;
    }
}
