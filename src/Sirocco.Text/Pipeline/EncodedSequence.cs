namespace Sirocco.Text.Pipeline;

/// <summary>Tokens between the model and the caller: what truncation, post-processing and padding work on.</summary>
internal sealed class EncodedSequence
{
    public List<int> Ids { get; init; } = [];

    public List<TokenOffset> Offsets { get; init; } = [];

    public List<int> TypeIds { get; init; } = [];

    public List<byte> Special { get; init; } = [];

    public List<byte> Attention { get; init; } = [];

    /// <summary>White-space characters at the start and end of each token's spelling, for <c>trim_offsets</c>.</summary>
    public List<(int Leading, int Trailing)> Spaces { get; init; } = [];

    public List<EncodedSequence> Overflowing { get; set; } = [];

    public int Count => Ids.Count;

    public void Add(int id, TokenOffset offset, int typeId, bool special, (int Leading, int Trailing) spaces = default)
    {
        Ids.Add(id);
        Offsets.Add(offset);
        TypeIds.Add(typeId);
        Special.Add(special ? (byte)1 : (byte)0);
        Attention.Add(1);
        Spaces.Add(spaces);
    }

    public void SetTypeIds(int typeId)
    {
        for (int i = 0; i < TypeIds.Count; i++) TypeIds[i] = typeId;
    }

    /// <summary>Makes ordinary tokens of all, as BertProcessing and RobertaProcessing do with what an earlier step added.</summary>
    public void ClearSpecial()
    {
        for (int i = 0; i < Special.Count; i++) Special[i] = 0;
    }

    public EncodedSequence Range(int start, int end) => new()
    {
        Ids = Ids[start..end],
        Offsets = Offsets[start..end],
        TypeIds = TypeIds[start..end],
        Special = Special[start..end],
        Attention = Attention[start..end],
        Spaces = Spaces[start..end],
    };

    /// <summary>Appends another sequence; every combination of this one's and its overflowing parts becomes an overflowing part.</summary>
    public void Append(EncodedSequence other)
    {
        List<EncodedSequence> combined = [];
        foreach (EncodedSequence part in Overflowing)
        {
            combined.Add(part.With(other));
            foreach (EncodedSequence otherPart in other.Overflowing) combined.Add(part.With(otherPart));
        }
        foreach (EncodedSequence otherPart in other.Overflowing) combined.Add(With(otherPart));
        AppendTokens(other);
        Overflowing = combined;
    }

    /// <summary>The tokens that a cut to a length keeps.</summary>
    public EncodedSequence Kept(int length, TextSide side) => length >= Count ? this : side == TextSide.Right ? Range(0, length) : Range(Count - length, Count);

    /// <summary>Cuts to a length; what is cut off goes to <see cref="Overflowing"/> in parts that share <paramref name="stride"/> tokens.</summary>
    /// <exception cref="InvalidOperationException">The stride does not leave room to move on.</exception>
    public EncodedSequence Truncate(int length, int stride, TextSide side)
    {
        if (length >= Count) return this;
        if (length == 0) return new EncodedSequence { Overflowing = [this] };
        if (stride >= length)
        {
            throw new InvalidOperationException($"truncation: stride {stride} must be less than the {length} tokens left beside special tokens");
        }
        List<(int Start, int End)> parts = [];
        if (side == TextSide.Right)
        {
            for (int start = 0; parts.Count == 0 || parts[^1].End < Count; start += length - stride) parts.Add((start, Math.Min(start + length, Count)));
        }
        else
        {
            for (int end = Count; parts.Count == 0 || parts[^1].Start > 0; end -= length - stride) parts.Add((Math.Max(0, end - length), end));
        }
        EncodedSequence result = Range(parts[0].Start, parts[0].End);
        foreach ((int start, int end) in parts.Skip(1)) result.Overflowing.Add(Range(start, end));
        return result;
    }

    public void Pad(int length, Padding padding)
    {
        foreach (EncodedSequence part in Overflowing) part.Pad(length, padding);
        int missing = length - Count;
        if (missing <= 0) return;
        int at = padding.Side == TextSide.Left ? 0 : Count;
        Ids.InsertRange(at, Enumerable.Repeat(padding.Id, missing));
        Offsets.InsertRange(at, Enumerable.Repeat(default(TokenOffset), missing));
        TypeIds.InsertRange(at, Enumerable.Repeat(padding.TypeId, missing));
        Special.InsertRange(at, Enumerable.Repeat((byte)1, missing));
        Attention.InsertRange(at, Enumerable.Repeat((byte)0, missing));
        Spaces.InsertRange(at, Enumerable.Repeat((0, 0), missing));
    }

    public TokenEncoding ToEncoding() => new(
        [.. Ids], [.. Offsets], [.. TypeIds], [.. Special], [.. Attention], Overflowing.Count == 0 ? [] : [.. Overflowing.Select(part => part.ToEncoding())]);

    private EncodedSequence With(EncodedSequence other)
    {
        EncodedSequence result = Range(0, Count);
        result.AppendTokens(other);
        return result;
    }

    private void AppendTokens(EncodedSequence other)
    {
        Ids.AddRange(other.Ids);
        Offsets.AddRange(other.Offsets);
        TypeIds.AddRange(other.TypeIds);
        Special.AddRange(other.Special);
        Attention.AddRange(other.Attention);
        Spaces.AddRange(other.Spaces);
    }
}
