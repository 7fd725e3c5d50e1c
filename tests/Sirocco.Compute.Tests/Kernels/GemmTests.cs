using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute.Tests.Kernels;

public sealed unsafe class GemmTests
{
    private static readonly int[] Sizes = [1, 2, 3, 5, 7, 13, 16, 17, 63, 64, 65];

    public static TheoryData<string, string> Machines => new()
    {
        { "scalar", "" },
        { "simd", "baseline" },
        { "simd", "avx2" },
        { "simd", "" },
        { "emitted", "avx2" },
        { "emitted", "" },
    };

    [Theory]
    [MemberData(nameof(Machines))]
    public void Products_of_odd_shapes_equal_the_sum_in_double(string tier, string level)
    {
        using CpuBackend backend = new(2, features: CpuFeatures.Current.Limit(tier, level));
        Random random = new(1);
        for (int trial = 0; trial < 120; trial++)
        {
            GemmCase test = GemmCase.Draw(random, Sizes);
            test.Check(backend);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Large_products_are_cut_into_passes_groups_and_chunks_without_a_seam(int threads)
    {
        // A tiny level-2 cache makes every cut happen at small sizes.
        using CpuBackend backend = new(threads, features: CpuFeatures.Current with { L2Bytes = 16 << 10 });
        Random random = new(threads);
        for (int trial = 0; trial < 3; trial++)
            GemmCase.Draw(random, [130, 191, 257, 300]).Check(backend);
    }
}
