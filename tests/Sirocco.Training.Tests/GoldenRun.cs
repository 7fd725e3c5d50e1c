using System.Text.Json;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Training.Tests;

/// <summary>A recorded training run: its optimizer and schedule, and what each step must give.</summary>
internal sealed class GoldenRun
{
    private const double Tolerance = 1e-5;
    private readonly string name;
    private readonly GradientDescent descent;
    private readonly double[] losses;
    private readonly double[] norms;
    private readonly double[] rates;
    private readonly LearningRateSchedule schedule;

    public GoldenRun(string name, ComputeContext context, ParameterArena arena)
    {
        this.name = name;
        JsonElement json = GoldenFile.Json(name + ".json"), optimizer = json.GetProperty("optimizer"), course = json.GetProperty("schedule");
        losses = json.GetProperty("losses").Doubles();
        norms = json.GetProperty("grad_norms").Doubles();
        rates = json.GetProperty("lrs").Doubles();
        OptimizerOptions options = new()
        {
            Beta1 = optimizer.GetProperty("betas")[0].GetDouble(),
            Beta2 = optimizer.GetProperty("betas")[1].GetDouble(),
            Epsilon = optimizer.GetProperty("eps").GetDouble(),
            WeightDecay = optimizer.GetProperty("weight_decay").GetDouble(),
        };
        schedule = new LearningRateSchedule()
        {
            Shape = course.GetProperty("name").GetString() == "cosine" ? ScheduleShape.Cosine : ScheduleShape.Linear,
            Peak = optimizer.GetProperty("lr").GetDouble(),
            WarmupSteps = course.GetProperty("warmup_steps").GetInt32(),
            TotalSteps = course.GetProperty("total_steps").GetInt32(),
        };
        double? clip = json.TryGetProperty("clip_norm", out JsonElement norm) && norm.ValueKind == JsonValueKind.Number ? norm.GetDouble() : null;
        descent = new GradientDescent(context, new Adam(context, arena, options), clip);
    }

    public int Steps => losses.Length;

    /// <summary>Compares a step's loss, updates, compares the norm and the rate.</summary>
    public void Check(int step, float loss)
    {
        Close(losses[step], loss, $"{name}: loss of step {step}");
        double rate = schedule.At(step);
        Close(norms[step], descent.Update(rate, descent.Optimizer.Options.WeightDecay), $"{name}: gradient norm of step {step}");
        Assert.Equal(rates[step], rate, 1e-12);
    }

    public void CheckFinalWeights()
    {
        using TensorArchive tensors = GoldenFile.Tensors(name + ".safetensors");
        foreach (Parameter parameter in descent.Optimizer.Arena.Parameters)
        {
            float[] actual = new float[parameter.Count], expected = tensors.Values("final." + parameter.Name);
            parameter.CopyTo(actual);
            for (int i = 0; i < actual.Length; i++)
            {
                Assert.True(Math.Abs(actual[i] - expected[i]) <= Tolerance, $"{name}: {parameter.Name}[{i}] is {actual[i]} instead of {expected[i]}");
            }
        }
    }

    private static void Close(double expected, double actual, string what) =>
        Assert.True(Math.Abs(actual - expected) <= Tolerance * Math.Abs(expected), $"{what} is {actual} instead of {expected}");
}
