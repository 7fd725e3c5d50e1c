using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Kernels;

public sealed unsafe class GemmTests
{
    private static readonly int[] Sizes = [1, 2, 3, 5, 7, 13, 16, 17, 63, 64, 65];

    public static TheoryData<string> AllMachines => [.. Machines.Names];

    [Theory]
    [MemberData(nameof(AllMachines))]
    public void Products_of_odd_shapes_equal_the_sum_in_double(string machine)
    {
        using CpuBackend backend = Machines.Create(machine);
        Random random = new(1);
        for (int trial = 0; trial < 80; trial++)
        {
            GemmCase test = GemmCase.Draw(random, Sizes);
            test.Check(backend);
        }
    }

    [Theory]
    [MemberData(nameof(AllMachines))]
    public void Large_products_are_cut_into_passes_groups_and_chunks_without_a_seam(string machine)
    {
        // A tiny level-2 cache makes every cut happen at small sizes.
        Random random = new(2);
        for (int threads = 1; threads <= 3; threads++)
        {
            using CpuBackend backend = Machines.Create(machine, threads, l2Bytes: 16 << 10);
            GemmCase.Draw(random, [130, 191, 257, 300]).Check(backend);
        }
    }

    [Theory]
    [InlineData(ElementType.F32)]
    [InlineData(ElementType.BF16)]
    [InlineData(ElementType.F16)]
    [InlineData(ElementType.F8E4M3)]
    public void A_bf16_product_rounds_both_factors_however_few_its_rows(ElementType weightType)
    {
        const int N = 70, K = 333;
        Random random = new(3);
        Stored weight = Stored.Draw(random, K, N, weightType, transposed: true);
        float[] w = [.. weight.Elements(K, N).Select(Rounded)];
        using CpuBackend backend = Machines.Create(Machines.ReferenceOfAvx512);
        foreach (int m in new[] { 1, 4, 40 })
        {
            float[] x = [.. Enumerable.Range(0, m * K).Select(_ => (random.NextSingle() * 2) - 1)], y = new float[m * N];
            fixed (float* from = x, to = y)
            fixed (byte* bytes = weight.Bytes)
                Gemm.Multiply(backend, Operand.Dense(from, ElementType.F32, m, K), weight.Operand(bytes), to, N, Precision.BF16);
            for (int i = 0; i < y.Length; i++)
            {
                double sum = 0, magnitude = 0;
                for (int k = 0; k < K; k++)
                {
                    double term = (double)Rounded(x[(i / N * K) + k]) * w[(k * N) + (i % N)];
                    sum += term;
                    magnitude += Math.Abs(term);
                }

                Assert.True(Math.Abs(sum - y[i]) <= magnitude * Math.Pow(2, -18), $"{m} rows, [{i / N}, {i % N}]: {y[i]} instead of {sum}");
            }
        }

        static float Rounded(float value) => BitConverter.UInt32BitsToSingle((uint)Widening.ToBF16(value) << 16);
    }

    [Fact]
    public void An_empty_inner_dimension_gives_the_residual_and_empty_sides_nothing()
    {
        using CpuBackend backend = new(2);
        float* memory = stackalloc float[64];
        for (int i = 0; i < 64; i++)
            memory[i] = i;
        foreach (int m in new[] { 2, 20 })
        {
            float[] c = new float[m * 3], residual = new float[m * 3];
            Array.Fill(c, 7);
            Array.Fill(residual, 5);
            fixed (float* to = c, added = residual)
            {
                Gemm.Multiply(
                    backend, Operand.Dense(memory, ElementType.F32, m, 0), Operand.Dense(memory, ElementType.F32, 0, 3), to, 3, Precision.F32, residual: added,
                    residualStride: 3);
                Assert.All(c, value => Assert.Equal(5, value));
                Gemm.Multiply(backend, Operand.Dense(memory, ElementType.F32, m, 0), Operand.Dense(memory, ElementType.F32, 3, 0).T, to, 3, Precision.F32);
                Assert.All(c, value => Assert.Equal(0, value));
                Gemm.Multiply(backend, Operand.Dense(memory, ElementType.F32, 0, 3), Operand.Dense(memory, ElementType.F32, 3, 3), to, 3, Precision.F32);
                Gemm.Multiply(backend, Operand.Dense(memory, ElementType.F32, m, 3), Operand.Dense(memory, ElementType.F32, 3, 0), to, 3, Precision.F32);
                Assert.All(c, value => Assert.Equal(0, value));
            }
        }
    }

    [Fact]
    public void Factors_that_do_not_fit_are_refused()
    {
        using CpuBackend backend = new(1);
        float* memory = stackalloc float[64];
        Assert.Throws<ArgumentException>(() => Multiply(Precision.F32, 4));
        Assert.Throws<ArgumentException>(() => Multiply(Precision.Int8, 3));

        void Multiply(Precision precision, int inner) => Gemm.Multiply(
            backend, Operand.Dense(memory, ElementType.F32, 2, 3), Operand.Dense(memory, ElementType.F32, inner, 2), memory, 2, precision);
    }
}
