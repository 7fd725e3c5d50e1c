using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Text;

namespace Sirocco.Training.Tests.Objectives.Distillation;

/// <summary>A distillation of two ranks: which of its terms see the candidates of both.</summary>
public class RanksTests
{
    private const int TeacherWidth = 24;

    private static readonly DropoutDraw Draw = new(1, 0);

    private static readonly InfoNceLossOptions Contrast = new() { Temperature = 0.3, Direction = ContrastDirection.Symmetric };

    private static readonly InfoNceDistillationLossOptions Follow = new() { Temperature = 0.4 };

    // Two queries of each rank; the second rank has one negative for each where the first has two.
    private static readonly int[][] Queries = [[5, 6, 7], [8, 9], [30, 31], [5, 33, 34]];

    private static readonly int[][] Positives = [[10, 11], [12, 13, 14, 15], [16], [17, 18]];

    private static readonly int[][] Negatives = [[1, 2], [3, 4, 5], [20, 21, 22], [23], [24, 2], [25, 3, 3]];

    /// <summary>Negatives of each query, as places in <see cref="Negatives"/>.</summary>
    private static readonly int[][] Of = [[0, 1], [2, 3], [4], [5]];

    private static readonly TeacherEmbeddings Teacher = new(TeacherWidth, Random(4, 1), Random(4, 2), Random(6, 3));

    [Theory]
    [InlineData(1, 0)]
    [InlineData(0, 1)]
    [InlineData(0.7, 0.4)]
    public void Candidates_of_all_ranks_make_the_loss_of_one_process_with_all_their_rows(double contrast, double follow)
    {
        DistillationLosses losses = Losses(contrast, follow, cross: true);
        (MicroBatchReport two, float[] twoGradient) = Run(losses, objective => objective.AddGradients([Batch(0, 2), Batch(2, 2)], 1, Draw));
        (MicroBatchReport one, float[] oneGradient) = Run(losses, objective => objective.AddGradients(Batch(0, 4), 1, Draw));
        Assert.Equal(one.Loss, two.Loss, 1e-6f);
        double length = Math.Sqrt(oneGradient.Sum(value => (double)value * value));
        Assert.True(oneGradient.Zip(twoGradient, (a, b) => Math.Abs(a - b)).Max() < 1e-5 * length);

        // by hand: queries among all documents and their own negatives, documents among all queries
        (double[][] q, double[][] d, double[][] n) = (Student(Queries), Student(Positives), Student(Negatives));
        double[][] tq = Unit(Teacher.Queries, TeacherWidth), td = Unit(Teacher.Positives, TeacherWidth), tn = Unit(Teacher.Negatives, TeacherWidth);
        double nce = 0, divergence = 0;
        for (int i = 0; i < 4; i++)
        {
            nce -= (LogSoftmax(q[i], [.. d, .. Of[i].Select(place => n[place])], 0.3)[i] + LogSoftmax(d[i], q, 0.3)[i]) / 8;
            double[] ours = LogSoftmax(q[i], [.. d, .. Of[i].Select(place => n[place])], 0.4);
            double[] theirs = LogSoftmax(tq[i], [.. td, .. Of[i].Select(place => tn[place])], 0.4);
            divergence += ours.Zip(theirs, (s, t) => Math.Exp(t) * (t - s)).Sum() / 4;
        }

        Assert.Equal((contrast * nce) + (follow * divergence), two.Loss, 1e-5);
    }

    [Fact]
    public void Ranks_that_keep_their_candidates_to_themselves_have_the_mean_of_their_losses()
    {
        DistillationLosses losses = Losses(0.7, 0.4, cross: false);
        (MicroBatchReport two, float[] gradient) = Run(losses, objective => objective.AddGradients([Batch(0, 2), Batch(2, 2)], 1, Draw));
        (MicroBatchReport first, float[] ofFirst) = Run(losses, objective => objective.AddGradients(Batch(0, 2), 0.5f, Draw));
        (MicroBatchReport second, float[] ofSecond) = Run(losses, objective => objective.AddGradients(Batch(2, 2), 0.5f, Draw));
        Assert.Equal((first.Loss + second.Loss) / 2, two.Loss, 1e-6f);
        Assert.All(gradient.Zip(ofFirst.Zip(ofSecond, (a, b) => a + b)), pair => Assert.Equal(pair.Second, pair.First, 1e-6f));
    }

