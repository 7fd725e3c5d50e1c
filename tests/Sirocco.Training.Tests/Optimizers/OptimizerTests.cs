using System.Text.Json;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Training.Tests.Optimizers;

public class OptimizerTests
{
    [Theory]
    [InlineData("adamw-default")]
    [InlineData("adamw-decay")]
    [InlineData("adamw-groups")]
    [InlineData("adamw-missing-grads")]
    [InlineData("adamw-schedule")]
    [InlineData("adamw-maximize-zero-decay")]
    [InlineData("adamw-decay-foreach")]
    [InlineData("adamw-decay-fused")]
    [InlineData("adamw-bf16-master")]
    [InlineData("adamw-amsgrad")]
    [InlineData("adam-l2")]
    [InlineData("sgd-plain")]
    [InlineData("sgd-momentum")]
    [InlineData("sgd-nesterov")]
    [InlineData("sgd-dampening")]
    public void Ten_steps_follow_torch(string trajectory)
    {
        JsonElement golden = GoldenFile.Json("optimizers.json").GetProperty("trajectories").GetProperty(trajectory);
        JsonElement settings = golden.GetProperty("hyperparameters");
        float sign = trajectory == "adamw-maximize-zero-decay" ? Maximises(golden) : 1;
        using TensorArchive tensors = GoldenFile.Tensors(trajectory + ".safetensors");
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        int[][] shapes = [.. golden.GetProperty("shapes").EnumerateArray().Select(shape => shape.Extents())];
        ParameterArena arena = new(
            shapes.Select((shape, i) => Parameter.FromValues($"{i}", [shape.Aggregate(1, (a, b) => a * b)], tensors.Values($"init.{i}"))));
        bool groups = trajectory == "adamw-groups";
        Optimizer optimizer = Optimizer.Create(
            context,
            arena,
            new OptimizerOptions
            {
                Kind = trajectory.StartsWith("sgd", StringComparison.Ordinal)
                    ? OptimizerKind.Sgd
                    : trajectory.StartsWith("adam-", StringComparison.Ordinal)
                    ? OptimizerKind.Adam
                    : OptimizerKind.AdamW,
                Beta1 = settings.TryGetProperty("betas", out JsonElement betas) ? betas[0].GetDouble() : 0.9,
                Beta2 = settings.TryGetProperty("betas", out _) ? betas[1].GetDouble() : 0.999,
                Epsilon = Setting("eps", 1e-8),
                WeightDecay = groups ? 0.1 : Setting("weight_decay", 0),
                Momentum = Setting("momentum", 0),
                Dampening = Setting("dampening", 0),
                Nesterov = settings.TryGetProperty("nesterov", out JsonElement nesterov) && nesterov.GetBoolean(),
                AmsGrad = settings.TryGetProperty("amsgrad", out JsonElement maxima) && maxima.GetBoolean(),
            },
            parameter => groups
                && shapes[int.Parse(parameter.Name, System.Globalization.CultureInfo.InvariantCulture)].Length < 2
                ? new ParameterGroup(0.5, 0)
                : new ParameterGroup(1, 1));
        double Setting(string key, double otherwise) => settings.TryGetProperty(key, out JsonElement value) ? value.GetDouble() : otherwise;

        for (int step = 0; step < golden.GetProperty("steps").GetInt32(); step++)
        {
            foreach (Parameter parameter in arena.Parameters)
            {
                if (!tensors.Contains($"grad.{step}.{parameter.Name}")) continue;
                float[] gradient = tensors.Values($"grad.{step}.{parameter.Name}");
                for (int i = 0; i < gradient.Length; i++) parameter.Gradient!.Span(i, 1)[0] = sign * gradient[i];
            }

            int present = step;
            optimizer.Step(
                golden.GetProperty("lr_per_step_and_group")[step][0].GetDouble(),
                optimizer.Options.WeightDecay,
                1,
                parameter => tensors.Contains($"grad.{present}.{parameter.Name}"));
            foreach (Parameter parameter in arena.Parameters)
            {
                float[] values = new float[parameter.Count];
                parameter.CopyTo(values);
                float[] expected = tensors.Values($"param.{step}.{parameter.Name}");
                Assert.InRange(GoldenFile.RelativeError(values, expected, 0.01), 0, 1e-6);
            }
        }

        Assert.All(arena.Gradients.ToArray(), gradient => Assert.Equal(0, gradient));
    }

    [Fact]
    public void The_update_does_not_depend_on_the_number_of_threads() => Assert.Equal(ThreeSteps(1), ThreeSteps(3));

    /// <summary>Moments and gradients are native memory of objects that nobody holds any longer than the last step needs them.</summary>
    [Fact]
    public async Task Collections_in_the_middle_of_an_update_take_nothing_away()
    {
        float[] expected = ThreeSteps(2);
        using CancellationTokenSource over = new();
        Task collector = Task.Run(() =>
        {
            while (!over.IsCancellationRequested)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        });
        for (int i = 0; i < 100; i++) Assert.Equal(expected, ThreeSteps(2));
        await over.CancelAsync();
        await collector;
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.AggressiveOptimization)]
    private static float[] ThreeSteps(int threads)
    {
        using ComputeContext context = new(new ComputeOptions { Threads = threads });
        float[] start = [.. Enumerable.Range(0, 50_021).Select(i => MathF.Sin(i))];
        ParameterArena arena = new([Parameter.FromValues("a", [50_021], start), Parameter.FromValues("b", [7, 3], start.AsSpan(0, 21))]);
        Adam optimizer = new(context, arena);
        for (int step = 0; step < 3; step++)
        {
            Span<float> gradients = arena.Gradients.Span(0, (int)arena.Length);
            for (int i = 0; i < gradients.Length; i++) gradients[i] = MathF.Cos(i + step);
            optimizer.Step(0.01, GradientClipping.Factor(context.Norm(arena.Gradients), 1));
        }

        return arena.Masters.ToArray();
    }

    /// <summary>−1 where the recorded run ascends: the first step of Adam moves against the sign of the gradient, or with it.</summary>
    private static float Maximises(JsonElement golden)
    {
        Assert.Equal(10, golden.GetProperty("steps").GetInt32());
        using TensorArchive tensors = GoldenFile.Tensors("adamw-maximize-zero-decay.safetensors");
        float moved = tensors.Values("param.0.0")[0] - tensors.Values("init.0")[0];
        return MathF.Sign(moved) == MathF.Sign(tensors.Values("grad.0.0")[0]) ? -1 : 1;
    }
}
