namespace Sirocco.Compute;

/// <summary>
/// Which rows of a token matrix belong to which sequence. Sequences follow each other without padding. Each has a range of query rows and a range
/// of key rows; they differ where keys of earlier tokens are cached. Each query row has an explicit position.
/// </summary>
public sealed class Segments
{
    private readonly int[] queryStarts;
    private readonly int[] keyStarts;
    private readonly int[] positions;

    private Segments(int[] queryStarts, int[] keyStarts, int[] positions)
    {
        this.queryStarts = queryStarts;
        this.keyStarts = keyStarts;
        this.positions = positions;
    }

    /// <summary>Number of sequences.</summary>
    public int Count => queryStarts.Length - 1;

    /// <summary>Query rows of all sequences.</summary>
    public int Tokens => queryStarts[^1];

    /// <summary>Key rows of all sequences.</summary>
    public int KeyTokens => keyStarts[^1];

    /// <summary>[Count + 1]: sequence s has query rows QueryStarts[s] to QueryStarts[s + 1] (exclusive).</summary>
    public ReadOnlySpan<int> QueryStarts => queryStarts;

    /// <summary>
    /// [Count + 1]: sequence s has key rows KeyStarts[s] to KeyStarts[s + 1] (exclusive). Its last query row is aligned with its last key row.
    /// </summary>
    public ReadOnlySpan<int> KeyStarts => keyStarts;

    /// <summary>[Tokens]: the position of each query row, for rotary embeddings and query scales.</summary>
    public ReadOnlySpan<int> Positions => positions;

    /// <summary>Sequences whose tokens stand at positions 0, 1, 2, …</summary>
    /// <param name="lengths">Tokens of each; 0 is allowed.</param>
    public static Segments FromLengths(ReadOnlySpan<int> lengths)
    {
        int[] starts = Starts(lengths);
        int[] positions = new int[starts[^1]];
        for (int s = 0; s < lengths.Length; s++)
        {
            for (int i = 0; i < lengths[s]; i++) positions[starts[s] + i] = i;
        }

        return new Segments(starts, starts, positions);
    }

    /// <summary>Sequences with given positions.</summary>
    /// <param name="lengths">Tokens of each; 0 is allowed.</param>
    /// <param name="positions">One for each token.</param>
    /// <exception cref="ArgumentException">The lengths do not add up to the positions, or a position is negative.</exception>
    public static Segments FromLengths(ReadOnlySpan<int> lengths, ReadOnlySpan<int> positions)
    {
        int[] starts = Starts(lengths);
        CheckPositions(starts, positions);
        return new Segments(starts, starts, positions.ToArray());
    }

    /// <summary>Sequences that continue cached ones.</summary>
    /// <param name="lengths">New tokens of each sequence.</param>
    /// <param name="pastLengths">Cached tokens of each sequence; their keys lie before the new ones in the key matrix.</param>
    /// <param name="positions">One for each new token.</param>
    /// <exception cref="ArgumentException">The lengths do not add up to the positions, or a length or a position is negative.</exception>
    public static Segments Continuing(ReadOnlySpan<int> lengths, ReadOnlySpan<int> pastLengths, ReadOnlySpan<int> positions)
    {
        if (lengths.Length != pastLengths.Length)
            throw new ArgumentException($"{pastLengths.Length} cached lengths for {lengths.Length} sequences", nameof(pastLengths));
        int[] starts = Starts(lengths);
        CheckPositions(starts, positions);
        int[] keyLengths = new int[lengths.Length];
        for (int s = 0; s < lengths.Length; s++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(pastLengths[s], nameof(pastLengths));
            keyLengths[s] = checked(lengths[s] + pastLengths[s]);
        }

        return new Segments(starts, Starts(keyLengths), positions.ToArray());
    }

    /// <summary>Query rows of one sequence.</summary>
    public int Length(int sequence) => queryStarts[sequence + 1] - queryStarts[sequence];

    private static int[] Starts(ReadOnlySpan<int> lengths)
    {
        int[] starts = new int[lengths.Length + 1];
        for (int s = 0; s < lengths.Length; s++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(lengths[s], nameof(lengths));
            starts[s + 1] = checked(starts[s] + lengths[s]);
        }

        return starts;
    }

    private static void CheckPositions(int[] starts, ReadOnlySpan<int> positions)
    {
        if (positions.Length != starts[^1]) throw new ArgumentException($"{positions.Length} positions for {starts[^1]} tokens", nameof(positions));
        foreach (int position in positions) ArgumentOutOfRangeException.ThrowIfNegative(position, nameof(positions));
    }
}
