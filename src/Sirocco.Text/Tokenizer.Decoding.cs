using System.Buffers;
using System.Text;
using Sirocco.Text.Pipeline;
using Utf8 = System.Text.Encoding;

namespace Sirocco.Text;

public sealed partial class Tokenizer
{
    private readonly Dictionary<int, byte[]> decodedNames;

    /// <summary>Whether tokens are bytes of text, so that decoding joins bytes; otherwise a chain of decoders works on names.</summary>
    internal bool DecodesBytes => parts.DecodesInRuns || (parts.Vocabulary.IsByteLevel && parts.Decoder is ByteLevelDecoder);

    /// <summary>The text of tokens. Bytes that are not UTF-8 become U+FFFD, one for each maximal ill-formed part.</summary>
    /// <param name="ids">Token ids; ids without a token are left out.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        foreach (int id in ids) Check(id);
        if (!DecodesBytes) return DecodeNames(ids, skipSpecialTokens);
        if (!parts.DecodesInRuns) return Utf8.UTF8.GetString(Bytes(ids, skipSpecialTokens));

        // Tekken: a UTF-8 sequence never continues across a special token, whether that is shown or not.
        StringBuilder text = new();
        while (!ids.IsEmpty)
        {
            int run = 0;
            while (run < ids.Length && !IsSpecial(ids[run])) run++;
            text.Append(Utf8.UTF8.GetString(Bytes(ids[..run], false)));
            if (run < ids.Length && !skipSpecialTokens) text.Append(parts.Added.ById[ids[run]].Content);
            ids = ids[Math.Min(run + 1, ids.Length)..];
        }
        return text.ToString();
    }

    /// <summary>Decodes tokens as they come, for showing text while it is generated.</summary>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    public StreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = true) => new(this, skipSpecialTokens);

    /// <summary>Whether decoding without special tokens leaves a token out.</summary>
    internal bool IsLeftOut(int id) => parts.Added.IsLeftOut(id);

    /// <summary>The bytes that a token adds to a text; empty for an id without a token.</summary>
    internal ReadOnlySpan<byte> BytesOf(int id)
    {
        Check(id);
        return decodedNames.TryGetValue(id, out byte[]? added) ? added : parts.Vocabulary.Contains(id) ? parts.Vocabulary.Bytes(id) : default;
    }

    private ReadOnlySpan<byte> Bytes(ReadOnlySpan<int> ids, bool skipSpecialTokens)
    {
        ArrayBufferWriter<byte> bytes = new(Math.Max(16, ids.Length * 4));
        foreach (int id in ids)
        {
            if (!skipSpecialTokens || !IsLeftOut(id)) bytes.Write(BytesOf(id));
        }
        return bytes.WrittenSpan;
    }

    private string DecodeNames(ReadOnlySpan<int> ids, bool skipSpecialTokens)
    {
        List<string> names = [];
        foreach (int id in ids)
        {
            if (skipSpecialTokens && IsLeftOut(id)) continue;
            if (parts.Added.ById.TryGetValue(id, out AddedToken? added)) names.Add(parts.Added.DecodedName(added));
            else if (parts.Vocabulary.Contains(id)) names.Add(parts.Vocabulary.Name(id));
        }
        return parts.Decoder is null ? string.Join(' ', names) : string.Concat(parts.Decoder.Decode(names));
    }

    private byte[] DecodedBytes(AddedToken token) =>
        parts.DecodesInRuns ? Utf8.UTF8.GetBytes(token.Content) : ByteLevelDecoder.Bytes(parts.Added.DecodedName(token));

    private void Check(int id)
    {
        if ((uint)id >= (uint)VocabularySize) throw new ArgumentOutOfRangeException(nameof(id), $"token id {id} is outside the vocabulary of {VocabularySize}");
    }
}
