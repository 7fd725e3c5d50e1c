using System.Text;
using Sirocco.Text.Pipeline;
using Sirocco.Text.Splitting;
using Utf8 = System.Text.Encoding;

namespace Sirocco.Text.Files;

/// <summary>The small parts of a tokenizer.json: normalizer, pre-tokenizer, post-processor, decoder, truncation, padding.</summary>
internal static class ComponentReader
{
    public static Normalizer? Normalizer(JsonField field)
    {
        if (field.IsNull) return null;
        return Type(field) switch
        {
            "Sequence" => new NormalizerSequence([.. field.Get("normalizers").Items().Select(Normalizer).OfType<Normalizer>()]),
            "NFC" => new UnicodeNormalizer(compatible: false, compose: true),
            "NFD" => new UnicodeNormalizer(compatible: false, compose: false),
            "NFKC" => new UnicodeNormalizer(compatible: true, compose: true),
            "NFKD" => new UnicodeNormalizer(compatible: true, compose: false),
            "Lowercase" => new LowercaseNormalizer(),
            "Strip" => new StripNormalizer(field.Get("strip_left").Flag(), field.Get("strip_right").Flag()),
            "StripAccents" => new StripAccentsNormalizer(),
            "Replace" => new ReplaceNormalizer(Pattern(field.Get("pattern")), Utf8.UTF8.GetBytes(field.Get("content").Text())),
            "Prepend" => new PrependNormalizer(Utf8.UTF8.GetBytes(field.Get("prepend").Text())),
            "Nmt" => new NmtNormalizer(),
            "ByteLevel" => new ByteLevelNormalizer(),
            var other => throw Unsupported(field, other, "NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend, Nmt, ByteLevel, Sequence"),
        };
    }

    /// <summary>The steps of a pre-tokenizer in order; a ByteLevel step is followed by its <see cref="ByteSpelling"/>.</summary>
    public static IEnumerable<PreTokenizer> PreTokenizers(JsonField field)
    {
        if (field.IsNull) return [];
        string type = Type(field);
        return type switch
        {
            "Sequence" => field.Get("pretokenizers").Items().SelectMany(PreTokenizers),
            "Split" => [new PatternPreTokenizer(Pattern(field.Get("pattern")), Behavior(field.Get("behavior")), field.Optional("invert").Flag())],
            "ByteLevel" => [new ByteLevelPreTokenizer(field.Get("add_prefix_space").Flag(), field.Optional("use_regex").Flag(true)), new ByteSpelling()],
            "Digits" => [new SplitterPreTokenizer(new DigitSplitter(field.Get("individual_digits").Flag()))],
            "Whitespace" => [PatternPreTokenizer.Words()],
            "WhitespaceSplit" => [PatternPreTokenizer.Spaces()],
            "Punctuation" =>
                [PatternPreTokenizer.Punctuation(field.Optional("behavior") is { IsNull: false } behavior ? Behavior(behavior) : SplitBehavior.Isolated)],
            "BertPreTokenizer" => [PatternPreTokenizer.Spaces(), PatternPreTokenizer.Punctuation(SplitBehavior.Isolated)],
            "CharDelimiterSplit" => [new PatternPreTokenizer(TextPattern.Literal(Character(field.Get("delimiter")).ToString()), SplitBehavior.Removed, false)],
            "Metaspace" => [Metaspace(field)],
            _ => throw Unsupported(
                field, type, "Split, ByteLevel, Digits, Whitespace, WhitespaceSplit, Punctuation, BertPreTokenizer, CharDelimiterSplit, Metaspace, Sequence"),
        };
    }

    public static PostProcessor? PostProcessor(JsonField field)
    {
        if (field.IsNull) return null;
        switch (Type(field))
        {
            case "Sequence":
                return new PostProcessorSequence([.. field.Get("processors").Items().Select(PostProcessor).OfType<PostProcessor>()]);
            case "ByteLevel":
                return field.Optional("trim_offsets").Flag(true) ? new OffsetTrimmer(field.Optional("add_prefix_space").Flag(true))
                    : new PostProcessorSequence([]);
            case "TemplateProcessing":
                Dictionary<string, int[]> tokens = new(StringComparer.Ordinal);
                foreach ((string name, JsonField token) in field.Get("special_tokens").Properties())
                    tokens[name] = [.. token.Get("ids").Items().Select(TokenId)];
                return new TemplateProcessor(Template(field.Get("single"), tokens, 1), Template(field.Get("pair"), tokens, 2));
            case "BertProcessing":
                return new FrameProcessor(Named(field.Get("cls")), Named(field.Get("sep")), between: false);
            case "RobertaProcessing":
                FrameProcessor frame = new(Named(field.Get("cls")), Named(field.Get("sep")), between: true);
                bool trim = field.Optional("trim_offsets").Flag(true), prefix = field.Optional("add_prefix_space").Flag(true);
                return new PostProcessorSequence(trim ? [new OffsetTrimmer(prefix), new TypeEraser(), frame] : [new TypeEraser(), frame]);
            case var other:
                throw Unsupported(field, other, "TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing, Sequence");
        }
    }

