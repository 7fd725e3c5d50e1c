using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Operations;

public sealed class RoundedTrainingTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Training_with_bf16_products_keeps_the_direction_of_f32_gradients(bool recomputed)
    {
        float[] exact = Gradients(Precision.F32, recomputed), rounded = Gradients(Precision.BF16, recomputed);
        double dot = 0, left = 0, right = 0;
        for (int i = 0; i < exact.Length; i++)
        {
            dot += (double)exact[i] * rounded[i];
            left += (double)exact[i] * exact[i];
            right += (double)rounded[i] * rounded[i];
        }

        // Factors rounded to 8 bits: errors near 2⁻⁹ each, averaged over sums.
        Assert.InRange(dot / Math.Sqrt(left * right), 0.9995, 0.9999999);
        Assert.InRange(Math.Sqrt(right / left), 0.98, 1.02);
    }

    [Fact]
    public void What_is_made_for_products_holds_the_rounded_values_and_can_be_dropped_from()
    {
        using ComputeContext context = Context();
        using Tape tape = new();
        using Scope f = context.BeginScope(Precision.BF16, tape);
        Parameter gain = Parameter.FromValues("gain", [37], [.. Enumerable.Range(1, 37).Select(i => MathF.Sin(i))]);
        ParameterArena arena = new([gain]);
        Tensor x = f.Upload([.. Enumerable.Range(1, 9 * 37).Select(i => MathF.Cos(i))], 9, 37);
        Tensor whole = f.RmsNorm(x, gain, 1e-5f), rounded = f.RmsNorm(x, gain, 1e-5f, forProducts: true);
        Assert.Equal([ElementType.F32, ElementType.BF16], [whole.Type, rounded.Type]);
        Assert.Equal(whole.ToArray().Select(Widening.ToBF16), rounded.ToArray().Select(value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16)));

        Tensor dropped = f.Dropout(rounded, 0.3f, seed: 1, step: 2, operation: 3);
        Assert.Equal(f.Dropout(f.Upload(rounded.ToArray(), 9, 37), 0.3f, seed: 1, step: 2, operation: 3).ToArray(), dropped.ToArray());

        // dg = Σ dy ⊙ x̂, with dy = 1 / 0.7 where nothing was dropped.
        tape.Backward(dropped, f.Upload([.. Enumerable.Repeat(1f, 9 * 37)], 9, 37));
        float[] values = whole.ToArray(), kept = dropped.ToArray(), gradient = arena.Gradients.ToArray();
        for (int i = 0; i < 37; i++)
        {
            double expected = Enumerable.Range(0, 9).Sum(row => kept[(row * 37) + i] == 0 ? 0 : values[(row * 37) + i] / Math.Sin(i + 1) / 0.7);
            Assert.Equal(expected, gradient[i], 1e-4);
        }
    }

    private static float[] Gradients(Precision precision, bool recomputed)
    {
        using ComputeContext context = Context();
        SmallTransformer network = new(layers: 2);
        using Tape tape = new();
        using Scope f = context.BeginScope(precision, tape);
        Tensor loss = network.Loss(f, network.Embed(f, 41), recomputed);
        tape.Backward(loss);
        return [loss.Scalar(), .. network.Arena.Gradients.ToArray()];
    }

    /// <summary>With the reference kernels, so that the path of processors that multiply bf16 runs on every machine.</summary>
    private static ComputeContext Context()
    {
        KernelTable kernels = new(
            new ScalarPanelKernel(PanelFormat.F32), new ScalarPanelKernel(PanelFormat.BF16, 6, 64), new ScalarPanelKernel(PanelFormat.S16S8), null);
        return new ComputeContext(new CpuBackend(2, kernels: kernels));
    }
}
