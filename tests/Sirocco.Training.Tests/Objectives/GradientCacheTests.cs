using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training.Tests.Objectives;

public class GradientCacheTests
{
    public static TheoryData<int, bool, bool, int> Cases => new()
    {
        { 1, false, false, 1 << 24 }, { 5, true, false, 1 << 24 }, { 7, true, true, 1 << 24 }, { 4, true, true, 60 }, { 24, true, true, 25 },
        { 3, false, true, 1 << 24 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Pieces_give_the_loss_and_the_gradients_of_the_whole(int piece, bool inBatch, bool cuts, int scoresAtOnce)
    {
        ContrastiveLoss loss = new()
        {
            Temperature = 0.05f,
            InBatchNegatives = inBatch,
            BothDirections = inBatch,
            Matryoshka = cuts ? new MatryoshkaOptions { Dimensions = [8, 32], Weights = [0.5, 1] } : null,
        };
        (float whole, float[] expected) = Gradients(loss, null, multiVector: false);
        (float value, float[] actual) = Gradients(loss with { ScoresAtOnce = scoresAtOnce }, piece, multiVector: false);
        Assert.Equal(whole, value, 1e-5f);
        Close(expected, actual);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Texts_with_a_vector_for_each_token_go_in_pieces_too(bool inBatch)
    {
        ContrastiveLoss loss = new() { Temperature = 0.5f, InBatchNegatives = inBatch };
        (float whole, float[] expected) = Gradients(loss, null, multiVector: true);
        (float value, float[] actual) = Gradients(loss, 5, multiVector: true);
        Assert.Equal(whole, value, 1e-5f);
        Close(expected, actual);
    }

    [Fact]
    public void Dropout_is_the_same_in_both_encodings_of_a_piece()
    {
        // Were the second encoding another draw, the gradient would not be that of the loss that was computed.
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using BiEncoder model = TinyTask.Model();
        Adapter adapter = Adapter.Attach(model, new AdapterOptions { TargetModules = ["*_proj"], Rank = 4, Dropout = 0.3 });
        ParameterArena arena = new(adapter.Parameters);
        foreach (Parameter parameter in adapter.Parameters)
            parameter.SetValues([.. Enumerable.Range(0, (int)parameter.Count).Select(i => 0.3f * MathF.Sin(i + parameter.Columns))]);
        ContrastiveBatch batch = Batch();
        ContrastiveObjective objective = new(context, model, new ContrastiveLoss { Temperature = 0.5f, InBatchNegatives = true }, Precision.F32)
        {
            QueriesAtOnce = 7,
        };
        DropoutDraw draw = new(5, 9);
        objective.AddGradients(batch, 1, draw);
        Parameter chosen = adapter.Parameters[^1];
        float[] gradient = chosen.Gradient!.ToArray(), at = new float[chosen.Count];
        chosen.CopyTo(at);
        int largest = Enumerable.Range(0, gradient.Length).MaxBy(i => Math.Abs(gradient[i]));
        double difference = (Value(0.01f) - Value(-0.01f)) / 0.02;
        Assert.Equal(difference, gradient[largest], 0.02 * Math.Abs(difference));

        double Value(float step)
        {
            float[] moved = [.. at];
            moved[largest] += step;
            chosen.SetValues(moved);
            return objective.AddGradients(batch, 1, draw);
        }
    }

    [Fact]
    public void Queries_and_passages_drop_by_draws_of_their_own()
    {
        // Of two equal texts on either side, equal draws make query i and passage i one vector, whose score no other can exceed: the loss would never be above
        // log 2.
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using BiEncoder model = TinyTask.Model();
        Adapter adapter = Adapter.Attach(model, new AdapterOptions { TargetModules = ["*_proj"], Rank = 4, Dropout = 0.5 });
        ParameterArena arena = new(adapter.Parameters);
        foreach (Parameter parameter in adapter.Parameters)
            parameter.SetValues([.. Enumerable.Range(0, (int)parameter.Count).Select(i => 0.5f * MathF.Sin(i + parameter.Columns))]);
        int[] ids = [1, 2, 3, 1, 2, 3];
        Segments texts = Segments.FromLengths([3, 3]);
        foreach (int? piece in (int?[])[null, 1])
        {
            ContrastiveObjective objective = new(context, model, new ContrastiveLoss { Temperature = 0.1f, InBatchNegatives = true }, Precision.F32)
            {
                QueriesAtOnce = piece,
            };
            float[] losses = [.. Enumerable.Range(0, 8)
                .Select(draw => objective.AddGradients(new ContrastiveBatch(ids, texts, ids, texts, [-1, -1]), 1, new DropoutDraw(3, (ulong)draw)))];
            Assert.Contains(losses, value => value > MathF.Log(2) + 1e-3f);
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Ranks_go_in_pieces_too_and_only_detached_passages_lose_gradients(bool detaches, bool multiVector)
    {
        ContrastiveLoss loss = new() { Temperature = 0.5f, InBatchNegatives = true };
        ContrastiveBatch batch = Batch(), ranks = ContrastiveBatch.OfRanks([batch.Slice(0, 8), batch.Slice(8, 8), batch.Slice(16, 8)]);
        (float one, float[] together) = Gradients(loss, null, multiVector, batch);
        (float whole, float[] expected) = Gradients(loss, null, multiVector, ranks, detaches);
        (float value, float[] actual) = Gradients(loss, 5, multiVector, ranks, detaches);
        Assert.Equal(one, whole, 1e-5f);
        Assert.Equal(whole, value, 1e-5f);
        Close(expected, actual);
        if (!detaches) Close(together, expected);
        else Assert.True(expected.Zip(together, (a, b) => Math.Abs(a - b)).Max() > 1e-3);
    }

    private static (float Loss, float[] Gradients) Gradients(
        ContrastiveLoss loss, int? piece, bool multiVector, ContrastiveBatch? batch = null, bool detaches = false)
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        using BiEncoder model = TinyTask.Model();
        ParameterArena arena = new(model.Parameters);
        ContrastiveObjective objective = new(context, model, loss, Precision.F32)
        {
            QueriesAtOnce = piece,
            MultiVector = multiVector,
            DetachesRemoteNegatives = detaches,
        };
        float value = objective.AddGradients(batch ?? Batch(), 0.5f);
        return (value, arena.Gradients.ToArray());
    }

    /// <summary>Each of 24 queries with two passages.</summary>
    private static ContrastiveBatch Batch()
    {
        ContrastiveData one = TinyTask.Data();
        ContrastiveData data = new(
            one.Queries,
            one.Passages,
            [.. one.Examples.Select(example => new ContrastiveExample(example.Query, [example.Passages[0], (example.Passages[0] + 7) % one.Passages.Count]))]);
        return ContrastiveBatch.Gather(data, [.. Enumerable.Range(0, 24)], 32, 32);
    }

    private static void Close(float[] expected, float[] actual)
    {
        double norm = Math.Sqrt(expected.Sum(value => (double)value * value)), distance = Math.Sqrt(expected.Zip(actual, (a, b) => Math.Pow(a - b, 2)).Sum());
        Assert.True(norm > 0 && distance <= 1e-6 * norm, $"the gradients lie {distance / norm:E1} apart");
    }
}
