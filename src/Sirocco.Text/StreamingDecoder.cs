using System.Text;
using Utf8 = System.Text.Encoding;

namespace Sirocco.Text;

/// <summary>
/// Turns tokens into text one at a time. The start of an unfinished UTF-8 sequence is held back until it is finished or known to be wrong; text that merely
/// ends in a real U+FFFD is not. Call <see cref="Flush"/> at the end. For one thread.
/// </summary>
public sealed class StreamingDecoder
{
    private readonly Tokenizer tokenizer;
    private readonly bool skipSpecialTokens;
    private readonly Decoder bytes = Utf8.UTF8.GetDecoder();
    private readonly List<int> all = [];
    private int shown;

    internal StreamingDecoder(Tokenizer tokenizer, bool skipSpecialTokens)
    {
        this.tokenizer = tokenizer;
        this.skipSpecialTokens = skipSpecialTokens;
    }

    /// <summary>The text that can be shown after one more token; often empty.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    public string Add(int id)
    {
        if (skipSpecialTokens && tokenizer.IsLeftOut(id)) return "";
        return tokenizer.DecodesBytes ? Convert(tokenizer.BytesOf(id), flush: false) : AddName(id);
    }

    /// <summary>What is still held back, as U+FFFD; the decoder is ready for another text.</summary>
    public string Flush()
    {
        string rest = tokenizer.DecodesBytes ? Convert(default, flush: true) : tokenizer.Decode(all.ToArray(), skipSpecialTokens)[shown..];
        all.Clear();
        shown = 0;
        return rest;
    }

    private string Convert(ReadOnlySpan<byte> next, bool flush)
    {
        Span<char> room = stackalloc char[256];
        char[]? large = next.Length + 8 > room.Length ? new char[next.Length + 8] : null;
        int written = bytes.GetChars(next, large ?? room, flush);
        return (large ?? room)[..written].ToString();
    }

    /// <summary>
    /// Chains of decoders may look back over the whole text: what they append to it is shown, but for a U+FFFD that may yet become a character.
    /// </summary>
    private string AddName(int id)
    {
        all.Add(id);
        string text = tokenizer.Decode(all.ToArray(), skipSpecialTokens);
        if (text.Length <= shown || text[^1] == '\uFFFD') return "";
        string delta = text[shown..];
        shown = text.Length;
        return delta;
    }
}
