using Sirocco.Text.Bpe;
using Sirocco.Text.Pipeline;
using Utf8 = System.Text.Encoding;

namespace Sirocco.Text.Files;

/// <summary>Makes a tokenizer of the parts of a tokenizer.json.</summary>
internal static class TokenizerJson
{
    public static TokenizerParts Assemble(BpeModelReader model, Dictionary<string, JsonField> parts)
    {
        JsonField Part(string name) => parts.GetValueOrDefault(name, new JsonField(default, name));

        JsonField dropout = model.Setting("dropout");
        if (!dropout.IsNull
            && !(dropout.Element.ValueKind == System.Text.Json.JsonValueKind.Number && dropout.Element.TryGetDouble(out double share) && share == 0))
        {
            throw dropout.Wrong("merge dropout makes tokenization random and is not supported; set it to null");
        }
        Normalizer? normalizer = ComponentReader.Normalizer(Part("normalizer"));
        List<PreTokenizer> steps = [.. ComponentReader.PreTokenizers(Part("pre_tokenizer"))];
        byte[] prefix = Utf8.UTF8.GetBytes(model.Setting("continuing_subword_prefix").TextOrNull() ?? "");
        byte[] suffix = Utf8.UTF8.GetBytes(model.Setting("end_of_word_suffix").TextOrNull() ?? "");

        // The bytes of a text reach the model unchanged when spelling them is the last step and nothing else is spelled.
        bool byteLevel = prefix.Length == 0 && suffix.Length == 0 && steps.Count > 0 && steps[^1] is ByteSpelling &&
            steps.Count(step => step is ByteSpelling) == 1;
        Vocabulary vocabulary = Build(model.Tokens!, byteLevel);
        if (byteLevel && !HasAllBytes(vocabulary) && (model.Setting("byte_fallback").Flag() || !model.Setting("unk_token").IsNull))
        {
            byteLevel = false;
            vocabulary = Build(model.Tokens!, byteLevel: false);
        }
        if (byteLevel) steps.RemoveAt(steps.Count - 1);

        CharacterRules? characters = byteLevel ? null : Characters(model, vocabulary, prefix, suffix);
        MergeTable merges = Merges(model, vocabulary, prefix.Length);
        List<AddedToken> added = AddedTokens(Part("added_tokens"), vocabulary);
        int? unknown = model.Setting("unk_token").TextOrNull() is { } name && vocabulary.Find(name) is >= 0 and int id ? id : null;
        return new TokenizerParts
        {
            Vocabulary = vocabulary,
            Encoder = new BytePairEncoder(vocabulary, merges, model.Setting("ignore_merges").Flag(), characters),
            Added = new AddedVocabulary(added, normalizer),
            Normalizer = normalizer,
            Steps = steps,
            PostProcessor = ComponentReader.PostProcessor(Part("post_processor")),
            Decoder = ComponentReader.Decoder(Part("decoder")),
            Truncation = ComponentReader.Truncation(Part("truncation")),
            Padding = ComponentReader.Padding(Part("padding")),
            UnknownId = unknown,
        };
    }

    private static Vocabulary Build(VocabularyBuilder tokens, bool byteLevel)
    {
        try
        {
            return tokens.Build(byteLevel);
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"model.vocab: {error.Message}", error);
        }
    }

    private static bool HasAllBytes(Vocabulary vocabulary)
    {
        for (int value = 0; value < 256; value++)
        {
            if (vocabulary.Table.Find([(byte)value]) < 0) return false;
        }
        return true;
    }

    private static CharacterRules Characters(BpeModelReader model, Vocabulary vocabulary, byte[] prefix, byte[] suffix)
    {
        int unknown = -1;
        if (model.Setting("unk_token").TextOrNull() is { } name)
        {
            unknown = vocabulary.Find(name);
            if (unknown < 0) throw model.Setting("unk_token").Wrong($"'{name}' is not in model.vocab");
        }
        int[] fallback = [];
        if (model.Setting("byte_fallback").Flag()) fallback = [.. Enumerable.Range(0, 256).Select(value => vocabulary.Find($"<0x{value:X2}>"))];
        return new CharacterRules(unknown, model.Setting("fuse_unk").Flag(), fallback, prefix, suffix);
    }

    private static MergeTable Merges(BpeModelReader model, Vocabulary vocabulary, int prefixLength)
    {
        MergeTable table = new(model.MergeCount);
        byte[] room = [];
        for (int rank = 0; rank < model.MergeCount; rank++)
        {
            ReadOnlySpan<byte> text = model.MergeText(rank, out int leftLength);
            if (room.Length < text.Length) room = new byte[text.Length * 2];
            int left, right, merged;
            if (vocabulary.IsByteLevel)
            {
                int leftBytes = ByteAlphabet.Decode(text[..leftLength], room);
                int rightBytes = leftBytes < 0 ? -1 : ByteAlphabet.Decode(text[leftLength..], room.AsSpan(leftBytes));

                // Tokens that are not spelled in the alphabet are never met in a text.
                if (rightBytes < 0) continue;
                left = vocabulary.Table.Find(room.AsSpan(0, leftBytes));
                right = vocabulary.Table.Find(room.AsSpan(leftBytes, rightBytes));
                merged = vocabulary.Table.Find(room.AsSpan(0, leftBytes + rightBytes));
            }
            else
            {
                int rightLength = text.Length - leftLength;
                if (rightLength < prefixLength)
                    throw new InvalidDataException($"model.merges[{rank}]: the second token is shorter than continuing_subword_prefix");
                left = vocabulary.Table.Find(text[..leftLength]);
                right = vocabulary.Table.Find(text[leftLength..]);
                text[..leftLength].CopyTo(room);
                text[(leftLength + prefixLength)..].CopyTo(room.AsSpan(leftLength));
                merged = vocabulary.Table.Find(room.AsSpan(0, text.Length - prefixLength));
            }
            if (left < 0 || right < 0 || merged < 0)
            {
                string first = Utf8.UTF8.GetString(text[..leftLength]), second = Utf8.UTF8.GetString(text[leftLength..]);
                string missing = left < 0 ? first : right < 0 ? second : first + second;
                throw new InvalidDataException($"model.merges[{rank}]: '{missing}' of the merge '{first}' '{second}' is not in model.vocab");
            }
            table.Set(left, right, rank, merged);
        }
        return table;
    }

    /// <summary>
    /// Ids are those that the reference gives whatever the file says: a token of the vocabulary keeps its own, the others count on from the vocabulary's
    /// size in the order of the file. A token that is there twice is as its last entry says, but stays special.
    /// </summary>
    private static List<AddedToken> AddedTokens(JsonField list, Vocabulary vocabulary)
    {
        List<AddedToken> tokens = [];
        if (list.IsNull) return tokens;
        Dictionary<string, AddedToken> seen = new(StringComparer.Ordinal);
        int next = vocabulary.Count;
        foreach (JsonField entry in list.Items())
        {
            string content = entry.Get("content").Text();
            entry.Get("id").Integer(0, Vocabulary.LargestId);
            if (content.Length == 0) continue;
            AddedToken? earlier = seen.GetValueOrDefault(content);
            int id = earlier?.Id ?? vocabulary.Find(content);
            AddedToken token = new(
                id >= 0 ? id : next++,
                content,
                entry.Optional("special").Flag() || earlier is { IsSpecial: true },
                entry.Optional("normalized").Flag(true),
                entry.Optional("lstrip").Flag(),
                entry.Optional("rstrip").Flag(),
                entry.Optional("single_word").Flag());
            seen[content] = token;
            tokens.Add(token);
        }
        return tokens;
    }
}
