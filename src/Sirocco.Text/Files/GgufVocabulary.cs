using Sirocco.Text.Bpe;
using Sirocco.Text.Pipeline;
using Utf8 = System.Text.Encoding;

namespace Sirocco.Text.Files;

/// <summary>Makes a tokenizer of the arrays in a GGUF file.</summary>
internal static class GgufVocabulary
{
    public static TokenizerParts Assemble(TokenizerVocabulary source)
    {
        GgufPreTokenizer pattern = GgufPreTokenizer.Find(source.PreTokenizer);
        if (source.Tokens.Count > Vocabulary.LargestId)
            throw new InvalidDataException($"tokenizer.ggml.tokens: {source.Tokens.Count} tokens are more than {Vocabulary.LargestId}");
        if (source.Types.Count != 0 && source.Types.Count != source.Tokens.Count)
        {
            throw new InvalidDataException($"tokenizer.ggml.token_type: {source.Tokens.Count} types expected, one for each token; {source.Types.Count} found");
        }

        VocabularyBuilder builder = new(1 << 20);
        List<AddedToken> added = [];
        for (int id = 0; id < source.Tokens.Count; id++)
        {
            VocabularyTokenType type = source.Types.Count == 0 ? VocabularyTokenType.Normal : source.Types[id];
            if (type is VocabularyTokenType.Control or VocabularyTokenType.UserDefined or VocabularyTokenType.Unknown && source.Tokens[id].Length > 0)
            {
                added.Add(new AddedToken(id, source.Tokens[id], IsSpecial: type != VocabularyTokenType.UserDefined));
            }
            builder.Add(id, Utf8.UTF8.GetBytes(source.Tokens[id]));
        }
        Vocabulary vocabulary;
        try
        {
            vocabulary = builder.Build(byteLevel: true);
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"tokenizer.ggml.tokens: {error.Message}", error);
        }

        // Published vocabularies may lack bytes that their training text never had (SmolLM2 lacks some control characters), which then encode to nothing.
        for (int value = ' '; value < 127; value++)
        {
            if (vocabulary.Table.Find([(byte)value]) < 0)
            {
                throw new InvalidDataException(
                    $"tokenizer.ggml.tokens: there is no token for the character '{(char)value}'; only byte-level vocabularies are supported");
            }
        }

        return new TokenizerParts
        {
            Vocabulary = vocabulary,
            Encoder = new BytePairEncoder(vocabulary, Merges(source.Merges, vocabulary), pattern.WholePieceFirst, null),
            Added = new AddedVocabulary(added, null),
            Steps = pattern.Steps,
            Decoder = new ByteLevelDecoder(),
            BeginId = Known(source.BeginId, "bos_token_id", source.Tokens.Count),
            EndId = Known(source.EndId, "eos_token_id", source.Tokens.Count),
            PaddingId = Known(source.PaddingId, "padding_token_id", source.Tokens.Count),
            UnknownId = Known(source.UnknownId, "unknown_token_id", source.Tokens.Count),
        };
    }

    private static MergeTable Merges(IReadOnlyList<string> merges, Vocabulary vocabulary)
    {
        MergeTable table = new(merges.Count);
        for (int rank = 0; rank < merges.Count; rank++)
        {
            string merge = merges[rank];
            int space = merge.IndexOf(' ', StringComparison.Ordinal);
            if (space <= 0 || space == merge.Length - 1)
                throw new InvalidDataException($"tokenizer.ggml.merges[{rank}]: expected two tokens with one space between");
            int left = vocabulary.Find(merge[..space]), right = vocabulary.Find(merge[(space + 1)..]), merged = vocabulary.Find(merge.Remove(space, 1));
            if (left < 0 || right < 0 || merged < 0)
                throw new InvalidDataException($"tokenizer.ggml.merges[{rank}]: '{merge}' names a token that is not in tokenizer.ggml.tokens");
            table.Set(left, right, rank, merged);
        }
        return table;
    }

    private static int? Known(int? id, string key, int count) =>
        id is null || (uint)id.Value < (uint)count ? id : throw new InvalidDataException($"tokenizer.ggml.{key}: {id} is outside the vocabulary of {count}");
}
