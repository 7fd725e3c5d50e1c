using Utf8 = System.Text.Encoding;

namespace Sirocco.Text.Bpe;

/// <summary>The model's tokens (without added ones): ids and what they stand for.</summary>
internal sealed class Vocabulary
{
    /// <summary>Ids beyond this are a damaged file, not a vocabulary: arrays are indexed by id.</summary>
    public const int LargestId = (1 << 24) - 1;

    private readonly byte[] blob;
    private readonly int[] starts;
    private readonly int[] lengths; // -1: no token has this id
    private readonly Dictionary<int, string> irregular;
    private readonly Dictionary<string, int> irregularIds;

    /// <param name="blob">Tokens' bytes, one after another.</param>
    /// <param name="starts">By id.</param>
    /// <param name="lengths">By id; -1 where there is no token.</param>
    /// <param name="byteLevel">Whether the bytes are text bytes of a byte-level vocabulary, spelled in <see cref="ByteAlphabet"/>.</param>
    /// <param name="irregular">Tokens of a byte-level vocabulary that are not spelled in the alphabet: no text reaches them, but they have ids.</param>
    public Vocabulary(byte[] blob, int[] starts, int[] lengths, bool byteLevel, Dictionary<int, string> irregular)
    {
        this.blob = blob;
        this.starts = starts;
        this.lengths = lengths;
        this.irregular = irregular;
        irregularIds = new Dictionary<string, int>(irregular.Count, StringComparer.Ordinal);
        foreach ((int id, string name) in irregular)
        {
            if (!irregularIds.TryAdd(name, id)) throw new InvalidDataException($"token {id} ('{name}') is there twice");
        }
        IsByteLevel = byteLevel;
        Table = new TokenTable(starts.Length, blob, starts);
        for (int id = 0; id < lengths.Length; id++)
        {
            if (lengths[id] < 0) continue;
            Count++;
            if (lengths[id] == 0 || irregular.ContainsKey(id)) continue;
            if (!Table.Add(Bytes(id), id)) throw new InvalidDataException($"token {id} ('{Name(id)}') has the bytes of another token");
        }
    }

    /// <summary>From bytes to ids.</summary>
    public TokenTable Table { get; }

    /// <summary>Whether tokens stand for bytes of text, spelled in <see cref="ByteAlphabet"/>.</summary>
    public bool IsByteLevel { get; }

    /// <summary>Tokens there are.</summary>
    public int Count { get; }

    /// <summary>One more than the largest id.</summary>
    public int IdLimit => lengths.Length;

    public bool Contains(int id) => (uint)id < (uint)lengths.Length && lengths[id] >= 0;

    /// <summary>The text bytes of a token (of an irregular one: its name in UTF-8).</summary>
    public ReadOnlySpan<byte> Bytes(int id) => blob.AsSpan(starts[id], lengths[id]);

    public int Length(int id) => lengths[id];

    /// <summary>The token as its file spells it.</summary>
    public string Name(int id) =>
        irregular.TryGetValue(id, out string? name) ? name : IsByteLevel ? ByteAlphabet.Spell(Bytes(id)) : Utf8.UTF8.GetString(Bytes(id));

    /// <summary>Id of the token that a file spells so, or -1.</summary>
    public int Find(string name)
    {
        if (irregularIds.TryGetValue(name, out int id)) return id;
        byte[] bytes = Utf8.UTF8.GetBytes(name);
        int length = bytes.Length;
        if (IsByteLevel) length = ByteAlphabet.Decode(bytes, bytes);
        return length <= 0 ? -1 : Table.Find(bytes.AsSpan(0, length));
    }
}
