namespace Sirocco.Models.Tests;

/// <summary>Small networks with random weights, whose positions pass several steps of YaRN and the query scale.</summary>
internal static class TinyModels
{
    public static ModelConfig Ministral { get; } = new()
    {
        Family = ModelFamily.Ministral3,
        VocabularySize = 384,
        HiddenSize = 48,
        IntermediateSize = 96,
        Layers = 2,
        Heads = 6,
        KeyValueHeads = 2,
        HeadSize = 16,
        MaxPositions = 512,
        InitializerRange = 0.2f,
        PaddingId = 11,
        StartId = 1,
        EndIds = [2],
        Rope = new RopeParameters
        {
            Theta = 10_000,
            Scaling = RopeScaling.Yarn,
            Factor = 16,
            OriginalMaxPositions = 32,
            Mscale = 1,
            MscaleAllDim = 1,
            QueryScaleBeta = 0.1,
        },
    };

    public static ModelConfig Llama { get; } = Ministral with
    {
        Family = ModelFamily.Llama,
        AttentionBias = true,
        Rope = new RopeParameters { Theta = 500_000, Scaling = RopeScaling.Llama3, Factor = 8, OriginalMaxPositions = 64 },
    };

    public static Decoder NewDecoder(ModelConfig config, ulong seed = 1) => new(config, new RandomParameters(config, seed));

    public static int[] Tokens(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(20, 384))];
    }
}
