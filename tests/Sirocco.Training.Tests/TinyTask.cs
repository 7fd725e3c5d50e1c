using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training.Tests;

/// <summary>
/// A retrieval task that only training can solve: 60 topics have a vocabulary of queries and another one of documents, with noise words shared by all.
/// Untrained vectors cannot know which words mean the same.
/// </summary>
internal static class TinyTask
{
    private const int Topics = 60, NoiseWords = 20, Pairs = 360;

    public static ModelConfig Config { get; } = new()
    {
        Family = ModelFamily.Ministral3,
        VocabularySize = (2 * Topics) + NoiseWords,
        HiddenSize = 32,
        IntermediateSize = 48,
        Layers = 1,
        Heads = 2,
        KeyValueHeads = 1,
        HeadSize = 16,
        MaxPositions = 32,
        Rope = new RopeParameters(),
        IsCausal = false,
    };

    public static BiEncoder Model(ulong seed = 3) => new(new Decoder(Config, new RandomParameters(Config, seed)), new EncoderSettings());

    public static ContrastiveData Data()
    {
        Random random = new(11);
        int[] Text(int word, int noise) => [word, .. Enumerable.Range(0, noise).Select(_ => (2 * Topics) + random.Next(NoiseWords))];
        int[] topics = [.. Enumerable.Range(0, Pairs).Select(i => i % Topics)];
        return new ContrastiveData(
            TokenizedTexts.From([.. topics.Select(topic => Text(topic, random.Next(3)))]),
            TokenizedTexts.From([.. Enumerable.Range(0, Topics).Select(topic => Text(Topics + topic, 2 + random.Next(4)))]),
            [.. topics.Select((topic, i) => new ContrastiveExample(i, [topic]))]);
    }

    public static ContrastiveOptions Options(int steps, int microBatch = 0) => new()
    {
        BatchSize = 24,
        MicroBatchSize = microBatch,
        Loss = new ContrastiveLoss { Temperature = 0.05f, InBatchNegatives = true, BothDirections = true },
        Schedule = new LearningRateSchedule { Peak = 0.01, WarmupSteps = 2, TotalSteps = steps },
        Optimizer = new OptimizerOptions { WeightDecay = 0.01 },
        Precision = Precision.F32,
    };

    /// <summary>Mean reciprocal rank of each topic's document among all, for its first query.</summary>
    public static double ReciprocalRank(BiEncoder model, ComputeContext context, ContrastiveData data)
    {
        int features = model.Features;
        float[] queries = CorpusEncoding.Encode(model, context, data.Queries, 32, Precision.F32),
            documents = CorpusEncoding.Encode(model, context, data.Passages, 32, Precision.F32);
        RetrievalMetrics metrics = new();
        for (int topic = 0; topic < Topics; topic++)
        {
            int query = topic;
            float Score(int document) =>
                System.Numerics.Tensors.TensorPrimitives.Dot(queries.AsSpan(query * features, features), documents.AsSpan(document * features, features));
            int[] ranking = [.. Enumerable.Range(0, Topics).OrderByDescending(Score)];
            metrics.Add(ranking, new HashSet<int> { topic });
        }

        return metrics.ReciprocalRank;
    }

    public static float[] Weights(ContrastiveTrainer trainer) => trainer.Optimizer.Arena.Masters.ToArray();
}
