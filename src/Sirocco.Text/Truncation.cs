namespace Sirocco.Text;

/// <summary>An end of a sequence.</summary>
public enum TextSide
{
    /// <summary>The end.</summary>
    Right,

    /// <summary>The beginning.</summary>
    Left,
}

/// <summary>Which text of a pair gives way.</summary>
public enum TruncationStrategy
{
    /// <summary>The longer one, until both are equal.</summary>
    LongestFirst,

    /// <summary>The first.</summary>
    OnlyFirst,

    /// <summary>The second.</summary>
    OnlySecond,
}

/// <summary>Cutting encodings to a length.</summary>
/// <param name="MaxLength">Most tokens, those that the post-processor adds included.</param>
/// <param name="Stride">Tokens that successive overflowing parts share.</param>
/// <param name="Strategy">Which text of a pair is cut.</param>
/// <param name="Side">The side that is cut.</param>
public sealed record Truncation(int MaxLength, int Stride = 0, TruncationStrategy Strategy = TruncationStrategy.LongestFirst, TextSide Side = TextSide.Right)
{
    /// <summary>No cutting, whatever the file says.</summary>
    public static Truncation None { get; } = new(int.MaxValue);
}

/// <summary>Filling encodings up to a length.</summary>
/// <param name="Id">The padding token.</param>
/// <param name="Length">The length; null for the longest of the batch.</param>
/// <param name="Side">Where padding stands.</param>
/// <param name="MultipleOf">The length is rounded up to a multiple of this; 0 or 1 for none.</param>
/// <param name="TypeId">Type id of padding.</param>
public sealed record Padding(int Id, int? Length = null, TextSide Side = TextSide.Right, int MultipleOf = 0, int TypeId = 0);
