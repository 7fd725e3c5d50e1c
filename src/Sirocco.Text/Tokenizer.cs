using System.Buffers;
using Sirocco.Text.Bpe;
using Sirocco.Text.Files;
using Sirocco.Text.Pipeline;
using Utf8 = System.Text.Encoding;

namespace Sirocco.Text;

/// <summary>
/// A tokenizer of a published model: tekken.json, tokenizer.json (byte-pair encoding) or the vocabulary of a GGUF file. Ids, offsets and decoded texts are
/// those of the reference libraries. Instances do not change and may be used by many threads at once.
/// </summary>
public sealed partial class Tokenizer
{
    [ThreadStatic]
    private static TokenSink? idSink;

    [ThreadStatic]
    private static TokenSink? detailedSink;

    private readonly TokenizerParts parts;
    private readonly TokenizationPipeline encoder;
    private readonly (int[] Before, int[] After)? frame;

    internal Tokenizer(TokenizerParts parts, TokenizerSettings? settings = null)
    {
        this.parts = parts;
        Settings = settings ?? new TokenizerSettings();
        encoder = new TokenizationPipeline(parts);
        frame = parts.PostProcessor is null ? ([], []) : parts.PostProcessor.Frame();
        decodedNames = parts.Added.ById.ToDictionary(pair => pair.Key, pair => DecodedBytes(pair.Value));
        VocabularySize = Math.Max(parts.Vocabulary.IdLimit, parts.Added.ById.Count == 0 ? 0 : parts.Added.ById.Keys.Max() + 1);
        BeginId = Special(Settings.BeginToken) ?? parts.BeginId ?? (parts.DecodesInRuns ? TokenToId("<s>") : null);
        EndId = Special(Settings.EndToken) ?? parts.EndId ?? (parts.DecodesInRuns ? TokenToId("</s>") : null);
        PaddingId = Special(Settings.PaddingToken) ?? parts.PaddingId ?? parts.Padding?.Id ?? (parts.DecodesInRuns ? TokenToId("<pad>") : null);
        UnknownId = Special(Settings.UnknownToken) ?? parts.UnknownId;
    }

    /// <summary>What tokenizer_config.json beside the tokenizer says; all empty where there is none.</summary>
    public TokenizerSettings Settings { get; }

    /// <summary>One more than the largest id.</summary>
    public int VocabularySize { get; }

    /// <summary>Id of the beginning-of-sequence token, where one is named.</summary>
    public int? BeginId { get; }

    /// <summary>Id of the end-of-sequence token, where one is named.</summary>
    public int? EndId { get; }

    /// <summary>Id of the padding token, where one is named.</summary>
    public int? PaddingId { get; }

    /// <summary>Id of the unknown token, where one is named.</summary>
    public int? UnknownId { get; }

    /// <summary>Truncation that the tokenizer file itself asks for.</summary>
    public Truncation? Truncation => parts.Truncation;

    /// <summary>Padding that the tokenizer file itself asks for.</summary>
    public Padding? Padding => parts.Padding;

    /// <summary>Reads a tokenizer.</summary>
    /// <param name="path">A tekken.json or tokenizer.json of any name (the content decides), or a folder; of a folder's two files tokenizer.json is taken, and
    /// its tokenizer_config.json and special_tokens_map.json are read too.</param>
    /// <exception cref="FileNotFoundException">There is no such file, or no tokenizer in the folder.</exception>
    /// <exception cref="InvalidDataException">The file is damaged or asks for something unsupported; the message names file and key.</exception>
    public static Tokenizer Load(string path)
    {
        if (!Directory.Exists(path)) return new Tokenizer(TokenizerFileReader.Read(path));
        string[] candidates = [Path.Combine(path, "tokenizer.json"), Path.Combine(path, "tekken.json")];
        string file = Array.Find(candidates, File.Exists)
            ?? throw new FileNotFoundException($"{path}: no tokenizer.json or tekken.json in this folder; copy the model's tokenizer there");
        TokenizerSettings settings = TokenizerSettings.Read(path);
        Tokenizer tokenizer = new(TokenizerFileReader.Read(file), settings);
        return settings.AddBegin is null && settings.AddEnd is null
            ? tokenizer
            : tokenizer.WithSpecialTokens(settings.AddBegin == true && tokenizer.BeginId is not null, settings.AddEnd == true && tokenizer.EndId is not null);
    }

    /// <summary>Makes a tokenizer of the vocabulary in a GGUF file.</summary>
    /// <exception cref="InvalidDataException">It is damaged or of an unknown kind; the message names the GGUF key.</exception>
    public static Tokenizer FromVocabulary(TokenizerVocabulary vocabulary)
    {
        Tokenizer tokenizer = new(GgufVocabulary.Assemble(vocabulary));
        bool begin = (vocabulary.AddBegin ?? GgufPreTokenizer.Find(vocabulary.PreTokenizer).AddsBegin) && vocabulary.BeginId is not null,
            end = vocabulary.AddEnd && vocabulary.EndId is not null;
        return begin || end ? tokenizer.WithSpecialTokens(begin, end) : tokenizer;
    }

