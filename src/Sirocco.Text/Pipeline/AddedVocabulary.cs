using Sirocco.Text.Unicode;
using Utf8 = System.Text.Encoding;

namespace Sirocco.Text.Pipeline;

/// <summary>A token that is found in the text as a string, before the model sees the rest.</summary>
internal sealed record AddedToken(
    int Id, string Content, bool IsSpecial, bool IsNormalized = false, bool StripLeft = false, bool StripRight = false, bool SingleWord = false);

/// <summary>
/// Added tokens and how they are found: the longest at the leftmost place, in the text as written or (normalized ones) in the normalised text.
/// </summary>
internal sealed class AddedVocabulary
{
    private readonly Dictionary<string, AddedToken> byName = new(StringComparer.Ordinal);
    private readonly Dictionary<int, AddedToken> byId = [];
    private readonly Dictionary<int, string> normalizedNames = [];
    private readonly StringTrie written = new(), normalized = new();

    public AddedVocabulary(IEnumerable<AddedToken> tokens, Normalizer? normalizer)
    {
        foreach (AddedToken token in tokens)
        {
            byName[token.Content] = token;
            byId[token.Id] = token;
        }
        foreach (AddedToken token in byId.Values)
        {
            string content = token.Content;
            if (token.IsNormalized && normalizer is not null)
            {
                content = normalizer.Normalize(AlignedText.FromString(content)).ToString();
                if (content != token.Content) normalizedNames[token.Id] = content;
            }
            (token.IsNormalized ? normalized : written).Add(Utf8.UTF8.GetBytes(content), token.Id);
        }
    }

    public IReadOnlyDictionary<int, AddedToken> ById => byId;

    public bool HasWritten => !written.IsEmpty;

    public bool HasNormalized => !normalized.IsEmpty;

    public AddedToken? Find(string name) => byName.GetValueOrDefault(name);

    /// <summary>What a decoder is given for a token: its name, normalised where it was found so.</summary>
    public string DecodedName(AddedToken token) => normalizedNames.GetValueOrDefault(token.Id, token.Content);

    /// <summary>Whether decoding may leave a token out: as in the reference its decoded name, not its own, must be that of a special token.</summary>
    public bool IsLeftOut(int id) =>
        byId.TryGetValue(id, out AddedToken? token) && byName.TryGetValue(DecodedName(token), out AddedToken? named) && named.IsSpecial;

    /// <summary>Cuts a text at the tokens found in it.</summary>
    /// <param name="text">UTF-8.</param>
    /// <param name="inNormalized">Whether this is normalised text.</param>
    /// <param name="parts">Receives ranges with the token's id, or -1 for text between; as in the reference, ranges of tokens that strip may overlap.</param>
    public void Cut(ReadOnlySpan<byte> text, bool inNormalized, List<(int Start, int End, int Id)> parts)
    {
        StringTrie trie = inNormalized ? normalized : written;
        int done = 0;
        for (int from = 0; trie.FindNext(text, from, out int start, out int end, out int id);)
        {
            from = end;
            AddedToken token = byId[id];
            if (token.SingleWord && (EndsWithWord(text[..start]) || StartsWithWord(text[end..]))) continue;
            if (token.StripLeft) start = Math.Max(WhiteSpace.SkipBackward(text, start, 0), done);
            if (token.StripRight) end = WhiteSpace.SkipForward(text, end);
            if (start >= end) continue; // an earlier token that strips has taken it
            if (done < start) parts.Add((done, start, -1));
            parts.Add((start, end, id));
            done = end;
        }
        if (done != text.Length) parts.Add((done, text.Length, -1));
    }

    private static bool EndsWithWord(ReadOnlySpan<byte> text) =>
        !text.IsEmpty && PatternPreTokenizer.IsWord(Utf8Text.Decode(text, Utf8Text.Previous(text, text.Length), out _));

    private static bool StartsWithWord(ReadOnlySpan<byte> text) => !text.IsEmpty && PatternPreTokenizer.IsWord(Utf8Text.Decode(text, 0, out _));
}
