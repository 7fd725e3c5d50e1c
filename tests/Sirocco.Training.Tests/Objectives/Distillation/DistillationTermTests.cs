namespace Sirocco.Training.Tests.Objectives.Distillation;

/// <summary>Derivatives of every term of a distillation against finite differences, and values that follow from the definitions.</summary>
public class DistillationTermTests
{
    private const int Rows = 4, Negatives = 3, Width = 5;

    private const double Weight = 0.7;

    // The third query has one negative less than the others.
    private static readonly bool[] IsNegative = [true, true, true, true, true, true, true, true, false, true, true, true];

    [Theory]
    [InlineData(LossReduction.Mean)]
    [InlineData(LossReduction.Sum)]
    public void The_cosine_term_has_the_gradient_of_its_value(LossReduction reduction) =>
        AgreesWithDifferences(
            [Rows], student => EmbeddingDistance.Cosine(student[0], Random(Rows, 7, 9), new CosineLossOptions { Reduction = reduction }, Weight), width: 7);

    [Theory]
    [InlineData(false, LossReduction.Mean)]
    [InlineData(false, LossReduction.Sum)]
    [InlineData(true, LossReduction.BatchMean)]
    public void The_squared_term_has_the_gradient_of_its_value(bool normalize, LossReduction reduction) =>
        AgreesWithDifferences(
            [Rows],
            student =>
                EmbeddingDistance.Squared(
                    student[0], Random(Rows, Width, 9), new EmbeddingErrorLossOptions { Normalize = normalize, Reduction = reduction }, Weight));

    [Fact]
    public void The_score_term_has_the_gradient_of_its_value_for_a_teacher_of_any_width() =>
        AgreesWithDifferences([Rows], student => CandidateLosses.Score(student[0], Random(Rows, 8, 9), new ScoreLossOptions { Temperature = 0.5 }, Weight));

    [Theory]
    [InlineData(ContrastDirection.QueryToDocument, true, true)]
    [InlineData(ContrastDirection.QueryToDocument, false, true)]
    [InlineData(ContrastDirection.QueryToDocument, true, false)]
    [InlineData(ContrastDirection.DocumentToQuery, true, true)]
    [InlineData(ContrastDirection.Symmetric, true, true)]
    public void The_contrastive_term_has_the_gradient_of_its_value(ContrastDirection direction, bool inBatch, bool normalize)
    {
        InfoNceLossOptions options = new() { Direction = direction, InBatchNegatives = inBatch, Normalize = normalize, Temperature = 0.4 };
        AgreesWithDifferences(
            [Rows, Rows, Rows * Negatives],
            student => CandidateLosses.InfoNce(new PooledVectors(student[0], student[1], student[2]), IsNegative, options, Weight));
    }

    [Theory]
    [InlineData(CandidateDivergence.KullbackLeibler, ContrastDirection.QueryToDocument, true)]
    [InlineData(CandidateDivergence.KullbackLeibler, ContrastDirection.Symmetric, true)]
    [InlineData(CandidateDivergence.KullbackLeibler, ContrastDirection.DocumentToQuery, false)]
    [InlineData(CandidateDivergence.CrossEntropy, ContrastDirection.QueryToDocument, false)]
    [InlineData(CandidateDivergence.SquaredError, ContrastDirection.QueryToDocument, true)]
    public void The_distribution_term_has_the_gradient_of_its_value(CandidateDivergence divergence, ContrastDirection direction, bool normalize)
    {
        InfoNceDistillationLossOptions options = new() { Direction = direction, Divergence = divergence, Normalize = normalize, Temperature = 0.6 };
        PooledVectors teacher = new(Random(Rows, 6, 20), Random(Rows, 6, 21), Random(Rows * Negatives, 6, 22));
        AgreesWithDifferences(
            [Rows, Rows, Rows * Negatives], student => CandidateLosses.InfoNceDistillation(
                new PooledVectors(student[0], student[1], student[2]), teacher, IsNegative, options, Weight));
    }

