namespace Sirocco.Formats;

/// <summary>The kinds of entries in a GGUF vocabulary.</summary>
public enum GgufTokenType
{
    Undefined = 0,
    Normal = 1,
    Unknown = 2,
    /// <summary>A control token such as the end of text: special in tokenizer.json's sense.</summary>
    Control = 3,
    /// <summary>Added by the model's makers, matched in text, but not special.</summary>
    UserDefined = 4,
    Unused = 5,
    /// <summary>A single byte written as <c>&lt;0x0A&gt;</c>.</summary>
    Byte = 6,
}

/// <summary>The tokenizer that a GGUF file carries.</summary>
/// <param name="Model">The algorithm: <c>gpt2</c> is byte-level BPE, <c>llama</c> SentencePiece.</param>
/// <param name="Pre">The name of the pre-tokenizer (<c>llama-bpe</c>, <c>tekken</c>, <c>smollm</c>), where the file gives one.</param>
/// <param name="Tokens">[vocabulary] in the byte-to-character alphabet of GPT-2 for <c>gpt2</c>.</param>
/// <param name="Types">[vocabulary]; empty where the file gives none.</param>
/// <param name="Scores">[vocabulary]; empty where the file gives none.</param>
/// <param name="Merges">Pairs separated by a space, best first.</param>
/// <param name="AddBos">Whether a beginning-of-text token is put before each text; null: the algorithm's default.</param>
/// <param name="AddEos">Whether an end-of-text token is put after each text; null: the algorithm's default.</param>
/// <param name="AddSpacePrefix">Whether SentencePiece puts a space before each text; null: the algorithm's default.</param>
/// <param name="ChatTemplate">The Jinja template, where the file has one.</param>
public sealed record GgufTokenizer(
    string Model, string? Pre, IReadOnlyList<string> Tokens, IReadOnlyList<GgufTokenType> Types, IReadOnlyList<float> Scores, IReadOnlyList<string> Merges,
    bool? AddBos, bool? AddEos, bool? AddSpacePrefix, string? ChatTemplate)
{
    /// <summary>Id of the beginning-of-text token.</summary>
    public int? Bos { get; init; }

    /// <summary>Id of the end-of-text token.</summary>
    public int? Eos { get; init; }

    /// <summary>Id of the unknown token.</summary>
    public int? Unknown { get; init; }

    /// <summary>Id of the padding token.</summary>
    public int? Padding { get; init; }

    internal static GgufTokenizer? Read(string path, GgufMetadata values)
    {
        string[]? tokens = values.ArrayOrNull<string>("tokenizer.ggml.tokens");
        if (tokens is null) return null;
        // i32 by the specification; some converters write u32.
        bool unsigned = values.TryGet("tokenizer.ggml.token_type", out object? stored) && stored.GetType() == typeof(uint[]);
        int[] types = unsigned ? Array.ConvertAll((uint[])stored!, type => (int)Math.Min(type, int.MaxValue))
            : values.ArrayOrNull<int>("tokenizer.ggml.token_type") ?? [];
        float[] scores = values.ArrayOrNull<float>("tokenizer.ggml.scores") ?? [];
        foreach ((string key, int length) in new[] { ("token_type", types.Length), ("scores", scores.Length) })
        {
            if (length != 0 && length != tokens.Length)
            {
                throw new InvalidDataException(
                    $"{path}: key 'tokenizer.ggml.{key}' has {length} entries but there are {tokens.Length} tokens; convert the model again");
            }
        }
        return new GgufTokenizer(
            values.Text("tokenizer.ggml.model"), values.TextOrNull("tokenizer.ggml.pre"), tokens,
            Array.ConvertAll(types, type => type is >= 0 and <= 6 ? (GgufTokenType)type
                : throw new InvalidDataException($"{path}: key 'tokenizer.ggml.token_type' holds {type}, but types go from 0 to 6")),
            scores, values.ArrayOrNull<string>("tokenizer.ggml.merges") ?? [],
            values.BooleanOrNull("tokenizer.ggml.add_bos_token"),
            values.BooleanOrNull("tokenizer.ggml.add_eos_token"),
            values.BooleanOrNull("tokenizer.ggml.add_space_prefix"),
            values.TextOrNull("tokenizer.chat_template"))
        {
            Bos = Id("bos_token_id"),
            Eos = Id("eos_token_id"),
            Unknown = Id("unknown_token_id"),
            Padding = Id("padding_token_id"),
        };

        int? Id(string name)
        {
            if (values.IntegerOrNull("tokenizer.ggml." + name) is not long id) return null;
            return id >= 0 && id < tokens.Length ? (int)id
                : throw new InvalidDataException($"{path}: key 'tokenizer.ggml.{name}' is {id}, outside the vocabulary of {tokens.Length} tokens");
        }
    }
}
