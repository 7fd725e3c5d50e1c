using Sirocco.Text.Pipeline;
using Sirocco.Text.Splitting;

namespace Sirocco.Text.Files;

/// <summary>
/// How a GGUF file says that text is split (<c>tokenizer.ggml.pre</c>): a name, which llama.cpp (llama-vocab.cpp) ties to the rules of a family of models.
/// </summary>
/// <param name="Steps">In order.</param>
/// <param name="WholePieceFirst">Whether a piece that is a token skips the merges.</param>
/// <param name="AddsBegin">Whether the beginning-of-sequence token is put in front where the file does not say.</param>
internal sealed record GgufPreTokenizer(PreTokenizer[] Steps, bool WholePieceFirst = false, bool AddsBegin = false)
{
    private static readonly Dictionary<string, GgufPreTokenizer> Named = Table(
        ("llama3 llama-v3 llama-bpe pixtral falcon3 falcon-h1 lfm2 midm-2.0 jina-v5-nano", new(
            [By(PublishedPattern.Llama3)], WholePieceFirst: true, AddsBegin: true)),
        ("tekken", new([By(PublishedPattern.Tekken)], WholePieceFirst: true, AddsBegin: true)),
        ("dbrx smaug-bpe chatglm-bpe glm4", new([By(PublishedPattern.Llama3)])),
        ("gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de gigachat mellum modern-bert exaone4 mpt olmo "
            + "jais trillion granite-docling", new([By(PublishedPattern.Gpt2)])),
        ("qwen2 deepseek-r1-qwen megrez stablelm2 hunyuan solar-open grok-2", new([By(PublishedPattern.Llama3 with { DigitsPerPiece = 1 })])),
        ("llama4 gpt-4o kanana2 minimax-m2", new([By(PublishedPattern.Gpt4o)])),
        ("smollm starcoder refact command-r codeshell exaone minerva-7b", new([Digits(individually: true), By(PublishedPattern.Gpt2)])),
        ("default", new([At(@"[\p{P}\$\+<=>\^~\|]+"), By(PublishedPattern.Gpt2), Digits(individually: false), At("[0-9][0-9][0-9]")])));

    /// <exception cref="InvalidDataException">There is no such name.</exception>
    public static GgufPreTokenizer Find(string name) => Named.TryGetValue(name, out GgufPreTokenizer? found)
        ? found
        : throw new InvalidDataException($"tokenizer.ggml.pre: '{name}' is not supported; supported are {string.Join(", ", Named.Keys)}");

    private static Dictionary<string, GgufPreTokenizer> Table(params (string Names, GgufPreTokenizer Rules)[] rows) =>
        rows.SelectMany(row => row.Names.Split(' '), (row, name) => (name, row.Rules))
            .ToDictionary(entry => entry.name, entry => entry.Rules, StringComparer.Ordinal);

    private static SplitterPreTokenizer By(PublishedPattern pattern) => new(new PatternSplitter(pattern));

    private static SplitterPreTokenizer Digits(bool individually) => new(new DigitSplitter(individually));

    private static PatternPreTokenizer At(string expression) => new(TextPattern.Expression(expression), SplitBehavior.Isolated, false);
}
