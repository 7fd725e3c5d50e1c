using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Text;

namespace Sirocco.Training.Tests.Objectives.Distillation;

/// <summary>The whole objective on small networks: its gradient, its teacher, what it refuses.</summary>
public class DistillationObjectiveTests
{
    private const int TeacherWidth = 48;

    private static readonly ModelConfig StudentConfig = TinyTask.Config with { Layers = 2 };

    private static readonly ModelConfig TeacherConfig = TinyTask.Config with { Layers = 3, HiddenSize = TeacherWidth };

    private static readonly DistillationLosses AllTerms = new()
    {
        EmbeddingErrorWeight = 0.9,
        ScoreWeight = 0.8,
        IntermediateWeight = 0.3,
        InfoNceWeight = 0.4,
        InfoNceDistillationWeight = 0.6,
        Score = new ScoreLossOptions { Temperature = 0.5 },
        Intermediate = new IntermediateLossOptions { LayerPairs = [(0, 0), (1, 2), (1, 1)], LayerWeights = [1, 2, 0.5] },
    };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_gradient_of_all_terms_together_is_that_of_the_loss(bool recompute)
    {
        using ComputeContext context = new ModelOptions { Threads = 1 }.NewContext();
        BiEncoder student = Network(StudentConfig, 3);
        student.Decoder.Recompute = recompute;
        DistillationObjective objective = Objective(context, student, AllTerms, new DistillationTeacher(Network(TeacherConfig, 4), Precision.F32));
        ParameterArena arena = new(objective.Parameters);
        DistillationBatch batch = Batch();
        objective.AddGradients(batch, 1, new DropoutDraw(1, 0));
        foreach (Parameter parameter in objective.Parameters.Where(IsTried))
        {
            float[] values = new float[parameter.Count], gradient = parameter.Gradient!.ToArray();
            parameter.CopyTo(values);
            float[] direction = [.. gradient.Select(value => (float)(value / Length(gradient)))];
            double Along(float step)
            {
                parameter.SetValues([.. values.Zip(direction, (value, d) => value + (step * d))]);
                return objective.AddGradients(batch, 0, new DropoutDraw(1, 0)).Measures.Zip(Weights(AllTerms), (measure, weight) => weight * measure.Sum).Sum();
            }

            const float Step = 1e-2f;
            double slope = ((8 * (Along(Step) - Along(-Step))) - (Along(2 * Step) - Along(-2 * Step))) / (12 * Step);
            parameter.SetValues(values);
            Assert.True(
                Math.Abs(slope - Length(gradient)) < 2e-3 * Length(gradient), $"{parameter.Name}: slope {slope}, length of the gradient {Length(gradient)}");
        }

        Assert.All(student.Parameters, parameter => Assert.True(Length(parameter.Gradient!.ToArray()) > 0, parameter.Name));
    }

    [Fact]
    public void Cached_vectors_of_a_teacher_do_what_the_teacher_does()
    {
        using ComputeContext context = new ModelOptions { Threads = 1 }.NewContext();
        DistillationLosses losses = AllTerms with { IntermediateWeight = 0 };
        BiEncoder teacher = Network(TeacherConfig, 4);
        DistillationBatch batch = Batch();
        float[] Vectors(TokenizedBatch texts)
        {
            using Scope f = context.BeginScope(Precision.F32);
            return teacher.Encode(f, [.. texts.Tokens], texts.Segments()).ToArray();
        }

        TeacherEmbeddings cache = new(TeacherWidth, Vectors(batch.Queries), Vectors(batch.Positives), Vectors(batch.Negatives));
        (MicroBatchReport live, float[] liveGradient) = Run(
            Objective(context, Network(StudentConfig, 3), losses, new DistillationTeacher(teacher, Precision.F32)), batch);
        (MicroBatchReport cached, float[] cachedGradient) = Run(Objective(context, Network(StudentConfig, 3), losses, null), Batch(cache));
        Assert.Equal(live.Loss, cached.Loss);
        Assert.Equal(liveGradient, cachedGradient);
        Assert.Equal(
            ["loss_distill", "loss_mse", "loss_score", "loss_intermediate", "loss_nce", "loss_nce_distill"], live.Measures.Select(measure => measure.Name));

        static (MicroBatchReport, float[]) Run(DistillationObjective objective, DistillationBatch batch)
        {
            ParameterArena arena = new(objective.Parameters);
            MicroBatchReport report = objective.AddGradients(batch, 1, new DropoutDraw(1, 0));
            return (report, [.. arena.Parameters.SelectMany(parameter => parameter.Gradient!.ToArray())]);
        }
    }

