using System.Text.Json;
using Sirocco.Models;
using Sirocco.Text;

namespace Sirocco.Training;

/// <summary>
/// A tokenizer with the padding, truncation and special-token rules under which the reference trains. Instances may be used by many threads at once.
/// </summary>
internal sealed class TrainingTokenizer
{
    /// <summary>Values of model_type whose folders NeMo reads with mistral-common.</summary>
    private static readonly string[] MistralTypes = ["mistral", "pixtral", "mistral3", "ministral3"];

    private TrainingTokenizer(Tokenizer tokenizer, int paddingId, TextSide paddingSide, TextSide truncationSide, int? maxLength)
    {
        Tokenizer = tokenizer;
        PaddingId = paddingId;
        PaddingSide = paddingSide;
        TruncationSide = truncationSide;
        MaxLength = maxLength;
    }

    /// <summary>The tokenizer below.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>What padded cells hold.</summary>
    public int PaddingId { get; }

    /// <summary>The side that padding goes to.</summary>
    public TextSide PaddingSide { get; }

    /// <summary>The side that long texts are cut on.</summary>
    public TextSide TruncationSide { get; }

    /// <summary>model_max_length, where it is limited.</summary>
    public int? MaxLength { get; }

    /// <summary>A remark for the user on how the tokenizer was taken, or null.</summary>
    public string? Notice { get; private init; }

    /// <summary>Loads the tokenizer of a recipe.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="InvalidDataException">It is damaged, or cannot do what the options ask for.</exception>
    public static TrainingTokenizer Load(TokenizerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        string tekken = System.IO.Path.Combine(options.Path, "tekken.json");
        if (options.Backend == TokenizerBackend.Automatic && MistralTypes.Contains(ModelType(options.Path)) && File.Exists(tekken))
            return Mistral(Tokenizer.Load(tekken), options);

        Tokenizer tokenizer = ModelTokenizer.Load(options.Path);
        if (options.AddBeginToken || options.AddEndToken) tokenizer = Frame(tokenizer, options);
        TextSide side = options.PaddingSide ?? tokenizer.Settings.PaddingSide ?? tokenizer.Padding?.Side ?? TextSide.Right;
        int? padding = tokenizer.PaddingId;
        if (padding is null && options.Backend is TokenizerBackend.Transformers or TokenizerBackend.Tokenizers)
        {
            padding = tokenizer.EndId
                ?? throw new InvalidDataException($"{options.Path}: the tokenizer names neither a padding nor an end token; name one in tokenizer_config.json");
            side = TextSide.Left;
        }

        TextSide cut = options.TruncationSide
            ?? (tokenizer.Settings.TruncationSide == TextSide.Left ? TextSide.Left : tokenizer.Truncation?.Side ?? TextSide.Right);
        return new TrainingTokenizer(tokenizer, padding ?? 0, side, cut, options.MaxLength ?? tokenizer.Settings.MaxLength)
        {
            Notice = padding is null ? NoPadding(options) : null,
        };
    }

    /// <summary>Ids of a text, special tokens included.</summary>
    /// <param name="text">The text.</param>
    /// <param name="maxLength">Most ids; null for all.</param>
    public int[] Encode(string text, int? maxLength = null)
    {
        List<int> ids = [];
        Tokenizer.EncodeInto(text, ids, addSpecialTokens: true, maxLength ?? int.MaxValue, TruncationSide);
        return [.. ids];
    }

    private static TrainingTokenizer Mistral(Tokenizer tokenizer, TokenizerOptions options)
    {
        if (options.AddBeginToken || options.AddEndToken)
        {
            throw new InvalidDataException($"{options.Path}: the Mistral backend has no add_bos_token and no add_eos_token (it puts the begin token in front); "
                + "leave them out, or set force_hf: true");
        }
        return new TrainingTokenizer(
            tokenizer, tokenizer.PaddingId ?? 0, options.PaddingSide ?? TextSide.Left, options.TruncationSide ?? TextSide.Right, options.MaxLength)
        {
            Notice = tokenizer.PaddingId is null ? NoPadding(options) : null,
        };
    }

    private static string NoPadding(TokenizerOptions options) =>
        $"{options.Path}: the tokenizer names no padding token; padded places hold token 0, which attention does not see";

    private static Tokenizer Frame(Tokenizer tokenizer, TokenizerOptions options)
    {
        try
        {
            return tokenizer.WithSpecialTokens(
                options.AddBeginToken || tokenizer.Settings.AddBegin == true, options.AddEndToken || tokenizer.Settings.AddEnd == true);
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"{options.Path}: {e.Message}, which add_bos_token or add_eos_token asks for", e);
        }
    }

    private static string? ModelType(string folder)
    {
        string path = System.IO.Path.Combine(folder, "config.json");
        if (!File.Exists(path)) return null;
        try
        {
            using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(path));
            return config.RootElement.ValueKind == JsonValueKind.Object && config.RootElement.TryGetProperty("model_type", out JsonElement type)
                && type.ValueKind == JsonValueKind.String ? type.GetString() : null;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: not valid JSON at line {e.LineNumber + 1}", e);
        }
    }
}
