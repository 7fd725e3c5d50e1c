using System.Numerics;

namespace Sirocco.Training;

/// <summary>Python's <c>random.Random(seed)</c>: the draws of sample and shuffle.</summary>
internal sealed class PythonRandom
{
    private readonly MersenneTwister twister;

    /// <param name="seed">Its absolute value counts.</param>
    public PythonRandom(long seed)
    {
        UInt128 magnitude = (UInt128)Int128.Abs(seed);
        uint low = (uint)magnitude, high = (uint)(magnitude >> 32);
        twister = new MersenneTwister(high == 0 ? [low] : [low, high]);
    }

    /// <summary>random.sample(range(count), size).</summary>
    public int[] Sample(int count, int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, count);
        return count <= SetSize(size) ? FromPool(count, size) : FromSet(count, size);
    }

    /// <summary>The order in which random.shuffle leaves list(range(count)).</summary>
    public int[] Shuffle(int count)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        for (int i = count - 1; i > 0; i--)
        {
            int j = Below(i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }

    /// <summary>Largest population for which Python keeps a list of what is left: the size of a set of the same sample, by its own estimate.</summary>
    private static long SetSize(int size)
    {
        if (size <= 5) return 21;
        long power = 1;
        while (power < 3L * size) power *= 4;
        return 21 + power;
    }

    private int[] FromPool(int count, int size)
    {
        int[] pool = [.. Enumerable.Range(0, count)];
        int[] chosen = new int[size];
        for (int i = 0; i < size; i++)
        {
            int j = Below(count - i);
            chosen[i] = pool[j];
            pool[j] = pool[count - i - 1];
        }

        return chosen;
    }

    private int[] FromSet(int count, int size)
    {
        HashSet<int> taken = new(size);
        int[] chosen = new int[size];
        for (int i = 0; i < size; i++)
        {
            int j;
            do
            {
                j = Below(count);
            }
            while (!taken.Add(j));
            chosen[i] = j;
        }

        return chosen;
    }

    private int Below(int limit)
    {
        int bits = 32 - BitOperations.LeadingZeroCount((uint)limit);
        uint drawn;
        do
        {
            drawn = twister.Next() >> (32 - bits);
        }
        while (drawn >= (uint)limit);
        return (int)drawn;
    }
}
