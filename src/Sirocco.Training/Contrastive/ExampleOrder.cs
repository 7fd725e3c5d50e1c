namespace Sirocco.Training;

/// <summary>In which order examples are seen: a permutation that is a pure function of the seed and the epoch, so a run can resume anywhere.</summary>
internal static class ExampleOrder
{
    /// <summary>A permutation of 0 … <paramref name="count"/> − 1 (Fisher and Yates, drawn from SplitMix64).</summary>
    public static int[] Permutation(int count, ulong seed, int epoch)
    {
        int[] order = new int[count];
        for (int i = 0; i < count; i++) order[i] = i;
        ulong state = Mix(seed + (0x9E3779B97F4A7C15UL * (ulong)(epoch + 1)));
        for (int i = count - 1; i > 0; i--)
        {
            state += 0x9E3779B97F4A7C15UL;
            int j = (int)Math.BigMul(Mix(state), (ulong)i + 1, out _);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }

    /// <summary>The finaliser of SplitMix64 (Steele, Lea and Flood 2014).</summary>
    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
