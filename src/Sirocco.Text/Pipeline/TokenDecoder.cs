using System.Globalization;
using System.Text;
using Sirocco.Text.Splitting;

namespace Sirocco.Text.Pipeline;

/// <summary>Turns token names back into text.</summary>
internal abstract class TokenDecoder
{
    public abstract List<string> Decode(List<string> tokens);
}

internal sealed class DecoderSequence(IReadOnlyList<TokenDecoder> parts) : TokenDecoder
{
    public override List<string> Decode(List<string> tokens) => parts.Aggregate(tokens, (current, part) => part.Decode(current));
}

/// <summary>ByteLevel: a token spelled in the byte alphabet stands for its bytes, any other for itself; broken UTF-8 becomes U+FFFD.</summary>
internal sealed class ByteLevelDecoder : TokenDecoder
{
    public override List<string> Decode(List<string> tokens)
    {
        List<byte> bytes = [];
        foreach (string token in tokens) bytes.AddRange(Bytes(token));
        return [System.Text.Encoding.UTF8.GetString([.. bytes])];
    }

    public static byte[] Bytes(string token)
    {
        byte[] spelling = System.Text.Encoding.UTF8.GetBytes(token), bytes = new byte[spelling.Length];
        int length = Bpe.ByteAlphabet.Decode(spelling, bytes);
        return length < 0 ? spelling : bytes[..length];
    }
}

/// <summary>Replaces what a pattern matches in each token.</summary>
internal sealed class ReplaceDecoder(TextPattern pattern, string content) : TokenDecoder
{
    private readonly ReplaceNormalizer replace = new(pattern, System.Text.Encoding.UTF8.GetBytes(content));

    public override List<string> Decode(List<string> tokens) => [.. tokens.Select(token => replace.Normalize(AlignedText.FromString(token)).ToString())];
}

/// <summary>Joins all tokens.</summary>
internal sealed class FuseDecoder : TokenDecoder
{
    public override List<string> Decode(List<string> tokens) => [string.Concat(tokens)];
}

/// <summary>Runs of <c>&lt;0x..&gt;</c> become the text that their bytes are, or one U+FFFD a byte.</summary>
internal sealed class ByteFallbackDecoder : TokenDecoder
{
    private static readonly UTF8Encoding Strict = new(false, true);

    public override List<string> Decode(List<string> tokens)
    {
        List<string> result = [];
        List<byte> waiting = [];
        foreach (string token in tokens)
        {
            if (token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>' &&
                byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value))
            {
                waiting.Add(value);
                continue;
            }
            Flush();
            result.Add(token);
        }
        Flush();
        return result;

        void Flush()
        {
            if (waiting.Count == 0) return;
            try
            {
                result.Add(Strict.GetString([.. waiting]));
            }
            catch (DecoderFallbackException)
            {
                result.AddRange(Enumerable.Repeat("\uFFFD", waiting.Count));
            }
            waiting.Clear();
        }
    }
}

/// <summary>Metaspace: the mark becomes a space, and vanishes from the first token where encoding put it there.</summary>
internal sealed class MetaspaceDecoder(Rune replacement, PrependScheme scheme) : TokenDecoder
{
    public override List<string> Decode(List<string> tokens) =>
        [.. tokens.Select(
            (token, index) => token.Replace(replacement.ToString(), index == 0 && scheme != PrependScheme.Never ? "" : " ", StringComparison.Ordinal))];
}

/// <summary>Strip: up to so many of one character at the start and end of each token.</summary>
internal sealed class StripDecoder(Rune content, int start, int stop) : TokenDecoder
{
    public override List<string> Decode(List<string> tokens) => [.. tokens.Select(Strip)];

    private string Strip(string token)
    {
        Rune[] runes = [.. token.EnumerateRunes()];
        int from = 0, to = runes.Length;
        while (from < start && from < runes.Length && runes[from] == content) from++;
        while (runes.Length - to < stop && to > from && runes[to - 1] == content) to--;
        return string.Concat(runes[from..to].Select(rune => rune.ToString()));
    }
}

/// <summary>BPEDecoder: the end-of-word suffix becomes a space, nothing in the last token.</summary>
internal sealed class SuffixDecoder(string suffix) : TokenDecoder
{
    public override List<string> Decode(List<string> tokens) => suffix.Length == 0
        ? tokens
        : [.. tokens.Select((token, index) => token.Replace(suffix, index == tokens.Count - 1 ? "" : " ", StringComparison.Ordinal))];
}
