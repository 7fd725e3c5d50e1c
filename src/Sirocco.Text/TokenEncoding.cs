namespace Sirocco.Text;

/// <summary>The part of a text that a token stands for, in code points of the text as the user wrote it.</summary>
/// <param name="Start">First code point.</param>
/// <param name="End">One past the last.</param>
public readonly record struct TokenOffset(int Start, int End);

/// <summary>A text (or a pair of texts) as tokens. All lists have one entry a token.</summary>
public sealed class TokenEncoding
{
    internal TokenEncoding(
        int[] ids, TokenOffset[] offsets, int[] typeIds, byte[] specialTokensMask, byte[] attentionMask, IReadOnlyList<TokenEncoding> overflowing)
    {
        Ids = ids;
        Offsets = offsets;
        TypeIds = typeIds;
        SpecialTokensMask = specialTokensMask;
        AttentionMask = attentionMask;
        Overflowing = overflowing;
    }

    /// <summary>Token ids.</summary>
    public int[] Ids { get; }

    /// <summary>Where each token stands in its text; (0, 0) for tokens that were added. Tokens of one character share its range.</summary>
    public TokenOffset[] Offsets { get; }

    /// <summary>Which sequence of the template a token belongs to.</summary>
    public int[] TypeIds { get; }

    /// <summary>1 for tokens that the post-processor or padding added.</summary>
    public byte[] SpecialTokensMask { get; }

    /// <summary>0 for padding.</summary>
    public byte[] AttentionMask { get; }

    /// <summary>What truncation cut off, in parts of the same length, each completed with special tokens.</summary>
    public IReadOnlyList<TokenEncoding> Overflowing { get; }
}
