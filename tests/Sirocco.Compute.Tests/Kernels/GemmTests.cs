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
}
