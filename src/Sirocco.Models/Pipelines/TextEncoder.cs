using Sirocco.Text;

namespace Sirocco.Models;

/// <summary>A model's tokenizer with the limits of the model: texts in, ids out, never too long and never empty.</summary>
internal sealed class TextEncoder
{
    private readonly Tokenizer tokenizer;
    private readonly ModelConfig config;
    private readonly string path;

    /// <param name="folder">Where the tokenizer lies.</param>
    /// <param name="settings">The folder's limit, which replaces the tokenizer's, and lower-casing.</param>
    /// <param name="maxLength">The caller's limit.</param>
    public TextEncoder(ModelFolder folder, EncoderSettings settings, int? maxLength)
    {
        path = folder.Path;
        config = folder.Config;
        tokenizer = ModelTokenizer.Load(folder.Directory ?? folder.Path);
        if (settings.LowerCase) tokenizer = tokenizer.WithLowerCase();
        MaxLength = Math.Max(1, new[] { maxLength, settings.MaxLength ?? tokenizer.Settings.MaxLength, config.MaxPositions }.OfType<int>().Min());
    }

    /// <summary>Refuses a limit that the special tokens around a text, or a pair of texts, reach by themselves.</summary>
    /// <exception cref="ArgumentException">The limit is too small.</exception>
    public void RequireRoom(bool pair)
    {
        int special = tokenizer.Encode("", pair ? "" : null, true, Truncation.None, new Padding(0, 0)).Ids.Length;
        if (special >= MaxLength)
        {
            throw new ArgumentException($"a length of {MaxLength} tokens leaves no room for text: "
                + $"{path} puts {special} special tokens around a {(pair ? "pair" : "text")}; allow more than {special}");
        }
    }

    /// <summary>Most tokens of a text, special ones included.</summary>
    public int MaxLength { get; }

    /// <summary>Ids of one text.</summary>
    public int[] Encode(string text, out bool cut)
    {
        List<int> ids = [];
        cut = tokenizer.EncodeInto(text, ids, true, MaxLength, tokenizer.Settings.TruncationSide);
        return Checked(ids);
    }

    /// <summary>Ids of a pair, the longer text cut first.</summary>
    public int[] Encode(string text, string pair, out bool cut)
    {
        Truncation truncation = new(MaxLength, 0, TruncationStrategy.LongestFirst, tokenizer.Settings.TruncationSide);
        List<int> ids = [];
        cut = tokenizer.EncodePairInto(text, pair, ids, truncation);
        return Checked(ids);
    }

    /// <summary>Tokens of a prompt as they stand before a text: with the start token, without an end token.</summary>
    public int PromptTokens(string prompt)
    {
        int[] ids = Encode(prompt, out _);
        return ids.Length > 0 && tokenizer.IsSpecial(ids[^1]) ? ids.Length - 1 : ids.Length;
    }

    private int[] Checked(List<int> ids)
    {
        if (ids.Count == 0)
        {
            int? end = tokenizer.EndId ?? config.EndIds.Cast<int?>().FirstOrDefault() ?? tokenizer.BeginId;
            return [
                end ?? throw new InvalidDataException($"{path}: a text without tokens cannot be embedded because the tokenizer names no end-of-text token")];
        }

        foreach (int id in ids)
        {
            if ((uint)id >= (uint)config.VocabularySize)
            {
                throw new InvalidDataException(
                    $"{path}: the tokenizer gives token id {id}, but the model's vocabulary has {config.VocabularySize}; the tokenizer is another model's");
            }
        }

        return [.. ids];
    }
}
