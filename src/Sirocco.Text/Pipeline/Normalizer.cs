using System.Text;
using Sirocco.Text.Splitting;
using Sirocco.Text.Unicode;

namespace Sirocco.Text.Pipeline;

/// <summary>Changes text before it is split.</summary>
internal abstract class Normalizer
{
    public abstract AlignedText Normalize(AlignedText text);
}

/// <summary>Several, one after another.</summary>
internal sealed class NormalizerSequence(IReadOnlyList<Normalizer> parts) : Normalizer
{
    public IReadOnlyList<Normalizer> Parts { get; } = parts;

    public override AlignedText Normalize(AlignedText text)
    {
        foreach (Normalizer part in Parts) text = part.Normalize(text);
        return text;
    }
}

/// <summary>NFC, NFD, NFKC, NFKD.</summary>
internal sealed class UnicodeNormalizer(bool compatible, bool compose) : Normalizer
{
    public override AlignedText Normalize(AlignedText text) =>
        Ascii.IsValid(text.Bytes) ? text : text.Transform(Normalization.Normalize(text.Bytes, compatible, compose));
}

/// <summary>Full lower-casing of single characters: only İ becomes two. The final sigma is not treated.</summary>
internal sealed class LowercaseNormalizer : Normalizer
{
    public override AlignedText Normalize(AlignedText text)
    {
        List<(int, int)> changes = new(text.Length);
        ReadOnlySpan<byte> bytes = text.Bytes;
        for (int at = 0, size; at < bytes.Length; at += size)
        {
            int codePoint = Utf8Text.Decode(bytes, at, out size);
            if (codePoint == 0x130)
            {
                changes.Add(('i', 0));
                changes.Add((0x307, 1));
                continue;
            }
            changes.Add((LowerCase.Of(codePoint), 0));
        }
        return text.Transform(changes);
    }
}

/// <summary>Removes white space at the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : Normalizer
{
    public override AlignedText Normalize(AlignedText text)
    {
        int start = left ? WhiteSpace.SkipForward(text.Bytes, 0) : 0;
        int end = right ? WhiteSpace.SkipBackward(text.Bytes, text.Length, start) : text.Length;
        return start == 0 && end == text.Length ? text : text.Trim(start, end - start);
    }
}

/// <summary>Removes combining marks.</summary>
internal sealed class StripAccentsNormalizer : Normalizer
{
    public override AlignedText Normalize(AlignedText text)
    {
        AlignedTextBuilder kept = new(text.Length, text);
        ReadOnlySpan<byte> bytes = text.Bytes;
        for (int at = 0, size; at < bytes.Length; at += size)
        {
            if (!Normalization.IsCombiningMark(Utf8Text.Decode(bytes, at, out size))) kept.Append(text, at, size);
        }
        return kept.Build();
    }
}

/// <summary>Replaces what a pattern matches.</summary>
internal sealed class ReplaceNormalizer(TextPattern pattern, byte[] content) : Normalizer
{
    public override AlignedText Normalize(AlignedText text)
    {
        List<(int, int)> matches = pattern.Matches(text.Bytes);
        return matches.Count == 0 ? text : text.Replace(matches, content);
    }
}

/// <summary>Puts a text before a text that is not empty; it takes the origin of the first character.</summary>
internal sealed class PrependNormalizer(byte[] content) : Normalizer
{
    public override AlignedText Normalize(AlignedText text) => Prepend(text, content);

    internal static AlignedText Prepend(AlignedText text, ReadOnlySpan<byte> content)
    {
        if (text.Length == 0 || content.IsEmpty) return text;
        AlignedTextBuilder builder = new(text.Length + content.Length, text);
        builder.Append(content, text.Origin(0));
        builder.Append(text, 0, text.Length);
        return builder.Build();
    }
}

/// <summary>Spells every byte in the byte alphabet.</summary>
internal sealed class ByteLevelNormalizer : Normalizer
{
    public override AlignedText Normalize(AlignedText text)
    {
        AlignedTextBuilder builder = new(text.Length * 2, text);
        for (int i = 0; i < text.Length; i++) builder.Append(Bpe.ByteAlphabet.Character(text.Bytes[i]), text.Origin(i));
        return builder.Build();
    }
}

/// <summary>Control characters out, other spaces to spaces (SentencePiece's <c>nmt</c> rules).</summary>
internal sealed class NmtNormalizer : Normalizer
{
    public override AlignedText Normalize(AlignedText text)
    {
        AlignedTextBuilder kept = new(text.Length, text);
        ReadOnlySpan<byte> bytes = text.Bytes;
        for (int at = 0, size; at < bytes.Length; at += size)
        {
            int codePoint = Utf8Text.Decode(bytes, at, out size);
            if (codePoint is (>= 1 and <= 8) or 0x0B or (>= 0x0E and <= 0x1F) or 0x7F or 0x8F or 0x9F) continue;
            bool space = codePoint is 9 or 10 or 12 or 13 or 0x1680 or (>= 0x200B and <= 0x200F) or 0x2028 or 0x2029 or 0x2581 or 0xFEFF or 0xFFFD;
            if (space) kept.Append(' ', text.Origin(at));
            else kept.Append(text, at, size);
        }
        return kept.Build();
    }
}
