using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Training.Tests.Checkpoints;

namespace Sirocco.Training.Tests.Objectives.Distillation;

/// <summary>The learning rate of a distillation's projection beside that of the student.</summary>
public sealed class ProjectionRateTests : IDisposable
{
    private const double Rate = 0.004;

    private readonly TemporaryFolder temporary = new();

    public void Dispose() => temporary.Dispose();

    [Theory]
    [InlineData("--lr_scheduler", "none")]
    [InlineData("--lr_scheduler", "{'lr_warmup_steps': 0, 'lr_decay_style': 'constant', 'init_lr': 0, 'min_lr': 0, 'max_lr': 0.004}")]
    public void The_projection_learns_where_the_rate_of_the_optimizer_is_0(params string[] schedule)
    {
        string yaml = File.ReadAllText(Path.Combine(GoldenFile.Retrieval, "distill", "run.yaml"));
        string file = temporary.Write("run.yaml", yaml.Replace("common/", Path.Combine(GoldenFile.Retrieval, "common") + "/", StringComparison.Ordinal));
        string[] overrides =
        [
            "--optimizer.lr", "0", "--projection_lr", "0.004", "--step_scheduler.max_steps", "1", "--validation_dataset", "none",
            "--checkpoint.enabled", "false", "--checkpoint.checkpoint_dir", temporary.File("out"), .. schedule,
        ];
        DistillationRecipe recipe = (DistillationRecipe)RecipeFile.ReadTraining(file, overrides).Recipe;
        TinyRun.Recorder recorder = new(null);
        new RecipeRunner(new ComputeOptions { Threads = 2 }, recorder).Run(recipe);

        // Adam's first step moves every value by its learning rate, towards where its gradient points.
        double[] moves = [.. StudentProjection.Create(64, 64, 42).Parameters
            .SelectMany(parameter => Values(parameter).Zip(recorder.Weights[parameter.Name], (before, after) => Math.Abs((double)after - before)))];
        Assert.InRange(moves.Max(), 0.999 * Rate, 1.001 * Rate);
        bool studentLearns = recipe.ParameterSchedule is not null;
        using BiEncoder student = BiEncoder.FromBackbone(recipe.Model.Path);
        foreach (Parameter parameter in student.Parameters)
            Assert.Equal(studentLearns, !Values(parameter).AsSpan().SequenceEqual(recorder.Weights[parameter.Name]));
    }

    private static float[] Values(Parameter parameter)
    {
        float[] values = new float[parameter.Count];
        parameter.CopyTo(values);
        return values;
    }
}