    [Fact]
    public void The_projection_learns_at_its_own_rate_without_decay()
    {
        using ComputeContext context = new ModelOptions { Threads = 1 }.NewContext();
        BiEncoder student = Network(StudentConfig, 3);
        StudentProjection projection = StudentProjection.Create(StudentConfig.HiddenSize, TeacherWidth, 1);
        ParameterGroup own = new(5, 0);
        DistillationLosses losses = AllTerms with { IntermediateWeight = 0 };
        DistillationObjective objective = new(context, student, projection, null, losses, student.Parameters, Precision.F32, PositionCount.Columns)
        {
            ProjectionGroup = own,
        };
        Assert.All(objective.Projection.Parameters, parameter => Assert.Equal(own, objective.GroupOf(parameter)));
        Assert.Equal(new ParameterGroup(1, 1), objective.GroupOf(student.Decoder.EmbeddingTable));
        Assert.Equal(new ParameterGroup(1, 0), objective.GroupOf(student.Decoder.FinalNorm));
    }

    [Fact]
    public void Validation_scores_the_pooled_vectors_of_each_querys_own_documents()
    {
        using ComputeContext context = new ModelOptions { Threads = 1 }.NewContext();
        BiEncoder student = Network(StudentConfig, 3);
        DistillationBatch batch = Batch();
        CandidateScores scores = Objective(context, student, AllTerms with { IntermediateWeight = 0 }, null).Score(batch);
        float[] Vector(int[] ids)
        {
            using Scope f = context.BeginScope(Precision.F32);
            return student.Encode(f, ids, Segments.FromLengths([ids.Length])).ToArray();
        }

        Assert.Equal((2, 3), (scores.Queries, scores.Candidates));
        for (int query = 0; query < 2; query++)
        {
            float[] q = Vector(batch.Queries.Ids[query]);
            int[][] candidates = [batch.Positives.Ids[query], batch.Negatives.Ids[2 * query], batch.Negatives.Ids[(2 * query) + 1]];
            for (int i = 0; i < 3; i++) Assert.Equal(q.Zip(Vector(candidates[i]), (a, b) => a * b).Sum(), scores[query][i], 1e-4f);
        }
    }

    [Fact]
    public void A_teacher_of_another_width_than_the_projection_is_refused()
    {
        using ComputeContext context = new ModelOptions { Threads = 1 }.NewContext();
        ArgumentException e = Assert.Throws<ArgumentException>(() =>
            Objective(
                context, Network(StudentConfig, 3), AllTerms, new DistillationTeacher(Network(TeacherConfig with { HiddenSize = 32 }, 4), Precision.F32)));
        Assert.Contains("teacher_hidden_size", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_layer_that_a_network_lacks_is_refused()
    {
        using ComputeContext context = new ModelOptions { Threads = 1 }.NewContext();
        DistillationLosses losses = AllTerms with { Intermediate = new IntermediateLossOptions { LayerPairs = [(2, 0)] } };
        ArgumentException e = Assert.Throws<ArgumentException>(
            () => Objective(context, Network(StudentConfig, 3), losses, new DistillationTeacher(Network(TeacherConfig, 4), Precision.F32)));
        Assert.Contains("[2, 0]", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_projection_is_the_originals()
    {
        string folder = Path.Combine(GoldenFile.Retrieval, "distill");
        using Formats.TensorArchive start = Formats.TensorArchive.Open(Path.Combine(folder, "start.safetensors"));
        StudentProjection projection = StudentProjection.Create(64, 64, 42);
        foreach (Parameter parameter in projection.Parameters)
        {
            float[] values = new float[parameter.Count];
            parameter.CopyTo(values);
            Assert.Equal(start.Values(parameter.Name), values);
        }
    }

    private static BiEncoder Network(ModelConfig config, ulong seed) =>
        new(new Decoder(config, new RandomParameters(config with { InitializerRange = 0.2f }, seed)), new EncoderSettings());

    private static DistillationObjective Objective(ComputeContext context, BiEncoder student, DistillationLosses losses, DistillationTeacher? teacher) =>
        new(
            context,
            student,
            StudentProjection.Create(StudentConfig.HiddenSize, TeacherWidth, 42),
            teacher,
            losses,
            student.Parameters,
            Precision.F32,
            PositionCount.Columns);

    private static bool IsTried(Parameter parameter) =>
        parameter.Name is "projection.weight" or "projection.bias" or "norm.weight" || parameter.Name.Contains("v_proj", StringComparison.Ordinal);

    private static DistillationBatch Batch(TeacherEmbeddings? teacher = null)
    {
        RetrievalExample[] examples =
        [
            .. Enumerable.Range(0, 2)
                .Select(record => new RetrievalExample { Record = record, Place = "a test", Question = "", QuestionId = "", Documents = [] }),
        ];
        return new DistillationBatch(
            examples,
            Texts([5, 6, 7], [8, 9]),
            Texts([10, 11], [12, 13, 14, 15]),
            Texts([1, 2], [3, 4, 5], [20, 21, 22], [23]),
            [true, true, true, true])
        {
            Teacher = teacher,
        };
    }

    private static TokenizedBatch Texts(params int[][] ids) => new(ids, 8, TextSide.Left, 0);

    private static double[] Weights(DistillationLosses losses) =>
    [
        losses.CosineWeight, losses.EmbeddingErrorWeight, losses.ScoreWeight, losses.IntermediateWeight, losses.InfoNceWeight,
        losses.InfoNceDistillationWeight,
    ];

    private static double Length(float[] values) => Math.Sqrt(values.Sum(value => (double)value * value));
}