    /// <summary>The same tokenizer, whose special tokens around a text are exactly the ones asked for (as the flags add_bos_token and add_eos_token of
    /// transformers replace a file's own post-processor).</summary>
    /// <param name="begin">Puts <see cref="BeginId"/> in front.</param>
    /// <param name="end">Puts <see cref="EndId"/> behind.</param>
    /// <exception cref="InvalidOperationException">There is no such token.</exception>
    public Tokenizer WithSpecialTokens(bool begin, bool end)
    {
        TemplatePiece[] before = begin
            ? [new(-1, [BeginId ?? throw new InvalidOperationException("the tokenizer names no beginning-of-sequence token")], 0)]
            : [];
        TemplatePiece[] after = end ? [new(-1, [EndId ?? throw new InvalidOperationException("the tokenizer names no end-of-sequence token")], 0)] : [];
        TemplatePiece[] second = [.. before.Select(piece => piece with { TypeId = 1 }), new(1, [], 1), .. after.Select(piece => piece with { TypeId = 1 })];
        TemplateProcessor processor = new([.. before, new(0, [], 0), .. after], [.. before, new(0, [], 0), .. after, .. second]);
        return new Tokenizer(parts with { PostProcessor = processor, BeginId = BeginId, EndId = EndId, PaddingId = PaddingId }, Settings);
    }

    /// <summary>
    /// The same tokenizer, which lower-cases texts before it normalizes them further, but not the special tokens in them: what sentence-transformers makes of a
    /// tokenizer under do_lower_case. One that lower-cases by itself stays as it is.
    /// </summary>
    public Tokenizer WithLowerCase()
    {
        IReadOnlyList<Normalizer> normalizers = parts.Normalizer switch { null => [], NormalizerSequence sequence => sequence.Parts, { } single => [single] };
        return normalizers.Any(normalizer => normalizer is LowercaseNormalizer) ? this
            : new Tokenizer(parts with { Normalizer = new NormalizerSequence([new LowercaseNormalizer(), .. normalizers]) }, Settings);
    }

    /// <summary>Encodes a text, or a pair of texts, with offsets and masks.</summary>
    /// <param name="text">The text; unpaired surrogates count as U+FFFD.</param>
    /// <param name="pair">The second text, where there is one.</param>
    /// <param name="addSpecialTokens">Whether the post-processor's tokens are added.</param>
    /// <param name="truncation">Null: as the file says. <see cref="Truncation.None"/> for none.</param>
    /// <param name="padding">Null: as the file says.</param>
    /// <exception cref="InvalidOperationException">The truncation cannot be satisfied.</exception>
    public TokenEncoding Encode(string text, string? pair = null, bool addSpecialTokens = true, Truncation? truncation = null, Padding? padding = null) =>
        EncodeBatch([(text, pair)], addSpecialTokens, truncation, padding)[0];

    /// <summary>Encodes texts or pairs together; padding goes to the longest unless it has a length.</summary>
    /// <inheritdoc cref="Encode"/>
    public IReadOnlyList<TokenEncoding> EncodeBatch(
        IReadOnlyList<(string Text, string? Pair)> texts, bool addSpecialTokens = true, Truncation? truncation = null, Padding? padding = null)
    {
        truncation ??= parts.Truncation;
        padding ??= parts.Padding;
        List<EncodedSequence> batch = new(texts.Count);
        foreach ((string text, string? pair) in texts)
        {
            List<EncodedSequence> sequences = pair is null ? [Detailed(text, 0)] : [Detailed(text, 0), Detailed(pair, 1)];
            if (truncation is not null)
            {
                int added = addSpecialTokens ? parts.PostProcessor?.AddedTokens(pair is not null) ?? 0 : 0;
                sequences = BatchRules.Truncate(sequences, truncation, added);
            }
            batch.Add(PostProcessor.Run(parts.PostProcessor, sequences, addSpecialTokens));
        }
        if (padding is not null) BatchRules.Pad(batch, padding);
        return [.. batch.Select(sequence => sequence.ToEncoding())];
    }

