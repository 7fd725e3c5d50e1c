using System.Numerics;
using System.Runtime.CompilerServices;

namespace Sirocco.Formats;

/// <summary>
/// Zstandard's entropy-coded streams are written forwards and read backwards: the last byte's highest set bit marks the end, the bit below it is read first.
/// </summary>
/// <remarks>
/// <see cref="container"/> holds the eight bytes at <see cref="at"/>, of which the upper <see cref="used"/> bits are spent. After <see cref="Refill"/> at least
/// 57 bits are there, unless the stream ends before; what is read beyond its start is zeros, counted in <see cref="used"/>.
/// </remarks>
internal unsafe struct BackwardBits
{
    private readonly byte* start;
    private byte* at;
    private ulong container;
    private int used;

    /// <exception cref="InvalidDataException">The stream is empty or has no end mark.</exception>
    internal BackwardBits(byte* start, int length)
    {
        if (length < 1 || start[length - 1] == 0) throw new InvalidDataException("Zstandard bit stream has no end mark");
        this.start = start;
        used = BitOperations.LeadingZeroCount((uint)start[length - 1]) - 24 + 1;
        if (length >= 8)
        {
            at = start + length - 8;
            container = Unsafe.ReadUnaligned<ulong>(at);
        }
        else
        {
            at = start;
            container = 0;
            for (int i = 0; i < length; i++) container |= (ulong)start[i] << (8 * i);
            used += (8 - length) * 8;
        }
    }

    /// <summary>Whether more bits were read than the stream has.</summary>
    internal readonly bool Overran => used > 64 && at == start;

    /// <summary>Whether every bit was read and none beyond.</summary>
    internal readonly bool IsFinished => at == start && used == 64;

    /// <summary>Whether <see cref="Refill"/> can still take eight whole bytes.</summary>
    internal readonly bool IsFarFromStart => at - start >= 8;

    /// <summary>Bits of the container that are spent.</summary>
    internal readonly int Used => used;

    /// <summary>The next bits without spending them.</summary>
    /// <param name="count">1 to 57</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly ulong Peek(int count) => used < 64 ? (container << used) >> (64 - count) : 0;

    /// <summary><see cref="Peek"/> where the caller knows that bits are left.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly ulong PeekFast(int count) => (container << used) >> (64 - count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Skip(int count) => used += count;

    /// <summary>Reads bits.</summary>
    /// <param name="count">0 to 57</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong Read(int count)
    {
        // Two shifts, because a shift by 64 would be one by 0.
        ulong value = used < 64 ? (container << used) >> 1 >> (63 - count) : 0;
        used += count;
        return value;
    }

    /// <summary><see cref="Read"/> that gives arbitrary bits beyond the end, for loops that ask <see cref="IsFinished"/> after them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong ReadFast(int count)
    {
        ulong value = (container << used) >> 1 >> (63 - count);
        used += count;
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Refill()
    {
        if (at - start >= 8)
        {
            RefillFast();
            return;
        }
        int bytes = (int)Math.Min(used >> 3, at - start);
        if (bytes == 0) return;
        at -= bytes;
        used -= bytes * 8;
        container = Unsafe.ReadUnaligned<ulong>(at);
    }

    /// <summary><see cref="Refill"/> where <see cref="IsFarFromStart"/> holds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void RefillFast()
    {
        at -= used >> 3;
        used &= 7;
        container = Unsafe.ReadUnaligned<ulong>(at);
    }
}
