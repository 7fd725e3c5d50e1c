namespace Sirocco.Training;

/// <summary>mt19937 (Matsumoto and Nishimura 1998): the generator of torch on the CPU and of Python's random.</summary>
internal sealed class MersenneTwister
{
    private const int Size = 624, Middle = 397;

    private readonly uint[] state = new uint[Size];
    private int next = Size;

    /// <summary>init_genrand: how torch seeds it.</summary>
    public MersenneTwister(uint seed)
    {
        state[0] = seed;
        for (int i = 1; i < Size; i++) state[i] = (1812433253u * (state[i - 1] ^ (state[i - 1] >> 30))) + (uint)i;
    }

    /// <summary>init_by_array: how Python seeds it.</summary>
    public MersenneTwister(ReadOnlySpan<uint> key)
        : this(19650218u)
    {
        int i = 1, j = 0;
        for (int k = Math.Max(Size, key.Length); k > 0; k--)
        {
            state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1664525u)) + key[j] + (uint)j;
            if (++j == key.Length) j = 0;
            Step(ref i);
        }

        for (int k = Size - 1; k > 0; k--)
        {
            state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1566083941u)) - (uint)i;
            Step(ref i);
        }

        state[0] = 0x80000000u;
    }

    /// <summary>The next 32 bits.</summary>
    public uint Next()
    {
        if (next == Size) Refill();
        uint y = state[next++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C5680u;
        y ^= (y << 15) & 0xEFC60000u;
        return y ^ (y >> 18);
    }

    private void Step(ref int i)
    {
        if (++i < Size) return;
        state[0] = state[Size - 1];
        i = 1;
    }

    private void Refill()
    {
        for (int i = 0; i < Size; i++)
        {
            uint y = (state[i] & 0x80000000u) | (state[(i + 1) % Size] & 0x7FFFFFFFu);
            state[i] = state[(i + Middle) % Size] ^ (y >> 1) ^ ((y & 1) * 0x9908B0DFu);
        }

        next = 0;
    }
}
