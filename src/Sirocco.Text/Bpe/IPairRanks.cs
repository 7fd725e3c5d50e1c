namespace Sirocco.Text.Bpe;

/// <summary>What byte-pair encoding asks of a vocabulary: may these two neighbours merge, how early, and into what.</summary>
internal interface IPairRanks
{
    /// <param name="piece">The whole piece.</param>
    /// <param name="start">Where the left token starts in it.</param>
    /// <param name="length">Bytes of both tokens together.</param>
    /// <param name="left">Id of the left token.</param>
    /// <param name="right">Id of the right token.</param>
    /// <param name="rank">Lower merges first.</param>
    /// <param name="merged">Id of the token that they become.</param>
    bool TryGet(ReadOnlySpan<byte> piece, int start, int length, int left, int right, out int rank, out int merged);
}

/// <summary>Merge order by the id of the result: vocabularies whose ids are ranks (Tekken, tiktoken).</summary>
internal readonly struct RanksByToken(TokenTable tokens) : IPairRanks
{
    public bool TryGet(ReadOnlySpan<byte> piece, int start, int length, int left, int right, out int rank, out int merged)
    {
        rank = merged = tokens.Find(piece.Slice(start, length));
        return merged >= 0;
    }
}

/// <summary>Merge order by an explicit list (tokenizer.json, GGUF).</summary>
internal readonly struct RanksByMerge(MergeTable merges) : IPairRanks
{
    public bool TryGet(ReadOnlySpan<byte> piece, int start, int length, int left, int right, out int rank, out int merged) =>
        merges.TryGet(left, right, out rank, out merged);
}
