using Sirocco.Compute;

namespace Sirocco.Training.Tests.Objectives;

public class ContrastiveLossTests
{
    private static readonly float[] Queries = [1, 0, 0, 1, 0.6f, 0.8f];
    private static readonly float[] Passages = [0.8f, 0.6f, 0, 1, 1, 0, 0.6f, 0.8f, 0.5f, 0.5f, -1, 0];

    [Fact]
    public void Own_passages_only_compete_with_each_other()
    {
        double expected = 0;
        for (int i = 0; i < 3; i++) expected -= LogSoftmax([.. Enumerable.Range(0, 2).Select(j => Score(i, (2 * i) + j) / 0.5)], 0) / 3;
        Assert.Equal(expected, Loss(new ContrastiveLoss { Temperature = 0.5f }, [0, 1, 2, 3, 4, 5]), 1e-6);
    }

    [Fact]
    public void All_passages_of_the_batch_compete_and_positives_look_for_their_query()
    {
        double there = 0, back = 0;
        for (int i = 0; i < 3; i++)
        {
            there -= LogSoftmax([.. Enumerable.Range(0, 6).Select(j => Score(i, j) / 0.5)], 2 * i) / 3;
            back -= LogSoftmax([.. Enumerable.Range(0, 3).Select(j => Score(j, 2 * i) / 0.5)], i) / 3;
        }

        Assert.Equal(there, Loss(new ContrastiveLoss { Temperature = 0.5f, InBatchNegatives = true }, [0, 1, 2, 3, 4, 5]), 1e-6);
        Assert.Equal(
            (there + back) / 2, Loss(new ContrastiveLoss { Temperature = 0.5f, InBatchNegatives = true, BothDirections = true }, [0, 1, 2, 3, 4, 5]), 1e-6);
    }

    [Fact]
    public void The_positive_document_elsewhere_in_the_batch_is_no_negative()
    {
        // Documents 7 and 7: the positives of queries 0 and 2, and a negative of query 1, are one document.
        long[] documents = [7, 1, 2, 7, 7, 5];
        double there = 0;
        for (int i = 0; i < 3; i++)
        {
            int label = 2 * i;
            int[] candidates = [.. Enumerable.Range(0, 6).Where(j => j == label || documents[j] != documents[label])];
            there -= LogSoftmax([.. candidates.Select(j => Score(i, j) / 0.5)], Array.IndexOf(candidates, label)) / 3;
        }

        ContrastiveLoss loss = new() { Temperature = 0.5f, InBatchNegatives = true };
        Assert.Equal(there, Loss(loss, documents), 1e-6);
        Assert.NotEqual(there, Loss(loss with { ExcludeSameDocument = false }, documents), 1e-3);
        Assert.NotEqual(there, Loss(loss, [-1, -1, -1, -1, -1, -1]), 1e-3);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Passages_of_others_that_come_too_near_the_positive_are_no_negatives(bool absolute)
    {
        // Query 1 finds its positive with 1; passages 0 (0.6) and 3 (0.8) of others lie below 0.9, and none is left out. Query 2 finds its own with 0.7;
        // passages 0 (0.96), 1 (0.8) and 3 (1) lie above.
        double expected = 0;
        for (int i = 0; i < 3; i++)
        {
            double positive = Score(i, 2 * i), most = absolute ? positive - 0.05 : positive * 0.95;
            int[] candidates = [.. Enumerable.Range(0, 6).Where(j => j / 2 == i || Score(i, j) <= most)];
            expected -= LogSoftmax([.. candidates.Select(j => Score(i, j) / 0.5)], Array.IndexOf(candidates, 2 * i)) / 3;
        }

        ContrastiveLoss loss = new() { Temperature = 0.5f, InBatchNegatives = true, FalseNegativeMargin = absolute ? 0.05 : 0.95, MarginIsAbsolute = absolute };
        Assert.Equal(expected, Loss(loss, [-1, -1, -1, -1, -1, -1]), 1e-6);
        Assert.NotEqual(expected, Loss(loss with { FalseNegativeMargin = null }, [-1, -1, -1, -1, -1, -1]), 1e-3);
    }

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(true, false, false)]
    [InlineData(true, true, false)]
    [InlineData(true, true, true)]
    public void Gradients_agree_with_finite_differences(bool inBatch, bool both, bool blocks)
    {
        ContrastiveLoss loss = new() { Temperature = 0.5f, InBatchNegatives = inBatch, BothDirections = both, ScoresAtOnce = blocks ? 7 : 100 };
        long[] documents = [7, 1, 2, 7, 7, 5];
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using Tape tape = new();
        using Scope f = context.BeginScope(Precision.F32, tape);
        Tensor queries = f.Upload(Queries, 3, 2), passages = f.Upload(Passages, 6, 2);
        tape.Watch(queries);
        tape.Watch(passages);
        tape.Backward(loss.Compute(f, queries, passages, documents));
        Check(tape.Gradient(queries)!.ToArray(), Queries, values => Value(values, Passages));
        Check(tape.Gradient(passages)!.ToArray(), Passages, values => Value(Queries, values));

        float Value(float[] q, float[] p)
        {
            using Scope g = context.BeginScope();
            return loss.Compute(g, g.Upload(q, 3, 2), g.Upload(p, 6, 2), documents).Scalar();
        }

        static void Check(float[] gradient, float[] at, Func<float[], float> function)
        {
            const float Step = 1e-2f;
            for (int i = 0; i < at.Length; i++)
            {
                float[] up = [.. at], down = [.. at];
                up[i] += Step;
                down[i] -= Step;
                Assert.Equal((function(up) - function(down)) / (2 * Step), gradient[i], 2e-3);
            }
        }
    }

    private static double Loss(ContrastiveLoss loss, long[] documents)
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using Scope f = context.BeginScope();
        return loss.Compute(f, f.Upload(Queries, 3, 2), f.Upload(Passages, 6, 2), documents).Scalar();
    }

    private static double Score(int query, int passage) =>
        (Queries[2 * query] * Passages[2 * passage]) + (Queries[(2 * query) + 1] * Passages[(2 * passage) + 1]);

    private static double LogSoftmax(double[] scores, int label) => scores[label] - Math.Log(scores.Sum(Math.Exp));
}
