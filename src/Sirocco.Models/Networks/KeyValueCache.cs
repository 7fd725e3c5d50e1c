using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>
/// Rotated keys and plain values of the tokens that a causal network has seen, for every layer, so that later tokens need only their own pass.
/// Belongs to one context and one set of sequences; grows with each forward pass that is given it.
/// </summary>
/// <remarks>A pass that is cancelled or fails leaves the cache as it was: tokens count as cached only when all layers have them.</remarks>
public sealed class KeyValueCache : IDisposable
{
    private readonly Scope scope;
    private readonly Rows?[] layers;
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
        this.layers = new Rows?[layers];
        lengths = new int[sequences];
        nextPositions = new int[sequences];
    }

    /// <summary>Cached tokens of each sequence.</summary>
    public ReadOnlySpan<int> Lengths => lengths;

    /// <summary>Segments of tokens that continue the cached ones, at the positions after them.</summary>
    /// <param name="newLengths">New tokens of each sequence.</param>
    public Segments Continue(ReadOnlySpan<int> newLengths)
    {
        if (newLengths.Length != lengths.Length)
            throw new ArgumentException($"{newLengths.Length} lengths for a cache of {lengths.Length} sequences", nameof(newLengths));
        List<int> positions = [];
        for (int s = 0; s < newLengths.Length; s++) positions.AddRange(Enumerable.Range(nextPositions[s], newLengths[s]));
        return Segments.Continuing(newLengths, lengths, [.. positions]);
    }

    /// <inheritdoc/>
    public void Dispose() => scope.Dispose();

    /// <summary>Appends a layer's new keys and values, sequence by sequence; they are cached once <see cref="Commit"/> is called.</summary>
    /// <returns>All keys and all values, [segments.KeyTokens, kvHeads·d], valid until the next call for this layer.</returns>
    internal (Tensor Keys, Tensor Values) Extend(int layer, Tensor keys, Tensor values, Segments segments)
    {
        if (segments.Count != lengths.Length || segments.KeyTokens != lengths.Sum() + segments.Tokens)
        {
            throw new ArgumentException($"segments of {segments.Count} sequences and {segments.KeyTokens} keys do not continue a cache of {lengths.Length} "
                + $"sequences and {lengths.Sum()} keys; make them with Continue");
        }
        Rows? held = layers[layer];
        int[] order = Interleave(held, segments);
        using Scope work = scope.BeginScope();
        Tensor Grow(Tensor? old, Tensor added) => work.GatherRows(old is null ? added : work.Concatenate(old, added), order);
        Tensor allKeys = Grow(held?.Keys, keys), allValues = Grow(held?.Values, values);
        int[] starts = new int[lengths.Length];
        for (int s = 1; s < starts.Length; s++) starts[s] = starts[s - 1] + lengths[s - 1] + segments.Length(s - 1);
        layers[layer] = new Rows(work.Keep(allKeys), work.Keep(allValues), starts);
        if (held is not null)
        {
            scope.Free(held.Keys);
            scope.Free(held.Values);
        }

        return (allKeys, allValues);
    }

    /// <summary>Counts the tokens of a pass as cached, once all layers were extended by them.</summary>
    internal void Commit(Segments segments)
    {
        for (int s = 0; s < lengths.Length; s++)
        {
            lengths[s] += segments.Length(s);
            if (segments.Length(s) > 0) nextPositions[s] = segments.Positions[segments.QueryStarts[s + 1] - 1] + 1;
        }
    }

    /// <summary>
    /// Rows of [what the layer holds; new tokens of all sequences] in the order of sequences, cached before new. What a pass that never ended has left
    /// behind a sequence's cached rows is passed over.
    /// </summary>
    private int[] Interleave(Rows? held, Segments segments)
    {
        int[] order = new int[segments.KeyTokens];
        int next = 0, added = held?.Keys.Rows ?? 0;
        for (int s = 0; s < lengths.Length; s++)
        {
            for (int i = 0; i < lengths[s]; i++) order[next++] = held!.Starts[s] + i;
            for (int row = segments.QueryStarts[s]; row < segments.QueryStarts[s + 1]; row++) order[next++] = added + row;
        }

        return order;
    }

    /// <summary>A layer's keys and values, and the row at which each sequence begins; only <see cref="Lengths"/> of the rows from there are cached.</summary>
    private sealed record Rows(Tensor Keys, Tensor Values, int[] Starts);
}
