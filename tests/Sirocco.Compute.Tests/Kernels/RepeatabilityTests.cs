using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Kernels;

public sealed unsafe class RepeatabilityTests
{
    [Theory]
    [MemberData(nameof(LinearTests.MachinesAndPrecisions), MemberType = typeof(LinearTests))]
    public void A_row_has_the_same_bits_whatever_rows_it_is_computed_with_when_deterministic(string machine, Precision precision)
    {
        using CpuBackend backend = Machines.Create(machine, deterministic: true, l2Bytes: 32 << 10);
        Random random = new(8);
        const int M = 40, N = 70, K = 333;
        float[] x = Uniform(random, M * K), w = Uniform(random, N * K), all = new float[M * N], some = new float[M * N];
        fixed (float* from = x, weight = w, whole = all, part = some)
        {
            Operand stored = Operand.Dense(weight, ElementType.F32, N, K);
            QuantizedWeight quantized = QuantizedWeight.Quantize(backend, stored);
            LinearOutput To(float* y) => precision == Precision.Int8 ? new LinearOutput(quantized, y, N) : new LinearOutput(stored, y, N);
            Gemm.Linear(backend, Operand.Dense(from, ElementType.F32, M, K), [To(whole)], precision);
            for (int rows = 1; rows <= 14; rows++)
            {
                int first = random.Next(M - rows);
                Gemm.Linear(backend, Operand.Dense(from + (first * K), ElementType.F32, rows, K), [To(part)], precision);
                Assert.Equal(all[(first * N)..((first + rows) * N)], some[..(rows * N)]);
            }
        }
    }

    [Theory]
    [InlineData(Precision.F32)]
    [InlineData(Precision.BF16)]
    [InlineData(Precision.Int8)]
    public void Every_run_gives_the_same_bits(Precision precision)
    {
        using CpuBackend backend = new(3);
        Random random = new(9);
        const int N = 150, K = 100;
        float[] w = Uniform(random, N * K);
        fixed (float* weight = w)
        {
            Operand stored = Operand.Dense(weight, ElementType.F32, N, K);
            QuantizedWeight quantized = QuantizedWeight.Quantize(backend, stored);
            foreach (int m in new[] { 1, 9, 33 })
            {
                float[] x = Uniform(random, m * K), first = new float[m * N], again = new float[m * N];
                fixed (float* from = x, y = first, z = again)
                {
                    Operand input = Operand.Dense(from, ElementType.F32, m, K);
                    LinearOutput To(float* to) => precision == Precision.Int8 ? new LinearOutput(quantized, to, N) : new LinearOutput(stored, to, N);
                    Gemm.Linear(backend, input, [To(y)], precision);
                    for (int run = 0; run < 20; run++)
                    {
                        Gemm.Linear(backend, input, [To(z)], precision);
                        Assert.Equal(first, again);
                    }
                }
            }
        }
    }

    private static float[] Uniform(Random random, int count)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (random.NextSingle() * 2) - 1;
        return values;
    }
}
