namespace Sirocco.Compute;

/// <summary>
/// Which draw of random numbers the dropouts of a pass use: the same draw drops the same, so that a recomputed block or a repeated pass agrees with the first.
/// </summary>
/// <param name="Seed">Of the run.</param>
/// <param name="Pass">Number of the forward pass within the run; two passes of one step, such as queries and passages, take two numbers.</param>
public readonly record struct DropoutDraw(ulong Seed, ulong Pass)
{
    /// <summary>Tokens of the pass before those at hand, where it takes them piece by piece: the pieces then drop what the whole would.</summary>
    public long FirstToken { get; init; }

    /// <summary>The draw of one of several passes that share a number.</summary>
    /// <param name="part">Which, from 0.</param>
    /// <param name="parts">How many there are at most, the same in every pass.</param>
    public DropoutDraw Part(int part, int parts) => this with { Pass = unchecked((Pass * (ulong)parts) + (ulong)part) };
}