    /// <summary>Appends the ids of a text, and nothing else: the fast way, without offsets and without padding.</summary>
    /// <param name="text">The text; unpaired surrogates count as U+FFFD.</param>
    /// <param name="ids">Where ids are appended.</param>
    /// <param name="addSpecialTokens">Whether the post-processor's tokens are added.</param>
    /// <param name="maxLength">Most ids, special tokens included; null: as the file says.</param>
    /// <param name="side">The side that is cut, where <paramref name="maxLength"/> is given.</param>
    /// <returns>Whether the text was cut.</returns>
    /// <exception cref="InvalidOperationException">Special tokens alone exceed the length.</exception>
    public bool EncodeInto(ReadOnlySpan<char> text, List<int> ids, bool addSpecialTokens = true, int? maxLength = null, TextSide side = TextSide.Right)
    {
        Truncation rule = maxLength is { } most ? new Truncation(most, Side: side) : parts.Truncation ?? Truncation.None;
        if (frame is not { } around || rule.Strategy == TruncationStrategy.OnlySecond)
        {
            TokenEncoding encoding = Encode(text.ToString(), null, addSpecialTokens, rule, new Padding(0, 0));
            ids.AddRange(encoding.Ids);
            return encoding.Overflowing.Count > 0;
        }
        int added = addSpecialTokens ? around.Before.Length + around.After.Length : 0;
        int room = rule.MaxLength == int.MaxValue ? int.MaxValue : rule.MaxLength - added;
        if (room < 0) throw new InvalidOperationException($"truncation: {added} special tokens do not fit into a length of {rule.MaxLength}");

        TokenSink sink = idSink ??= new TokenSink(withLengths: false);
        sink.Clear();
        int limit = rule.Side == TextSide.Right && room < int.MaxValue ? room + 1 : int.MaxValue;
        WithUtf8(text, (encoder, sink, limit), static (bytes, length, state) => state.encoder.Encode(bytes, length, state.sink, state.limit));
        ReadOnlySpan<int> content = sink.Ids;
        bool cut = content.Length > room;
        if (cut) content = rule.Side == TextSide.Right ? content[..room] : content[^room..];
        if (addSpecialTokens) ids.AddRange(around.Before);
        ids.AddRange(content);
        if (addSpecialTokens) ids.AddRange(around.After);
        return cut;
    }

    /// <summary>Appends the ids of a pair of texts, special tokens included, without what is cut off.</summary>
    /// <param name="text">The first text; unpaired surrogates count as U+FFFD.</param>
    /// <param name="pair">The second.</param>
    /// <param name="ids">Where ids are appended.</param>
    /// <param name="truncation">How they are cut; its stride has no meaning here.</param>
    /// <returns>Whether a text was cut.</returns>
    /// <exception cref="InvalidOperationException">The truncation cannot be satisfied.</exception>
    public bool EncodePairInto(string text, string pair, List<int> ids, Truncation truncation)
    {
        List<EncodedSequence> sequences = [Detailed(text, 0), Detailed(pair, 1)];
        List<EncodedSequence>? kept = BatchRules.Kept(sequences, truncation, parts.PostProcessor?.AddedTokens(isPair: true) ?? 0);
        ids.AddRange(PostProcessor.Run(parts.PostProcessor, kept ?? sequences, addSpecialTokens: true).Ids);
        return kept is not null;
    }

    /// <summary>Ids of a text; see <see cref="EncodeInto"/>.</summary>
    public int[] EncodeIds(ReadOnlySpan<char> text, bool addSpecialTokens = true)
    {
        List<int> ids = [];
        EncodeInto(text, ids, addSpecialTokens);
        return [.. ids];
    }

    /// <summary>The id of a token by its name as the file spells it, or null.</summary>
    public int? TokenToId(string token) => parts.Added.Find(token)?.Id ?? (parts.Vocabulary.Find(token) is >= 0 and int id ? id : null);

    /// <summary>The name of a token as the file spells it, or null for an id without one.</summary>
    public string? IdToToken(int id) =>
        parts.Added.ById.TryGetValue(id, out AddedToken? added) ? added.Content : parts.Vocabulary.Contains(id) ? parts.Vocabulary.Name(id) : null;

    /// <summary>Whether an id is a special token, which decoding may leave out.</summary>
    public bool IsSpecial(int id) => parts.Added.ById.TryGetValue(id, out AddedToken? added) && added.IsSpecial;

    private int? Special(string? name) => name is null ? null : TokenToId(name);

    private EncodedSequence Detailed(string text, int typeId)
    {
        TokenSink sink = detailedSink ??= new TokenSink(withLengths: true);
        EncodedSequence? result = null;
        WithUtf8(text, 0, (bytes, length, _) => result = encoder.EncodeDetailed(bytes, length, sink));
        if (typeId != 0) result!.SetTypeIds(typeId);
        return result!;
    }

    private static void WithUtf8<TState>(ReadOnlySpan<char> text, TState state, Action<byte[], int, TState> use)
    {
        byte[] bytes = ArrayPool<byte>.Shared.Rent(checked(text.Length * 3));
        int length = Utf8.UTF8.GetBytes(text, bytes);
        use(bytes, length, state);
        ArrayPool<byte>.Shared.Return(bytes);
    }
}
