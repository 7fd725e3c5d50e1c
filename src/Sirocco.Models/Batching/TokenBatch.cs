using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>Tokens of several sequences that go through a network together, one sequence after the other.</summary>
/// <param name="Ids">[tokens]</param>
/// <param name="Lengths">[sequences]; their sum is the number of tokens.</param>
public sealed record TokenBatch(int[] Ids, int[] Lengths)
{
    /// <summary>Sequences of the batch.</summary>
    public int Count => Lengths.Length;

    /// <summary>The sequences, each with positions from 0.</summary>
    public Segments Segments => Segments.FromLengths(Lengths);

    /// <summary>Puts some of many sequences together.</summary>
    internal static TokenBatch Of(int[][] sequences, ReadOnlySpan<int> rows)
    {
        int[] lengths = new int[rows.Length];
        for (int i = 0; i < rows.Length; i++) lengths[i] = sequences[rows[i]].Length;
        int[] ids = new int[lengths.Sum()];
        for (int i = 0, next = 0; i < rows.Length; next += lengths[i++]) sequences[rows[i]].CopyTo(ids, next);
        return new TokenBatch(ids, lengths);
    }
}
