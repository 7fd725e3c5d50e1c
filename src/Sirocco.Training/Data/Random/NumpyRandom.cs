using System.Numerics;

namespace Sirocco.Training;

/// <summary>numpy's <c>default_rng(seed)</c>: PCG64 (O'Neill 2014, XSL-RR 128/64) seeded by SeedSequence, with its draws of permutations.</summary>
internal static class NumpyRandom
{
    /// <summary>default_rng(seed).permutation(count): how Hugging Face datasets shuffle.</summary>
    public static int[] Permutation(int count, long seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfNegative(seed);
        Generator generator = new((ulong)seed);
        int[] order = new int[count];
        for (int i = 0; i < count; i++) order[i] = i;
        for (int i = count - 1; i > 0; i--)
        {
            int j = (int)generator.UpTo((uint)i);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }

    private sealed class Generator
    {
        private static readonly UInt128 Multiplier = new(2549297995355413924, 4865540595714422341);

        private readonly UInt128 increment;
        private UInt128 state;
        private uint? kept;

        public Generator(ulong seed)
        {
            ulong[] words = SeedSequence(seed);
            increment = (new UInt128(words[2], words[3]) << 1) | 1;
            state = increment + new UInt128(words[0], words[1]);
            state = (state * Multiplier) + increment;
        }

        /// <summary>A number from 0 to <paramref name="limit"/>: as many bits as the limit has, drawn until they do not exceed it.</summary>
        public uint UpTo(uint limit)
        {
            uint mask = uint.MaxValue >> BitOperations.LeadingZeroCount(limit);
            uint drawn;
            do
            {
                drawn = Next32() & mask;
            }
            while (drawn > limit);
            return drawn;
        }

        private uint Next32()
        {
            if (kept is { } high)
            {
                kept = null;
                return high;
            }

            ulong both = Next64();
            kept = (uint)(both >> 32);
            return (uint)both;
        }

        private ulong Next64()
        {
            state = (state * Multiplier) + increment;
            return ulong.RotateRight((ulong)(state >> 64) ^ (ulong)state, (int)(state >> 122));
        }
    }

    /// <summary>SeedSequence(seed).generate_state(4, uint64) with its pool of four 32-bit words (O'Neill's seed_seq_fe).</summary>
    private static ulong[] SeedSequence(ulong seed)
    {
        const int PoolSize = 4;
        const uint InitA = 0x43b0d7e5, MultiplyA = 0x931e8875, InitB = 0x8b51f9dd, MultiplyB = 0x58f38ded, MixLeft = 0xca01f9dd, MixRight = 0x4973f715;
        uint constant = InitA;
        uint[] entropy = seed >> 32 == 0 ? [(uint)seed] : [(uint)seed, (uint)(seed >> 32)];
        uint[] pool = new uint[PoolSize];
        for (int i = 0; i < PoolSize; i++) pool[i] = Hash(i < entropy.Length ? entropy[i] : 0, MultiplyA);
        for (int from = 0; from < PoolSize; from++)
        {
            for (int to = 0; to < PoolSize; to++)
            {
                if (from != to) pool[to] = Mix(pool[to], Hash(pool[from], MultiplyA));
            }
        }

        constant = InitB;
        uint[] words = new uint[8];
        for (int i = 0; i < words.Length; i++) words[i] = Hash(pool[i % PoolSize], MultiplyB);
        return [.. Enumerable.Range(0, 4).Select(i => words[2 * i] | ((ulong)words[(2 * i) + 1] << 32))];

        uint Hash(uint value, uint multiplier)
        {
            value ^= constant;
            constant *= multiplier;
            value *= constant;
            return value ^ (value >> 16);
        }

        static uint Mix(uint x, uint y)
        {
            uint result = (MixLeft * x) - (MixRight * y);
            return result ^ (result >> 16);
        }
    }
}
