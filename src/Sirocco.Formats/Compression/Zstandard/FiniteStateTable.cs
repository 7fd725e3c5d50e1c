using System.Numerics;

namespace Sirocco.Formats;

/// <summary>One state of a finite-state-entropy decoder, with what its symbol stands for.</summary>
internal struct FiniteState
{
    /// <summary>The smallest value of the symbol's code; the symbol itself where there are no codes.</summary>
    public uint Base;

    /// <summary>Added to the bits read to give the next state.</summary>
    public ushort Next;

    /// <summary>Bits to read for the next state.</summary>
    public byte StateBits;

    /// <summary>Bits to add to <see cref="Base"/>.</summary>
    public byte ExtraBits;
}

/// <summary>A table-driven entropy decoder (RFC 8878, section 4.1).</summary>
/// <param name="largestLog">The largest accuracy that the format allows for this table.</param>
internal sealed class FiniteStateTable(int largestLog)
{
    private readonly FiniteState[] states = new FiniteState[1 << largestLog];

    internal ReadOnlySpan<FiniteState> States => states;

    /// <summary>Bits of a state; -1 until a table was built.</summary>
    internal int Log { get; private set; } = -1;

    /// <summary>A table that always gives one symbol.</summary>
    internal void BuildSingle(int symbol, in CodeTable codes)
    {
        if (symbol >= codes.Count) throw new InvalidDataException($"Zstandard code {symbol} does not exist");
        Log = 0;
        states[0] = new FiniteState { Base = codes.Base(symbol), ExtraBits = codes.Extra(symbol) };
    }

    /// <summary>Reads the distribution in front of a section and builds its table.</summary>
    /// <returns>Bytes read.</returns>
    internal int ReadAndBuild(ReadOnlySpan<byte> source, in CodeTable codes)
    {
        Span<short> probabilities = stackalloc short[codes.Count];
        int read = ReadDistribution(source, probabilities, largestLog, out int log);
        Build(probabilities, log, codes);
        return read;
    }

    /// <param name="probabilities">of each symbol in units of 2^-<paramref name="log"/>; -1 stands for less than one unit</param>
    /// <param name="log">the number of states is 2^log</param>
    /// <param name="codes">what the symbols stand for</param>
    internal void Build(ReadOnlySpan<short> probabilities, int log, in CodeTable codes)
    {
        int size = 1 << log, mask = size - 1, high = size;
        Span<ushort> next = stackalloc ushort[probabilities.Length];
        for (int s = 0; s < probabilities.Length; s++)
        {
            if (probabilities[s] != -1) continue;
            states[--high].Base = (uint)s;
            next[s] = 1;
        }
        int step = (size >> 1) + (size >> 3) + 3, position = 0;
        for (int s = 0; s < probabilities.Length; s++)
        {
            if (probabilities[s] <= 0) continue;
            next[s] = (ushort)probabilities[s];
            for (int i = 0; i < probabilities[s]; i++)
            {
                states[position].Base = (uint)s;
                do position = (position + step) & mask;
                while (position >= high);
            }
        }
        if (position != 0) throw new InvalidDataException("Zstandard probabilities do not fill their table");
        for (int i = 0; i < size; i++)
        {
            int symbol = (int)states[i].Base, value = next[symbol]++, bits = log - BitOperations.Log2((uint)value);
            states[i] =
                new FiniteState { Base = codes.Base(symbol), ExtraBits = codes.Extra(symbol), StateBits = (byte)bits, Next = (ushort)((value << bits) - size) };
        }
        Log = log;
    }

    private static int ReadDistribution(ReadOnlySpan<byte> source, Span<short> probabilities, int largestLog, out int log)
    {
        int bit = 0;
        log = Take(source, ref bit, 4) + 5;
        if (log > largestLog) throw new InvalidDataException($"Zstandard table of {log} bits where at most {largestLog} are allowed");
        int remaining = 1 << log, symbol = 0;
        while (remaining > 0)
        {
            if (symbol >= probabilities.Length) throw new InvalidDataException("Zstandard table has too many symbols");
            // A value of 0..remaining+1 takes one bit less where it is small (RFC 8878, 4.1.1).
            int bits = BitOperations.Log2((uint)remaining + 1) + 1, low = (1 << (bits - 1)) - 1, threshold = (1 << bits) - 1 - (remaining + 1);
            int value = Take(source, ref bit, bits);
            if ((value & low) < threshold)
            {
                bit--;
                value &= low;
            }
            else if (value > low)
            {
                value -= threshold;
            }
            int probability = value - 1;
            remaining -= Math.Abs(probability);
            probabilities[symbol++] = (short)probability;
            if (probability != 0) continue;
            int zeros;
            do
            {
                zeros = Take(source, ref bit, 2);
                symbol += zeros;
            }
            while (zeros == 3 && symbol < probabilities.Length);
        }
        if (remaining != 0 || symbol > probabilities.Length) throw new InvalidDataException("Zstandard probabilities do not add up");
        int read = (bit + 7) / 8;
        if (read > source.Length) throw new InvalidDataException("Zstandard table ends inside");
        return read;
    }

    // Bits beyond the end are zeros: the shorter form of a value may end within the last byte. The caller checks the end.
    private static int Take(ReadOnlySpan<byte> source, ref int bit, int count)
    {
        int value = 0;
        for (int i = 0; i < count; i++)
        {
            int at = (bit + i) >> 3;
            if (at < source.Length) value |= ((source[at] >> ((bit + i) & 7)) & 1) << i;
            else if (at > source.Length + 8) throw new InvalidDataException("Zstandard table ends inside");
        }
        bit += count;
        return value;
    }
}

/// <summary>What the symbols of a table stand for: a smallest value and a number of further bits.</summary>
internal readonly struct CodeTable(int count, uint[]? bases, byte[]? extra)
{
    internal int Count => count;

    internal uint Base(int symbol) => bases is null ? (uint)symbol : bases[symbol];

    internal byte Extra(int symbol) => extra is null ? (byte)0 : extra[symbol];
}
