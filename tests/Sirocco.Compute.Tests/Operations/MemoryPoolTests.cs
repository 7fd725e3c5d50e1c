namespace Sirocco.Compute.Tests.Operations;

public sealed unsafe class MemoryPoolTests
{
    [Fact]
    public void Blocks_are_large_enough_aligned_and_never_shared()
    {
        using MemoryPool pool = new();
        Random random = new(5);
        List<(nint Start, long Size)> live = [];
        for (int i = 0; i < 5000; i++)
        {
            if (live.Count > 0 && random.Next(2) == 0)
            {
                int which = random.Next(live.Count);
                pool.Return((void*)live[which].Start, live[which].Size);
                live.RemoveAt(which);
                continue;
            }

            long bytes = random.Next(1 << random.Next(1, 22));
            nint start = (nint)pool.Take(bytes, out long size);
            Assert.InRange(size, Math.Max(1, bytes), (long)(1.34 * bytes) + 320);
            Assert.Equal(0, start % 64);
            Assert.DoesNotContain(live, block => start < block.Start + block.Size && block.Start < start + size);
            live.Add((start, size));
            Assert.Equal(live.Sum(block => block.Size), pool.InUse);
        }
    }

    [Fact]
    public void A_block_serves_again_for_a_size_that_is_a_little_smaller_and_not_for_one_that_is_much_smaller()
    {
        using MemoryPool pool = new();
        void* first = pool.Take(1_000_000, out long size);
        pool.Return(first, size);
        void* second = pool.Take(900_000, out long same);
        Assert.True(first == second);
        Assert.Equal(size, same);
        pool.Return(second, same);
        pool.Take(500_000, out long half);
        Assert.InRange(half, 500_000, 535_000);
    }
}
