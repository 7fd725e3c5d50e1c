namespace Sirocco.Text.Pipeline;

/// <summary>Truncation of one text or a pair, and padding of a batch.</summary>
internal static class BatchRules
{
    /// <summary>Cuts sequences; what is cut off becomes their overflowing parts.</summary>
    /// <exception cref="InvalidOperationException">The rule leaves too little.</exception>
    public static List<EncodedSequence> Truncate(List<EncodedSequence> sequences, Truncation rule, int addedTokens) =>
        Lengths(sequences, rule, addedTokens) is { } lengths
            ? [.. sequences.Select((sequence, index) => sequence.Truncate(lengths[index], rule.Stride, rule.Side))]
            : sequences;

    /// <summary>
    /// As <see cref="Truncate"/>, without what is cut off: of a pair every combination of overflowing parts would be one, which for long texts are millions.
    /// </summary>
    /// <returns>Null where nothing has to be cut.</returns>
    public static List<EncodedSequence>? Kept(List<EncodedSequence> sequences, Truncation rule, int addedTokens) =>
        Lengths(sequences, rule, addedTokens) is { } lengths ? [.. sequences.Select((sequence, index) => sequence.Kept(lengths[index], rule.Side))] : null;

    /// <summary>How many tokens each sequence keeps; null where nothing has to be cut.</summary>
    private static int[]? Lengths(List<EncodedSequence> sequences, Truncation rule, int addedTokens)
    {
        if (rule.MaxLength == int.MaxValue) return null;
        int limit = rule.MaxLength - addedTokens;
        if (limit < 0) throw new InvalidOperationException($"truncation: {addedTokens} special tokens do not fit into a length of {rule.MaxLength}");
        int total = sequences.Sum(sequence => sequence.Count);
        if (total <= limit) return null;
        if (limit == 0) return new int[sequences.Count];

        int[] lengths = [.. sequences.Select(sequence => sequence.Count)];
        if (rule.Strategy == TruncationStrategy.LongestFirst)
        {
            if (lengths.Length == 1) lengths[0] = limit;
            else ShareOut(lengths, limit);
        }
        else
        {
            int target = rule.Strategy == TruncationStrategy.OnlyFirst ? 0 : 1;
            if (target >= lengths.Length) throw new InvalidOperationException("truncation: there is no second text to cut");
            int excess = total - limit;
            if (lengths[target] <= excess)
                throw new InvalidOperationException($"truncation: the text to cut is too short to respect a length of {rule.MaxLength}");
            lengths[target] -= excess;
        }
        return lengths;
    }

    public static void Pad(IReadOnlyList<EncodedSequence> batch, Padding rule)
    {
        if (batch.Count == 0) return;
        int length = rule.Length ?? batch.Max(sequence => sequence.Count);
        if (rule.MultipleOf > 1 && length % rule.MultipleOf != 0) length = checked(length + rule.MultipleOf - (length % rule.MultipleOf));
        foreach (EncodedSequence sequence in batch) sequence.Pad(length, rule);
    }

    /// <summary>The longer text gives way until both are equal; an odd token goes to the longer one.</summary>
    private static void ShareOut(int[] lengths, int limit)
    {
        bool swap = lengths[0] > lengths[1];
        (int shorter, int longer) = swap ? (lengths[1], lengths[0]) : (lengths[0], lengths[1]);
        longer = shorter > limit ? shorter : Math.Max(shorter, limit - shorter);
        if (shorter + longer > limit)
        {
            shorter = limit / 2;
            longer = shorter + (limit % 2);
        }
        (lengths[0], lengths[1]) = swap ? (longer, shorter) : (shorter, longer);
    }
}
