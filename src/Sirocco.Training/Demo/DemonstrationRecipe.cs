using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Text;

namespace Sirocco.Training.Demo;

/// <summary>An encoder to train and the settings that suit it. How they were found: docs/demo-experiments.md.</summary>
internal sealed record DemonstrationRecipe
{
    public required int BatchSize { get; init; }

    public required int QueryLength { get; init; }

    /// <summary>Document tokens read in training.</summary>
    public required int PassageLength { get; init; }

    /// <summary>Document tokens read when searching.</summary>
    public required int IndexedLength { get; init; }

    public required float Temperature { get; init; }

    public required double PeakLearningRate { get; init; }

    /// <summary>How much faster than other matrices the embedding learns: only a few of its rows have a gradient in a step.</summary>
    public double EmbeddingFactor { get; init; } = 1;

    /// <summary>How much faster norms learn: their values are near 1, those of matrices near 0.02.</summary>
    public double NormFactor { get; init; } = 1;

    /// <summary>Share of the run that the learning rate rises.</summary>
    public required double WarmupShare { get; init; }

    /// <summary>Documents searched; null means all.</summary>
    public int? Documents { get; init; }

    /// <summary>For the small encoder of random weights: large batches, few tokens of each document, rates that only a small network bears.</summary>
    public static DemonstrationRecipe FromRandom { get; } = new()
    {
        BatchSize = 128,
        QueryLength = 48,
        PassageLength = 48,
        IndexedLength = 64,
        Temperature = 0.05f,
        PeakLearningRate = 1e-4,
        EmbeddingFactor = 40,
        NormFactor = 300,
        WarmupShare = 0.05,
    };

    /// <summary>For a pretrained model: it reads slowly and needs small steps.</summary>
    public static DemonstrationRecipe FromPretrained { get; } = new()
    {
        BatchSize = 16,
        QueryLength = 48,
        PassageLength = 64,
        IndexedLength = 64,
        Temperature = 0.05f,
        PeakLearningRate = 1e-4,
        WarmupShare = 0.1,
        Documents = 2000,
    };

    /// <summary>A Ministral 3 encoder wide enough to keep words apart and shallow enough to see every training query several times in two minutes.</summary>
    public static ModelConfig SmallEncoder(Tokenizer tokenizer) => new()
    {
        Family = ModelFamily.Ministral3,
        VocabularySize = tokenizer.VocabularySize,
        HiddenSize = 768,
        IntermediateSize = 256,
        Layers = 1,
        Heads = 2,
        KeyValueHeads = 1,
        HeadSize = 64,
        MaxPositions = 512,

        // YaRN by a factor of 1 is the plain rotary embedding; the keys are those that Ministral 3's configuration needs.
        Rope = new RopeParameters { Scaling = RopeScaling.Yarn, OriginalMaxPositions = 512, Mscale = 1, MscaleAllDim = 1, QueryScaleBeta = 0.1 },
        IsCausal = false,
        PaddingId = tokenizer.PaddingId ?? tokenizer.TokenToId("<pad>"),
        StartId = tokenizer.BeginId ?? tokenizer.TokenToId("<s>"),
        EndIds = tokenizer.TokenToId("</s>") is { } end ? [end] : [],
        TieWordEmbeddings = true,
    };

    private double Factor(Parameter parameter) =>
        parameter.Shape.Count == 1 ? NormFactor : parameter.Name.EndsWith("embed_tokens.weight", StringComparison.Ordinal) ? EmbeddingFactor : 1;

    public ContrastiveOptions Training(DemonstrationOptions options)
    {
        // A run limited by time passes through the schedule by the clock; a thousand steps are its unit then.
        double steps = options.Steps ?? 1000;
        return new ContrastiveOptions
        {
            BatchSize = BatchSize,
            QueryLength = QueryLength,
            PassageLength = PassageLength,
            Loss = new ContrastiveLoss { Temperature = Temperature, InBatchNegatives = true, BothDirections = true },
            Optimizer = new OptimizerOptions { Beta2 = 0.98, WeightDecay = 0 },
            Group = parameter => new ParameterGroup(Factor(parameter), WeightDecayFactor: 1),
            Schedule = new LearningRateSchedule { Peak = PeakLearningRate, WarmupSteps = WarmupShare * steps, TotalSteps = steps },
            Duration = options.Steps is null ? options.Duration : null,
            Precision = options.Precision,
            Seed = options.Seed,
        };
    }
}

/// <summary>
/// Random weights in which every block begins as the identity: the projections back into the residual stream are zero. An untrained encoder is then an
/// average of random word vectors, and training starts from there instead of from noise.
/// </summary>
/// <param name="random">Gives all other weights.</param>
internal sealed class IdentityBlocks(IParameterSource random) : IParameterSource
{
    public Parameter Take(string name, int[] shape, ShardAxis axis)
    {
        Parameter parameter = random.Take(name, shape, axis);
        bool output = name.EndsWith("o_proj.weight", StringComparison.Ordinal) || name.EndsWith("down_proj.weight", StringComparison.Ordinal);
        return output ? Parameter.FromValues(parameter.Name, shape, new float[parameter.Count]) : parameter;
    }
}