    public static TokenDecoder? Decoder(JsonField field)
    {
        if (field.IsNull) return null;
        return Type(field) switch
        {
            "Sequence" => new DecoderSequence([.. field.Get("decoders").Items().Select(Decoder).OfType<TokenDecoder>()]),
            "ByteLevel" => new ByteLevelDecoder(),
            "Replace" => new ReplaceDecoder(Pattern(field.Get("pattern")), field.Get("content").Text()),
            "Fuse" => new FuseDecoder(),
            "ByteFallback" => new ByteFallbackDecoder(),
            "Metaspace" => new MetaspaceDecoder(Character(field.Get("replacement")), Scheme(field)),
            "Strip" => new StripDecoder(Character(field.Get("content")), field.Get("start").Integer(), field.Get("stop").Integer()),
            "BPEDecoder" => new SuffixDecoder(field.Get("suffix").Text()),
            var other => throw Unsupported(field, other, "ByteLevel, Replace, Fuse, ByteFallback, Metaspace, Strip, BPEDecoder, Sequence"),
        };
    }

    public static Truncation? Truncation(JsonField field)
    {
        if (field.IsNull) return null;
        TruncationStrategy strategy = field.Optional("strategy").TextOrNull() switch
        {
            null or "LongestFirst" => TruncationStrategy.LongestFirst,
            "OnlyFirst" => TruncationStrategy.OnlyFirst,
            "OnlySecond" => TruncationStrategy.OnlySecond,
            var other => throw field.Optional("strategy").Wrong($"'{other}' is not LongestFirst, OnlyFirst or OnlySecond"),
        };
        return new Truncation(
            field.Get("max_length").Integer(),
            field.Optional("stride") is { IsNull: false } stride ? stride.Integer() : 0,
            strategy,
            Side(field.Optional("direction")));
    }

    public static Padding? Padding(JsonField field)
    {
        if (field.IsNull) return null;
        int? length = null;
        JsonField strategy = field.Get("strategy");
        if (strategy.Element.ValueKind == System.Text.Json.JsonValueKind.Object) length = strategy.Get("Fixed").Integer(0, 1 << 24);
        else if (strategy.Text() != "BatchLongest") throw strategy.Wrong("expected BatchLongest or an object with Fixed");
        JsonField multiple = field.Optional("pad_to_multiple_of"), type = field.Optional("pad_type_id");
        return new Padding(
            TokenId(field.Get("pad_id")),
            length,
            Side(field.Optional("direction")),
            multiple.IsNull ? 0 : multiple.Integer(0, 1 << 20),
            type.IsNull ? 0 : type.Integer());
    }

    internal static TextSide Side(JsonField field) => field.TextOrNull()?.ToUpperInvariant() switch
    {
        null or "RIGHT" => TextSide.Right,
        "LEFT" => TextSide.Left,
        _ => throw field.Wrong("expected left or right"),
    };

    private static string Type(JsonField field) => field.Get("type").Text();

    private static int TokenId(JsonField field) => field.Integer(0, Bpe.Vocabulary.LargestId);

    private static InvalidDataException Unsupported(JsonField field, string type, string known) =>
        field.Get("type").Wrong($"'{type}' is not supported; supported are {known}");

    private static TextPattern Pattern(JsonField field)
    {
        if (field.Optional("String") is { IsNull: false } literal) return TextPattern.Literal(literal.Text());
        JsonField expression = field.Get("Regex");
        try
        {
            return TextPattern.Expression(expression.Text());
        }
        catch (ArgumentException error)
        {
            throw expression.Wrong($"not a regular expression that .NET can run: {error.Message}");
        }
    }

    private static SplitBehavior Behavior(JsonField field) =>
        Enum.TryParse(field.Text(), out SplitBehavior behavior) && Enum.IsDefined(behavior)
            ? behavior
            : throw field.Wrong("expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");

    private static Rune Character(JsonField field)
    {
        Rune[] runes = [.. field.Text().EnumerateRunes()];
        return runes.Length == 1 ? runes[0] : throw field.Wrong("expected one character");
    }

    private static PrependScheme Scheme(JsonField field)
    {
        if (field.Optional("add_prefix_space") is { IsNull: false } old && !old.Flag()) return PrependScheme.Never;
        return field.Optional("prepend_scheme").TextOrNull() switch
        {
            null or "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            _ => throw field.Optional("prepend_scheme").Wrong("expected always, first or never"),
        };
    }

    private static MetaspacePreTokenizer Metaspace(JsonField field) =>
        new(Character(field.Get("replacement")), Scheme(field), field.Optional("split").Flag(true));

    /// <summary>The id of a token that is given as a list of name and id.</summary>
    private static int Named(JsonField field)
    {
        JsonField[] pair = [.. field.Items()];
        return pair.Length == 2 ? TokenId(pair[1]) : throw field.Wrong("expected a name and an id");
    }

    private static TemplatePiece[] Template(JsonField field, Dictionary<string, int[]> tokens, int sequences)
    {
        List<TemplatePiece> pieces = [];
        foreach (JsonField piece in field.Items())
        {
            if (piece.Optional("Sequence") is { IsNull: false } sequence)
            {
                int index = sequence.Get("id").Text() switch
                {
                    "A" => 0,
                    "B" when sequences > 1 => 1,
                    _ => throw sequence.Get("id").Wrong(sequences > 1 ? "expected A or B" : "expected A"),
                };
                pieces.Add(new TemplatePiece(index, [], sequence.Get("type_id").Integer()));
                continue;
            }
            JsonField special = piece.Get("SpecialToken");
            string name = special.Get("id").Text();
            if (!tokens.TryGetValue(name, out int[]? ids)) throw special.Get("id").Wrong($"'{name}' is not among special_tokens");
            pieces.Add(new TemplatePiece(-1, ids, special.Get("type_id").Integer()));
        }
        return [.. pieces];
    }
}
