using System.Buffers;
using System.Runtime.CompilerServices;
using Sirocco.Text.Unicode;

namespace Sirocco.Text.Bpe;

/// <summary>What a piece falls into before any merge, where bytes or characters may be missing from the vocabulary.</summary>
/// <param name="UnknownId">Token for a character that has none; -1: such a character vanishes.</param>
/// <param name="FuseUnknown">Whether neighbouring unknown characters become one token.</param>
/// <param name="ByteFallback">Token of each byte (<c>&lt;0x0A&gt;</c>), -1 where missing; empty when the file does not ask for it.</param>
/// <param name="Prefix">Stands before every character but the first of a piece.</param>
/// <param name="Suffix">Stands after the last character of a piece.</param>
internal sealed record CharacterRules(int UnknownId, bool FuseUnknown, int[] ByteFallback, byte[] Prefix, byte[] Suffix);

/// <summary>Byte-pair encoding of pieces with one vocabulary. Thread-safe.</summary>
internal sealed class BytePairEncoder
{
    private readonly Vocabulary vocabulary;
    private readonly MergeTable? merges;
    private readonly bool wholePieceFirst;
    private readonly CharacterRules? characters;
    private readonly int[] byteIds = new int[256];
    private readonly PieceCache cache = new();

    /// <param name="vocabulary">The tokens.</param>
    /// <param name="merges">Their merges; null when the id of a token is its rank.</param>
    /// <param name="wholePieceFirst">Whether a piece that is a token is taken as it is, whatever the merges say (<c>ignore_merges</c>).</param>
    /// <param name="characters">
    /// How pieces fall into characters; null when they fall into bytes (all of which are tokens where <paramref name="merges"/> is null).
    /// </param>
    public BytePairEncoder(Vocabulary vocabulary, MergeTable? merges, bool wholePieceFirst, CharacterRules? characters)
    {
        this.vocabulary = vocabulary;
        this.merges = merges;
        this.wholePieceFirst = wholePieceFirst;
        this.characters = characters;
        for (int value = 0; value < 256; value++) byteIds[value] = vocabulary.Table.Find([(byte)value]);
    }

