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

    /// <summary>With the reference kernels, so that the path of processors that multiply bf16 runs on every machine.</summary>
    private static float[] Gradients(Precision precision, bool recomputed)
    {
        KernelTable kernels = new(
            new ScalarPanelKernel(PanelFormat.F32), new ScalarPanelKernel(PanelFormat.BF16, 6, 64), new ScalarPanelKernel(PanelFormat.S16S8), null);
        using ComputeContext context = new(new CpuBackend(2, kernels: kernels));
        SmallTransformer network = new(layers: 2);
        using Tape tape = new();
        using Scope f = context.BeginScope(precision, tape);
        Tensor loss = network.Loss(f, network.Embed(f, 41), recomputed);
        tape.Backward(loss);
        return [loss.Scalar(), .. network.Arena.Gradients.ToArray()];
    }
}
