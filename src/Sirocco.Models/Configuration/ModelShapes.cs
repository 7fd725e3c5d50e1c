namespace Sirocco.Models;

/// <summary>Published sizes by name, for measuring a machine without a checkpoint. The values are those of the models' own config.json files.</summary>
public static class ModelShapes
{
    private static readonly RopeParameters MinistralRope = new()
    {
        Theta = 1e6,
        Scaling = RopeScaling.Yarn,
        Factor = 16,
        OriginalMaxPositions = 16384,
        Mscale = 1,
        MscaleAllDim = 1,
        QueryScaleBeta = 0.1,
    };

    private static readonly RopeParameters LlamaRope = new() { Theta = 5e5, Scaling = RopeScaling.Llama3, Factor = 32, OriginalMaxPositions = 8192 };

    private static readonly (string Name, ModelConfig Config)[] Shapes =
    [
        ("ministral-3b", Ministral(hidden: 3072, intermediate: 9216, layers: 26) with { TieWordEmbeddings = true }),
        ("ministral-8b", Ministral(hidden: 4096, intermediate: 14336, layers: 34)),
        ("ministral-14b", Ministral(hidden: 5120, intermediate: 16384, layers: 40) with { Rope = MinistralRope with { Theta = 1e9 } }),
        ("llama-1b", Llama(hidden: 2048, intermediate: 8192, layers: 16, heads: 32, headSize: 64) with { TieWordEmbeddings = true }),
        ("llama-3b", Llama(hidden: 3072, intermediate: 8192, layers: 28, heads: 24, headSize: 128) with { TieWordEmbeddings = true }),
        ("llama-8b", Llama(hidden: 4096, intermediate: 14336, layers: 32, heads: 32, headSize: 128) with { Rope = LlamaRope with { Factor = 8 } }),
        ("encoder-110m", Ministral(hidden: 768, intermediate: 3072, layers: 12) with { Heads = 12, KeyValueHeads = 4, HeadSize = 64, VocabularySize = 32_768 }),
    ];

    /// <summary>The names that <see cref="Find"/> knows.</summary>
    public static IEnumerable<string> Names => Shapes.Select(shape => shape.Name);

    /// <summary>The settings of a published size.</summary>
    /// <exception cref="ArgumentException">The name is not one of <see cref="Names"/>.</exception>
    public static ModelConfig Find(string name)
    {
        foreach ((string known, ModelConfig config) in Shapes)
        {
            if (string.Equals(known, name, StringComparison.OrdinalIgnoreCase)) return config;
        }

        throw new ArgumentException($"shape '{name}' is unknown: use {string.Join(", ", Names)}", nameof(name));
    }

    private static ModelConfig Ministral(int hidden, int intermediate, int layers) => new()
    {
        Family = ModelFamily.Ministral3,
        VocabularySize = 131_072,
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        Layers = layers,
        Heads = 32,
        KeyValueHeads = 8,
        HeadSize = 128,
        MaxPositions = 262_144,
        Rope = MinistralRope,
    };

    private static ModelConfig Llama(int hidden, int intermediate, int layers, int heads, int headSize) => new()
    {
        Family = ModelFamily.Llama,
        VocabularySize = 128_256,
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        Layers = layers,
        Heads = heads,
        KeyValueHeads = 8,
        HeadSize = headSize,
        MaxPositions = 131_072,
        Rope = LlamaRope,
    };
}
