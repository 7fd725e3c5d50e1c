using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Operations;

/// <summary>
/// The paths of attention that only processors with bf16 products take, run everywhere with the reference kernel: other panel widths, rounded factors, vectors
/// of 512 bits.
/// </summary>
public sealed class AttentionRoundedTests
{
    [Theory]
    [InlineData(true, 6, 64)]
    [InlineData(true, 4, 16)]
    [InlineData(false, 6, 32)]
    [InlineData(false, 6, 8)]
    public void Attention_on_any_kernel_follows_its_formula_within_its_rounding(bool rounded, int rowTile, int panelWidth)
    {
        ScalarPanelKernel kernel = new(rounded ? PanelFormat.BF16 : PanelFormat.F32, rowTile, panelWidth);
        Random random = new(panelWidth);
        foreach (int headSize in new[] { 16, 80 })
        {
            foreach (AttentionMask mask in new AttentionMask[] { new(true), new(false, 40) })
            {
                Segments segments = Segments.Continuing([1, 0, 87, 5], [2, 0, 61, 0], [.. Enumerable.Range(0, 93)]);
                AttentionShape shape = new(segments, mask, 4, 2, headSize, 0.2f);
                Check(kernel, shape, random, rounded ? 0.03 : 1e-5);
            }
        }
    }

    private static void Check(PanelKernel kernel, AttentionShape shape, Random random, double tolerance)
    {
        (int queries, int keys) = (shape.Segments.Tokens, shape.Segments.KeyTokens);
        float[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 2) - 1)];
        using ComputeContext context = new();
        (float[] q, float[] k, float[] v) = (
            Draw(queries * shape.Heads * shape.HeadSize), Draw(keys * shape.KvHeads * shape.HeadSize), Draw(keys * shape.KvHeads * shape.HeadSize));
        float[] seed = Draw(q.Length);
        float[][] exact = Run(context, context.Backend.Kernels.F32, shape, q, k, v, seed), actual = Run(context, kernel, shape, q, k, v, seed);
        string[] names = ["o", "dq", "dk", "dv"];
        for (int i = 0; i < names.Length; i++) OperationCase.Close([.. exact[i].Select(x => (double)x)], actual[i], tolerance, names[i]);
    }

    private static float[][] Run(ComputeContext context, PanelKernel kernel, AttentionShape shape, float[] q, float[] k, float[] v, float[] seed)
    {
        using Tape tape = new();
        using Scope f = context.BeginScope(Precision.F32, tape);
        Tensor[] inputs = [Upload(q), Upload(k), Upload(v)];
        foreach (Tensor input in inputs) tape.Watch(input);
        Tensor o = f.Attend(kernel, shape, inputs[0], inputs[1], inputs[2]);
        tape.Backward(o, Upload(seed));
        return [o.ToArray(), .. inputs.Select(input => tape.Gradient(input)!.ToArray())];

        Tensor Upload(float[] values) => f.Upload(values, values.Length / shape.HeadSize / Heads(values), Heads(values) * shape.HeadSize);

        int Heads(float[] values) => values.Length == q.Length ? shape.Heads : shape.KvHeads;
    }
}
