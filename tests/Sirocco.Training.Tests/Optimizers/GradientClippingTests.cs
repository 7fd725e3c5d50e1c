using System.Text.Json;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Training.Tests.Optimizers;

public class GradientClippingTests
{
    [Fact]
    public void Norms_and_clipped_gradients_are_those_of_torch()
    {
        // Left out: other norms than the second, gradients in bf16 (ours are f32), and the switch that turns a NaN into an error.
        string[] skipped = ["inf-norm-type", "one-norm-type", "bf16", "mixed-dtypes", "nan-error"];
        using ComputeContext context = new(new ComputeOptions { Threads = 2 });
        using TensorArchive tensors = GoldenFile.Tensors("clip.safetensors");
        int checkedCases = 0;
        foreach (JsonElement golden in GoldenFile.Json("clip.json").EnumerateArray())
        {
            string name = golden.GetProperty("name").GetString()!;
            if (skipped.Contains(name)) continue;
            float[][] before = [.. Enumerable.Range(0, golden.GetProperty("n").GetInt32()).Select(i => tensors.Values($"{name}.before.{i}"))];
            ParameterArena arena = new(
                before.Where(values => values.Length > 0).Select((values, i) => Parameter.FromValues($"{i}", [values.Length], new float[values.Length])));
            int filled = 0;
            foreach (float[] values in before.Where(values => values.Length > 0)) values.CopyTo(arena.Parameters[filled++].Gradient!.Span(0, values.Length));

            float norm = context.Norm(arena.Gradients);
            AssertClose(golden.GetProperty("total_norm").Number(), norm, name);
            float factor = GradientClipping.Factor(norm, golden.GetProperty("max_norm").GetDouble());
            for (int i = 0; i < before.Length; i++)
            {
                float[] after = tensors.Values($"{name}.after.{i}");
                for (int j = 0; j < after.Length; j++) AssertClose(after[j], before[i][j] * factor, name);
            }

            checkedCases++;
        }

        Assert.True(checkedCases >= 9);
    }

    private static void AssertClose(float expected, float actual, string name)
    {
        bool same = float.IsFinite(expected) ? Math.Abs(expected - actual) <= 2e-7 * Math.Max(Math.Abs(expected), 1e-30) : expected.Equals(actual);
        Assert.True(same, $"{name}: {actual} instead of {expected}");
    }
}
