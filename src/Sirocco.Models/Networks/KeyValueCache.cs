using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>
/// Rotated keys and plain values of the tokens that a causal network has seen, for every layer, so that later tokens need only their own pass.
/// Belongs to one context and one set of sequences; grows with each forward pass that is given it.
/// </summary>
public sealed class KeyValueCache : IDisposable
{
    private readonly Scope scope;
    private readonly (Tensor Keys, Tensor Values)?[] layers;
    private readonly int[] lengths;
    private readonly int[] nextPositions;

    /// <summary>An empty cache.</summary>
    /// <param name="context">The context that the network runs in.</param>
    /// <param name="layers">Layers of the network.</param>
    /// <param name="sequences">Sequences of the batch.</param>
    public KeyValueCache(ComputeContext context, int layers, int sequences)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sequences, 1);
        scope = context.BeginScope();
        this.layers = new (Tensor, Tensor)?[layers];
        lengths = new int[sequences];
        nextPositions = new int[sequences];
    }

    /// <summary>Cached tokens of each sequence.</summary>
    public ReadOnlySpan<int> Lengths => lengths;

    /// <summary>Segments of tokens that continue the cached ones, at the positions after them.</summary>
    /// <param name="newLengths">New tokens of each sequence.</param>
    public Segments Continue(ReadOnlySpan<int> newLengths)
    {
        if (newLengths.Length != lengths.Length) throw new ArgumentException($"{newLengths.Length} lengths for a cache of {lengths.Length} sequences", nameof(newLengths));
        List<int> positions = [];
        for (int s = 0; s < newLengths.Length; s++) positions.AddRange(Enumerable.Range(nextPositions[s], newLengths[s]));
        return Segments.Continuing(newLengths, lengths, [.. positions]);
    }

    /// <inheritdoc/>
    public void Dispose() => scope.Dispose();

    /// <summary>Appends a layer's new keys and values, sequence by sequence.</summary>
    /// <returns>All keys and all values, [segments.KeyTokens, kvHeads·d], valid until the next call for this layer.</returns>
    internal (Tensor Keys, Tensor Values) Extend(int layer, Tensor keys, Tensor values, Segments segments)
    {
        if (segments.Count != lengths.Length || segments.KeyTokens != lengths.Sum() + segments.Tokens)
            throw new ArgumentException($"segments of {segments.Count} sequences and {segments.KeyTokens} keys do not continue a cache of {lengths.Length} sequences and {lengths.Sum()} keys; make them with Continue");
        int past = lengths.Sum();
        int[] order = Interleave(past, segments);
        using Scope work = scope.BeginScope();
        Tensor Grow(Tensor? old, Tensor added)
        {
            Tensor all = old is null ? work.GatherRows(added, order) : work.GatherRows(work.Concatenate(old, added), order);
            return work.Keep(all);
        }

        (Tensor Keys, Tensor Values)? before = past == 0 ? null : layers[layer];
        (Tensor, Tensor) grown = (Grow(before?.Keys, keys), Grow(before?.Values, values));
        if (layers[layer] is { } old)
        {
            scope.Free(old.Keys);
            scope.Free(old.Values);
        }

        layers[layer] = grown;
        return grown;
    }

    /// <summary>Called once all layers were extended.</summary>
    internal void Advance(Segments segments)
    {
        for (int s = 0; s < lengths.Length; s++)
        {
            lengths[s] += segments.Length(s);
            if (segments.Length(s) > 0) nextPositions[s] = segments.Positions[segments.QueryStarts[s + 1] - 1] + 1;
        }
    }

    /// <summary>Rows of [cached tokens of all sequences; new tokens of all sequences] in the order of sequences, cached before new.</summary>
    private int[] Interleave(int past, Segments segments)
    {
        int[] order = new int[segments.KeyTokens];
        int next = 0, old = 0;
        for (int s = 0; s < lengths.Length; s++)
        {
            for (int i = 0; i < lengths[s]; i++) order[next++] = old++;
            for (int row = segments.QueryStarts[s]; row < segments.QueryStarts[s + 1]; row++) order[next++] = past + row;
        }

        return order;
    }
}
