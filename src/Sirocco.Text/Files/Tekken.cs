using System.Globalization;
using Sirocco.Text.Bpe;
using Sirocco.Text.Pipeline;
using Sirocco.Text.Splitting;

namespace Sirocco.Text.Files;

/// <summary>
/// Makes a tokenizer of the parts of a tekken.json (v3 to v13): ids below <c>default_num_special_tokens</c> are special, the id of any other token is its
/// rank plus that number, and rank is merge order. Special names are never looked for in a text; the beginning-of-sequence token is put in front.
/// </summary>
internal static class Tekken
{
    /// <summary>Names of the first special ids in files that do not list them.</summary>
    private static readonly string[] DefaultNames =
    [
        "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]",
        "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
    ];

    public static TokenizerParts Assemble(TekkenVocabularyReader tokens, Dictionary<string, JsonField> parts)
    {
        JsonField config = parts.GetValueOrDefault("config", new JsonField(default, "config"));
        if (config.IsNull) throw new InvalidDataException("the key 'config' is missing");
        int special = config.Get("default_num_special_tokens").Integer(0, 1 << 20);
        int size = config.Get("default_vocab_size").Integer(special, Vocabulary.LargestId);
        int ranks = size - special;
        if (tokens.Count < ranks)
            throw new InvalidDataException($"vocab: {ranks} tokens expected (default_vocab_size less default_num_special_tokens), {tokens.Count} found");

        VocabularyBuilder builder = new(1 << 21);
        for (int rank = 0; rank < ranks; rank++) builder.Add(special + rank, tokens.Token(rank));
        Vocabulary vocabulary;
        try
        {
            vocabulary = builder.Build(byteLevel: false);
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"vocab: {error.Message}", error);
        }
        for (int value = 0; value < 256; value++)
        {
            if (vocabulary.Table.Find([(byte)value]) < 0) throw new InvalidDataException($"vocab: there is no token for the single byte {value}");
        }

        string[] names = SpecialNames(parts.GetValueOrDefault("special_tokens", new JsonField(default, "special_tokens")), special);
        AddedVocabulary added = new(names.Select((name, id) => new AddedToken(id, name, IsSpecial: true)), null);
        int? begin = added.Find("<s>")?.Id;
        TemplatePiece[] single = [new(0, [], 0)], pair = [new(0, [], 0), new(1, [], 1)];
        if (begin is { } bos)
        {
            single = [new(-1, [bos], 0), .. single];
            pair = [new(-1, [bos], 0), new(0, [], 0), new(-1, [bos], 1), new(1, [], 1)];
        }
        return new TokenizerParts
        {
            Vocabulary = vocabulary,
            Encoder = new BytePairEncoder(vocabulary, null, wholePieceFirst: true, null),
            Added = added,
            MatchesAdded = false,
            DecodesInRuns = true,
            Steps = [new PatternPreTokenizer(Pattern(config.Get("pattern")), SplitBehavior.Isolated, false)],
            PostProcessor = new TemplateProcessor(single, pair),
            UnknownId = added.Find("<unk>")?.Id,
        };
    }

    private static TextPattern Pattern(JsonField field)
    {
        try
        {
            return TextPattern.Expression(field.Text());
        }
        catch (ArgumentException error)
        {
            throw field.Wrong($"not a regular expression that .NET can run: {error.Message}");
        }
    }

    private static string[] SpecialNames(JsonField list, int count)
    {
        string[] names = [.. Enumerable.Range(0, count).Select(id => string.Create(CultureInfo.InvariantCulture, $"<SPECIAL_{id}>"))];
        if (list.IsNull)
        {
            DefaultNames.AsSpan(0, Math.Min(count, DefaultNames.Length)).CopyTo(names);
            return names;
        }
        HashSet<int> seen = [];
        foreach (JsonField entry in list.Items())
        {
            int rank = entry.Get("rank").Integer(0, Math.Max(0, count - 1));
            if (count == 0 || !seen.Add(rank)) throw entry.Get("rank").Wrong($"{rank} is there twice");
            names[rank] = entry.Get("token_str").Text();
        }
        return names;
    }
}