    /// <summary>Appends the tokens of a piece.</summary>
    public void Encode(ReadOnlySpan<byte> piece, TokenSink sink)
    {
        if (piece.IsEmpty) return;
        ulong fingerprint = TokenTable.Fingerprint(piece);
        if (wholePieceFirst)
        {
            int id = vocabulary.Table.Find(piece, fingerprint);
            if (id >= 0)
            {
                sink.Add(id, piece.Length);
                return;
            }
        }
        if (characters is not null)
        {
            EncodeCharacters(piece, sink, characters);
            return;
        }
        if (piece.Length > PieceCache.LongestPiece)
        {
            EncodeLong(piece, sink);
            return;
        }
        if (!cache.TryGet(piece, fingerprint, out ReadOnlySpan<int> ids))
        {
            Span<int> symbols = stackalloc int[PieceCache.LongestPiece], lengths = stackalloc int[PieceCache.LongestPiece];
            int count = MergeBytes(piece, symbols[..piece.Length], lengths[..piece.Length]);
            cache.Set(piece, fingerprint, symbols[..count]);
            for (int i = 0; i < count; i++) sink.Add(symbols[i], lengths[i]);
            return;
        }
        if (!sink.WithLengths)
        {
            sink.Add(ids);
            return;
        }
        foreach (int id in ids) sink.Add(id, vocabulary.Length(id));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void EncodeLong(ReadOnlySpan<byte> piece, TokenSink sink)
    {
        int[] symbols = ArrayPool<int>.Shared.Rent(piece.Length), lengths = ArrayPool<int>.Shared.Rent(piece.Length);
        int count = MergeBytes(piece, symbols.AsSpan(0, piece.Length), lengths.AsSpan(0, piece.Length));
        for (int i = 0; i < count; i++) sink.Add(symbols[i], lengths[i]);
        ArrayPool<int>.Shared.Return(symbols);
        ArrayPool<int>.Shared.Return(lengths);
    }

    /// <summary>Bytes without a token vanish before any merge, as in the reference, whose offsets do not count them either.</summary>
    private int MergeBytes(ReadOnlySpan<byte> piece, Span<int> symbols, Span<int> lengths)
    {
        int count = 0;
        foreach (byte value in piece)
        {
            int id = byteIds[value];
            if (id >= 0) symbols[count++] = id;
        }
        lengths[..count].Fill(1);
        return Merge(piece, symbols[..count], lengths[..count]);
    }

    private int Merge(ReadOnlySpan<byte> piece, Span<int> symbols, Span<int> lengths) => merges is null
        ? PairMerger.Merge(new RanksByToken(vocabulary.Table), piece, symbols, lengths)
        : PairMerger.Merge(new RanksByMerge(merges), piece, symbols, lengths);

    /// <summary>
    /// Vocabularies of characters. A missing character becomes its bytes' tokens (with those of prefix and suffix) if all are there, else the unknown token,
    /// else nothing; as in the reference, an unknown token that waits to be fused is written after byte tokens that follow it.
    /// </summary>
    private void EncodeCharacters(ReadOnlySpan<byte> piece, TokenSink sink, CharacterRules rules)
    {
        int most = checked((piece.Length * (1 + rules.Prefix.Length)) + rules.Suffix.Length);
        int[] symbols = ArrayPool<int>.Shared.Rent(most), lengths = ArrayPool<int>.Shared.Rent(most);
        byte[] spelled = ArrayPool<byte>.Shared.Rent(rules.Prefix.Length + rules.Suffix.Length + 4);
        int count = 0, waiting = 0;
        for (int at = 0, size; at < piece.Length; at += size)
        {
            size = Utf8Text.SequenceLength(piece[at]);
            ReadOnlySpan<byte> character = Spell(piece, at, size, rules, spelled);
            int id = vocabulary.Table.Find(character);
            if (id >= 0)
            {
                Flush();
                (symbols[count], lengths[count++]) = (id, size);
                continue;
            }
            if (HasBytes(character, rules.ByteFallback))
            {
                foreach (byte value in character) (symbols[count], lengths[count++]) = (rules.ByteFallback[value], 1);
                continue;
            }
            if (rules.UnknownId < 0) continue;
            if (!rules.FuseUnknown) Flush();
            waiting += size;
        }
        Flush();
        int left = Merge(piece, symbols.AsSpan(0, count), lengths.AsSpan(0, count));
        for (int i = 0; i < left; i++) sink.Add(symbols[i], lengths[i]);
        ArrayPool<int>.Shared.Return(symbols);
        ArrayPool<int>.Shared.Return(lengths);
        ArrayPool<byte>.Shared.Return(spelled);

        void Flush()
        {
            if (waiting > 0) (symbols[count], lengths[count++]) = (rules.UnknownId, waiting);
            waiting = 0;
        }
    }

    private static ReadOnlySpan<byte> Spell(ReadOnlySpan<byte> piece, int at, int size, CharacterRules rules, byte[] spelled)
    {
        bool prefix = at > 0 && rules.Prefix.Length > 0, suffix = at + size == piece.Length && rules.Suffix.Length > 0;
        if (!prefix && !suffix) return piece.Slice(at, size);
        int length = 0;
        if (prefix)
        {
            rules.Prefix.CopyTo(spelled, 0);
            length = rules.Prefix.Length;
        }
        piece.Slice(at, size).CopyTo(spelled.AsSpan(length));
        length += size;
        if (suffix)
        {
            rules.Suffix.CopyTo(spelled, length);
            length += rules.Suffix.Length;
        }
        return spelled.AsSpan(0, length);
    }

    private static bool HasBytes(ReadOnlySpan<byte> character, int[] byteFallback)
    {
        if (byteFallback.Length == 0) return false;
        foreach (byte value in character)
        {
            if (byteFallback[value] < 0) return false;
        }
        return true;
    }
}
