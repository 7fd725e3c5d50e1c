namespace Sirocco.Compute;

/// <summary>Which draw of random numbers the dropouts of a pass use: the same draw drops the same, so that a recomputed block or a repeated pass agrees with the first.</summary>
/// <param name="Seed">Of the run.</param>
/// <param name="Pass">Number of the forward pass within the run; two passes of one step, such as queries and passages, take two numbers.</param>
public readonly record struct DropoutDraw(ulong Seed, ulong Pass);