    [Theory]
    [InlineData(StateDistance.SquaredError, false)]
    [InlineData(StateDistance.SquaredError, true)]
    [InlineData(StateDistance.SmoothL1, false)]
    [InlineData(StateDistance.Cosine, false)]
    public void The_distance_of_layers_has_the_gradient_of_its_value(StateDistance distance, bool normalize)
    {
        IntermediateLossOptions options = new() { LayerPairs = [(0, 0)], Distance = distance, Normalize = normalize };
        const int Tokens = 70;
        float[] student = [.. Random(Tokens, Width, 1).Values.Select(value => 2 * (float)value)],
            teacher = [.. Random(Tokens, Width, 2).Values.Select(value => (float)value)];
        double Value() => LayerDistance.Compute(student, teacher, Width, options, Weight).Value;
        float[] gradient = LayerDistance.Compute(student, teacher, Width, options, Weight).Gradient;
        const float Step = 1f / 128;
        for (int i = 0; i < student.Length; i += 3)
        {
            float kept = student[i];
            student[i] = kept + Step;
            double above = Value();
            student[i] = kept - Step;
            double below = Value();
            student[i] = kept;
            Assert.Equal(Weight * (above - below) / (2 * Step), gradient[i], 2e-5);
        }
    }

    [Fact]
    public void The_distance_of_layers_is_smooth_near_zero_and_linear_far_from_it()
    {
        IntermediateLossOptions options = new() { LayerPairs = [(0, 0)], Distance = StateDistance.SmoothL1 };
        Assert.Equal((0.125 + 2.5) / 2, LayerDistance.Compute([0.5f, -3], [0, 0], 2, options, 1).Value, 1e-12);
    }

    [Fact]
    public void A_filling_is_no_candidate()
    {
        GradedRows queries = Random(2, Width, 1), documents = Random(2, Width, 2);
        PooledVectors filled = new(queries, documents, new GradedRows([.. Enumerable.Repeat(9f, 2 * Width)], Width)), bare = new(queries, documents, null);
        Assert.Equal(
            CandidateLosses.InfoNce(bare, [], new InfoNceLossOptions(), 1),
            CandidateLosses.InfoNce(filled, [false, false], new InfoNceLossOptions(), 1),
            1e-12);
        InfoNceDistillationLossOptions options = new();
        Assert.Equal(0, CandidateLosses.InfoNceDistillation(filled, filled, [false, false], options, 1), 1e-12);
        Assert.All(filled.Negatives!.Gradient, value => Assert.Equal(0, value));
    }

    [Fact]
    public void Without_documents_of_other_queries_there_must_be_negatives()
    {
        ArgumentException e = Assert.Throws<ArgumentException>(
            () => CandidateLosses.InfoNce(
                new PooledVectors(Random(2, Width, 1), Random(2, Width, 2), null), [], new InfoNceLossOptions { InBatchNegatives = false }, 1));
        Assert.Contains("infonce_loss", e.Message, StringComparison.Ordinal);
    }

    private static GradedRows Random(int rows, int width, int seed)
    {
        Random random = new(seed);
        return new GradedRows([.. Enumerable.Range(0, rows * width).Select(_ => (random.NextSingle() * 2) - 1)], width);
    }

    /// <summary>Compares <see cref="Weight"/> times central differences with what the term adds to the gradients.</summary>
    private static void AgreesWithDifferences(int[] rows, Func<GradedRows[], double> term, int width = Width)
    {
        GradedRows[] student = [.. rows.Select((count, i) => Random(count, width, i + 1))];
        term(student);
        const double Step = 1e-5;
        double[][] gradients = [.. student.Select(matrix => matrix.Gradient.ToArray())];
        foreach ((GradedRows matrix, double[] gradient) in student.Zip(gradients))
        {
            for (int i = 0; i < gradient.Length; i++)
            {
                double kept = matrix.Values[i];
                matrix.Values[i] = kept + Step;
                double above = term(student);
                matrix.Values[i] = kept - Step;
                double below = term(student);
                matrix.Values[i] = kept;
                Assert.Equal(Weight * (above - below) / (2 * Step), gradient[i], 1e-8);
            }
        }
    }
}