    [Fact]
    public void Terms_without_candidates_stay_the_mean_over_ranks_beside_those_with()
    {
        DistillationLosses alone = Losses(0, 0, cross: true) with { CosineWeight = 0.6, EmbeddingErrorWeight = 0.5, ScoreWeight = 0.3 };
        (MicroBatchReport apart, float[] ofTerms) = Run(alone, objective => objective.AddGradients([Batch(0, 2), Batch(2, 2)], 1, Draw));
        (MicroBatchReport meeting, float[] ofContrast) = Run(
            Losses(0.7, 0, cross: true), objective => objective.AddGradients([Batch(0, 2), Batch(2, 2)], 1, Draw));
        (MicroBatchReport all, float[] gradient) = Run(
            alone with { InfoNceWeight = 0.7, InfoNce = Contrast }, objective => objective.AddGradients([Batch(0, 2), Batch(2, 2)], 1, Draw));
        Assert.Equal(apart.Loss + meeting.Loss, all.Loss, 1e-5f);
        double length = Math.Sqrt(gradient.Sum(value => (double)value * value));
        Assert.True(gradient.Zip(ofTerms.Zip(ofContrast, (a, b) => a + b), (a, b) => Math.Abs(a - b)).Max() < 1e-5 * length);
    }

    private static DistillationLosses Losses(double contrast, double follow, bool cross) => new()
    {
        CosineWeight = 0,
        InfoNceWeight = contrast,
        InfoNceDistillationWeight = follow,
        InfoNce = Contrast with { CrossDeviceNegatives = cross },
        InfoNceDistillation = Follow with { CrossDeviceNegatives = cross },
    };

    private static (MicroBatchReport Report, float[] Gradient) Run(DistillationLosses losses, Func<DistillationObjective, MicroBatchReport> add)
    {
        using ComputeContext context = new ModelOptions { Threads = 1 }.NewContext();
        BiEncoder student = Network();
        StudentProjection projection = StudentProjection.Create(student.Features, TeacherWidth, 42);
        DistillationObjective objective = new(context, student, projection, null, losses, student.Parameters, Precision.F32, PositionCount.Columns);
        ParameterArena arena = new(objective.Parameters);
        MicroBatchReport report = add(objective);
        return (report, [.. arena.Parameters.SelectMany(parameter => parameter.Gradient!.ToArray())]);
    }

    private static BiEncoder Network()
    {
        ModelConfig config = TinyTask.Config with { Layers = 2, InitializerRange = 0.2f };
        return new(new Decoder(config, new RandomParameters(config, 3)), new EncoderSettings());
    }

    /// <summary>Some of the queries as a rank's micro-batch, or all as one process's.</summary>
    private static DistillationBatch Batch(int first, int count)
    {
        int[][] of = Of[first..(first + count)];
        int k = of.Max(own => own.Length);
        // of a shorter list the rest is the empty text, for which the cache holds zeros
        int[] places = [.. of.SelectMany(own => Enumerable.Range(0, k).Select(i => i < own.Length ? own[i] : -1))];
        RetrievalExample[] examples =
        [
            .. Enumerable.Range(first, count)
                .Select(record => new RetrievalExample { Record = record, Place = "a test", Question = "", QuestionId = "", Documents = [] }),
        ];
        return new DistillationBatch(
            examples,
            Texts(Queries[first..(first + count)]),
            Texts(Positives[first..(first + count)]),
            Texts([.. places.Select(place => place < 0 ? [1] : Negatives[place])]),
            [.. places.Select(place => place >= 0)])
        {
            Teacher = new TeacherEmbeddings(
                TeacherWidth,
                Rows(Teacher.Queries, Enumerable.Range(first, count)),
                Rows(Teacher.Positives, Enumerable.Range(first, count)),
                Rows(Teacher.Negatives, places)),
        };
    }

    private static float[] Rows(float[] matrix, IEnumerable<int> rows) =>
        [.. rows.SelectMany(row => row < 0 ? new float[TeacherWidth] : matrix[(row * TeacherWidth)..((row + 1) * TeacherWidth)])];

    private static TokenizedBatch Texts(int[][] ids) => new(ids, 8, TextSide.Left, 0);

    /// <summary>The student's vectors at unit length, each text encoded alone.</summary>
    private static double[][] Student(int[][] texts)
    {
        using ComputeContext context = new ModelOptions { Threads = 1 }.NewContext();
        BiEncoder student = Network();
        return [.. texts.Select(ids =>
        {
            using Scope f = context.BeginScope(Precision.F32);
            TokenizedBatch alone = Texts([ids]);
            return Unit(student.Encode(f, alone.TokenArray, alone.Segments(PositionCount.Columns)).ToArray(), student.Features)[0];
        })];
    }

    private static double[][] Unit(float[] rows, int width) => [.. rows.Chunk(width).Select(row =>
    {
        double length = Math.Sqrt(row.Sum(value => (double)value * value));
        return row.Select(value => value / length).ToArray();
    })];

    private static double[] LogSoftmax(double[] query, double[][] candidates, double temperature)
    {
        double[] scores = [.. candidates.Select(candidate => query.Zip(candidate, (a, b) => a * b).Sum() / temperature)];
        double sum = Math.Log(scores.Sum(Math.Exp));
        return [.. scores.Select(score => score - sum)];
    }

    private static float[] Random(int rows, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, rows * TeacherWidth).Select(_ => (float)((2 * random.NextDouble()) - 1))];
    }
}
