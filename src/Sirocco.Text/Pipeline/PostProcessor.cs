namespace Sirocco.Text.Pipeline;

/// <summary>Completes the encodings of one text or a pair: special tokens, type ids, trimmed offsets.</summary>
internal abstract class PostProcessor
{
    /// <summary>Special tokens that will be added.</summary>
    public abstract int AddedTokens(bool isPair);

    /// <summary>Changes the list: it starts with one sequence a text and may end with more parts, to be joined in order.</summary>
    public abstract List<EncodedSequence> Process(List<EncodedSequence> sequences, bool addSpecialTokens);

    /// <summary>What comes before and after a single text when special tokens are added; null where it is not that simple.</summary>
    public virtual (int[] Before, int[] After)? Frame() => ([], []);

    /// <summary>The whole step, for a tokenizer with or without post-processor.</summary>
    public static EncodedSequence Run(PostProcessor? processor, List<EncodedSequence> sequences, bool addSpecialTokens)
    {
        if (processor is not null) sequences = processor.Process(sequences, addSpecialTokens);
        if (sequences.Count == 1) return sequences[0];
        EncodedSequence result = new();
        foreach (EncodedSequence part in sequences) result.Append(part);
        return result;
    }
}

/// <summary>One after another.</summary>
internal sealed class PostProcessorSequence(IReadOnlyList<PostProcessor> parts) : PostProcessor
{
    public override int AddedTokens(bool isPair) => parts.Sum(part => part.AddedTokens(isPair));

    public override (int[] Before, int[] After)? Frame()
    {
        PostProcessor[] framing = [.. parts.Where(part => part.Frame() is not { Before.Length: 0, After.Length: 0 })];
        return framing.Length == 0 ? ([], []) : framing.Length == 1 ? framing[0].Frame() : null;
    }

    public override List<EncodedSequence> Process(List<EncodedSequence> sequences, bool addSpecialTokens)
    {
        foreach (PostProcessor part in parts) sequences = part.Process(sequences, addSpecialTokens);
        return sequences;
    }
}

/// <summary>ByteLevel: takes the white space at the ends of tokens out of their offsets.</summary>
internal sealed class OffsetTrimmer(bool addPrefixSpace) : PostProcessor
{
    public override int AddedTokens(bool isPair) => 0;

    public override List<EncodedSequence> Process(List<EncodedSequence> sequences, bool addSpecialTokens)
    {
        foreach (EncodedSequence sequence in sequences)
        {
            Trim(sequence);
            foreach (EncodedSequence part in sequence.Overflowing) Trim(part);
        }
        return sequences;
    }

    private void Trim(EncodedSequence sequence)
    {
        for (int i = 0; i < sequence.Count; i++)
        {
            (int leading, int trailing) = sequence.Spaces[i];
            (int start, int end) = sequence.Offsets[i];

            // A single space in front of the first word is the one that the pre-tokenizer put there.
            if (leading == 1 && addPrefixSpace && (i == 0 || start == 0)) leading = 0;
            if (leading > 0) start = Math.Min(start + leading, end);
            if (trailing > 0 && end >= trailing) end = Math.Max(end - trailing, start);
            sequence.Offsets[i] = new TokenOffset(start, end);
        }
    }
}

/// <summary>One place of a template: a text (0 or 1) or a run of special tokens.</summary>
internal readonly record struct TemplatePiece(int Sequence, int[] Ids, int TypeId)
{
    public bool IsSpecial => Sequence < 0;
}

/// <summary>TemplateProcessing.</summary>
internal sealed class TemplateProcessor(TemplatePiece[] single, TemplatePiece[] pair) : PostProcessor
{
    public override int AddedTokens(bool isPair) => (isPair ? pair : single).Sum(piece => piece.IsSpecial ? piece.Ids.Length : 0);

    public override List<EncodedSequence> Process(List<EncodedSequence> sequences, bool addSpecialTokens)
    {
        if (sequences.Count > 2)
            throw new InvalidOperationException("post_processor: steps before this one make more than two sequences of the text, for which it has no template");
        List<EncodedSequence> result = [];
        foreach (TemplatePiece piece in sequences.Count == 2 ? pair : single)
        {
            if (!piece.IsSpecial)
            {
                EncodedSequence sequence = sequences[piece.Sequence];
                sequence.SetTypeIds(piece.TypeId);
                EncodedSequence copy = sequence.Range(0, sequence.Count);
                copy.Overflowing = [.. sequence.Overflowing];
                result.Add(copy);
                continue;
            }
            if (!addSpecialTokens) continue;
            EncodedSequence special = new();
            foreach (int id in piece.Ids) special.Add(id, default, piece.TypeId, true);
            result.Add(special);
        }
        return result;
    }

    public override (int[] Before, int[] After)? Frame()
    {
        int at = Array.FindIndex(single, piece => !piece.IsSpecial);
        if (at < 0 || single[at].Sequence != 0 || Array.FindIndex(single, at + 1, piece => !piece.IsSpecial) >= 0) return null;
        return ([.. single.Take(at).SelectMany(piece => piece.Ids)], [.. single.Skip(at + 1).SelectMany(piece => piece.Ids)]);
    }
}

/// <summary>BertProcessing and RobertaProcessing: tokens around each sequence, which stays one. What was special before is no longer.</summary>
/// <param name="begin">Stands before the first sequence.</param>
/// <param name="end">Stands after each.</param>
/// <param name="between">Whether <paramref name="end"/> stands before each further sequence too, and has type 0 everywhere.</param>
internal sealed class FrameProcessor(int begin, int end, bool between) : PostProcessor
{
    public override int AddedTokens(bool isPair) => !isPair ? 2 : between ? 4 : 3;

    public override (int[] Before, int[] After)? Frame() => ([begin], [end]);

    public override List<EncodedSequence> Process(List<EncodedSequence> sequences, bool addSpecialTokens) =>
        addSpecialTokens ? [.. sequences.Select(Around)] : sequences;

    private EncodedSequence Around(EncodedSequence sequence, int index)
    {
        int typeId = index == 0 || between ? 0 : 1;
        EncodedSequence result = new();
        if (index == 0) result.Add(begin, default, typeId, true);
        else if (between) result.Add(end, default, typeId, true);
        sequence.ClearSpecial();
        result.Append(sequence);
        result.Append(Special(end, typeId));
        return result;
    }

    private static EncodedSequence Special(int id, int typeId)
    {
        EncodedSequence special = new();
        special.Add(id, default, typeId, true);
        return special;
    }
}

/// <summary>RobertaProcessing's habit of giving every token type 0.</summary>
internal sealed class TypeEraser : PostProcessor
{
    public override int AddedTokens(bool isPair) => 0;

    public override List<EncodedSequence> Process(List<EncodedSequence> sequences, bool addSpecialTokens)
    {
        foreach (EncodedSequence sequence in sequences) sequence.SetTypeIds(0);
        return sequences;
    }
}
