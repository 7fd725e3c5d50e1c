namespace Sirocco.Training;

/// <summary>What torch draws on the CPU.</summary>
internal static class TorchRandom
{
    /// <summary>torch.randperm(count) with a generator seeded with <paramref name="seed"/>.</summary>
    /// <param name="count">Below 2³² / 20, where torch draws 32 bits for each place.</param>
    /// <param name="seed">Its low 32 bits count.</param>
    public static int[] Permutation(int count, long seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)count, uint.MaxValue / 20, nameof(count));
        MersenneTwister twister = new(unchecked((uint)seed));
        int[] order = new int[count];
        for (int i = 0; i < count; i++) order[i] = i;
        for (int i = 0; i < count - 1; i++)
        {
            int j = i + (int)(twister.Next() % (uint)(count - i));
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }

    /// <summary>tensor.uniform_(low, high) of f32 on the CPU with a generator seeded with <paramref name="seed"/>.</summary>
    /// <param name="count">Values to draw.</param>
    /// <param name="low">Least value.</param>
    /// <param name="high">What no value reaches.</param>
    /// <param name="seed">Its low 32 bits count.</param>
    /// <param name="drawn">Values that the generator has given away before.</param>
    public static float[] Uniform(int count, float low, float high, long seed, long drawn = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        MersenneTwister twister = new(unchecked((uint)seed));
        for (long i = 0; i < drawn; i++) twister.Next();
        float[] values = new float[count];
        // torch's compiler fuses too
        for (int i = 0; i < count; i++) values[i] = MathF.FusedMultiplyAdd((twister.Next() & 0xFFFFFF) * (1f / (1 << 24)), high - low, low);
        return values;
    }
}
