using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Kernels;

/// <summary>Tests that read counters of the whole process and therefore run alone.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public sealed unsafe class AllocationTests
{
    [Fact]
    public void Products_allocate_nothing_once_scratch_memory_has_grown()
    {
        using CpuBackend backend = new(2);
        const int M = 30, N = 200, K = 64;
        float[] x = new float[M * K], w = new float[N * K], y = new float[M * N];
        Array.Fill(x, 0.5f);
        Array.Fill(w, 0.25f);
        fixed (float* from = x, weight = w, to = y)
        {
            Operand stored = Operand.Dense(weight, ElementType.F32, N, K);
            QuantizedWeight quantized = QuantizedWeight.Quantize(backend, stored);
            for (int i = 0; i < 50; i++)
                Everything(backend, from, stored, quantized, to);

            // The whole process counts, workers included; what the test runner does meanwhile may disturb some rounds, not all.
            long least = long.MaxValue;
            for (int i = 0; i < 50; i++)
            {
                long before = GC.GetTotalAllocatedBytes(precise: true);
                Everything(backend, from, stored, quantized, to);
                least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
            }

            Assert.Equal(0, least);
            long mine = GC.GetAllocatedBytesForCurrentThread();
            Everything(backend, from, stored, quantized, to);
            Assert.Equal(mine, GC.GetAllocatedBytesForCurrentThread());
        }

        static void Everything(CpuBackend backend, float* x, in Operand weight, QuantizedWeight quantized, float* y)
        {
            foreach (int m in (ReadOnlySpan<int>)[1, 8, M])
            {
                Operand input = Operand.Dense(x, ElementType.F32, m, K);
                Gemm.Multiply(backend, input, weight.T, y, N, Precision.F32);
                Gemm.Linear(backend, input, [new LinearOutput(weight, y, N)], Precision.BF16);
                Gemm.Linear(backend, input, [new LinearOutput(quantized, y, N)], Precision.Int8);
                GatedOutput gated = new(y, null, null, ElementType.F32, N);
                Gemm.GatedLinear(backend, input, new LinearOutput(quantized, null, N), new LinearOutput(quantized, null, N), gated, Precision.Int8);
            }
        }
    }
}
