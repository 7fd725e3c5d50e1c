using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training.Tests.Contrastive;

public class ContrastiveTrainerTests
{
    [Fact]
    public void Training_teaches_which_words_belong_together()
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        using BiEncoder model = TinyTask.Model();
        ContrastiveData data = TinyTask.Data();
        double before = TinyTask.ReciprocalRank(model, context, data);
        List<StepReport> reports = [];
        new ContrastiveTrainer(context, model, data, TinyTask.Options(120)).Run(reports.Add);
        Assert.InRange(before, 0, 0.3);
        Assert.InRange(TinyTask.ReciprocalRank(model, context, data), 0.9, 1);
        Assert.Equal(120, reports.Count);
        Assert.Equal(1, reports[^1].Progress);
        Assert.True(reports[^1].Loss < reports[0].Loss / 2);
        Assert.All(reports, report => Assert.True(report.Tokens > 0 && report.GradientNorm > 0));
    }

    [Fact]
    public void The_same_seed_gives_the_same_weights()
    {
        Assert.Equal(Train(), Train());

        static float[] Train()
        {
            using ComputeContext context = new(new ComputeOptions { Threads = 2 });
            using BiEncoder model = TinyTask.Model();
            ContrastiveTrainer trainer = new(context, model, TinyTask.Data(), TinyTask.Options(5));
            trainer.Run();
            return TinyTask.Weights(trainer);
        }
    }

    [Fact]
    public void Micro_batches_with_own_passages_add_up_to_the_whole_batch()
    {
        float[] whole = Step(0), parts = Step(8);
        Assert.InRange(GoldenFile.RelativeError(parts, whole, 1), 0, 1e-6);

        static float[] Step(int microBatch)
        {
            using ComputeContext context = new(new ComputeOptions { Threads = 1 });
            using BiEncoder model = TinyTask.Model();
            ContrastiveData pairs = TinyTask.Data();
            ContrastiveData data = new(
                pairs.Queries,
                pairs.Passages,
                [.. pairs.Examples.Select(example => example with { Passages = [example.Passages[0], (example.Passages[0] + 7) % 60] })]);
            ContrastiveOptions options = TinyTask.Options(10, microBatch) with { Loss = new ContrastiveLoss { Temperature = 0.1f } };
            ContrastiveTrainer trainer = new(context, model, data, options with { Schedule = options.Schedule with { WarmupSteps = 0 } });
            trainer.Step();
            return [.. trainer.Optimizer.States[0].Values.ToArray().Select(moment => moment * 10)];
        }
    }

    [Fact]
    public void A_loss_that_is_no_number_stops_before_the_weights_and_names_the_step_and_the_examples()
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using BiEncoder model = TinyTask.Model();
        ContrastiveTrainer trainer = new(context, model, TinyTask.Data(), TinyTask.Options(5));
        trainer.Step();
        trainer.Optimizer.Arena.Parameters[^1].Master!.Span(0, 1)[0] = float.NaN;
        trainer.Optimizer.Arena.Gradients.Span(0, 1)[0] = 1;
        float[] before = TinyTask.Weights(trainer);
        TrainingDivergedException diverged = Assert.Throws<TrainingDivergedException>(() => trainer.Step());
        Assert.StartsWith("step 2: the loss is NaN (examples ", diverged.Message, StringComparison.Ordinal);
        Assert.Equal(before, TinyTask.Weights(trainer));
        Assert.Equal(1, trainer.State.Step);
        Assert.All(trainer.Optimizer.Arena.Gradients.ToArray(), gradient => Assert.Equal(0, gradient));
    }

    [Fact]
    public void A_cancelled_step_leaves_no_trace()
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using BiEncoder model = TinyTask.Model(), other = TinyTask.Model();
        ContrastiveTrainer stopped = new(context, model, TinyTask.Data(), TinyTask.Options(5)),
            straight = new(context, other, TinyTask.Data(), TinyTask.Options(5));
        Assert.Throws<OperationCanceledException>(() => stopped.Step(new CancellationToken(canceled: true)));
        stopped.Step();
        straight.Step();
        Assert.Equal(TinyTask.Weights(straight), TinyTask.Weights(stopped));
    }

    [Fact]
    public void A_run_limited_by_time_ends_with_the_schedule()
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using BiEncoder model = TinyTask.Model();
        ContrastiveTrainer trainer = new(context, model, TinyTask.Data(), TinyTask.Options(1000) with { Duration = TimeSpan.FromMilliseconds(200) });
        List<StepReport> reports = [];
        trainer.Run(reports.Add);
        Assert.True(trainer.State.Elapsed >= TimeSpan.FromMilliseconds(200));
        Assert.Equal(1, reports[^1].Progress);
        if (reports.Count > 3) Assert.True(reports[^1].LearningRate < reports.Max(report => report.LearningRate));
    }

    [Theory]
    [InlineData(0, 0, "batch size")]
    [InlineData(8, 3, "micro-batch size")]
    [InlineData(1000, 0, "examples do not fill one batch")]
    public void Settings_that_cannot_work_are_refused(int batch, int microBatch, string expected)
    {
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using BiEncoder model = TinyTask.Model();
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => new ContrastiveTrainer(context, model, TinyTask.Data(), TinyTask.Options(5) with { BatchSize = batch, MicroBatchSize = microBatch }));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }
}
