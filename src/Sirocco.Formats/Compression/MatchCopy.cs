using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sirocco.Formats;

/// <summary>The copy that all Lempel-Ziv decoders share: bytes that were written a moment ago, written again.</summary>
internal static unsafe class MatchCopy
{
    /// <summary>Writes <paramref name="length"/> bytes at <paramref name="target"/>, each equal to the byte <paramref name="distance"/> before it.</summary>
    /// <param name="target">Where the next byte of the output goes.</param>
    /// <param name="distance">At least 1; the caller has checked that so many bytes lie before <paramref name="target"/>.</param>
    /// <param name="length">The caller has checked that so many fit before <paramref name="end"/>.</param>
    /// <param name="end">The end of the output: bytes between the match and it may be overwritten with anything, as later output replaces them.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Copy(byte* target, nuint distance, nuint length, byte* end)
    {
        byte* source = target - distance;
        if (distance >= 16 && (nuint)(end - target) >= length + 16)
        {
            byte* stop = target + length;
            do
            {
                Vector128.Store(Vector128.Load(source), target);
                source += 16;
                target += 16;
            }
            while (target < stop);
            return;
        }
        CopyExactly(target, distance, length);
    }

    /// <summary>Copies bytes that do not overlap; up to 16 bytes beyond them are written where both sides have the room.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Literals(byte* source, byte* sourceEnd, byte* target, byte* end, nuint length)
    {
        if (length <= 16 && sourceEnd - source >= 16 && end - target >= 16)
            Vector128.Store(Vector128.Load(source), target);
        else
            Unsafe.CopyBlockUnaligned(target, source, (uint)length);
    }

    private static void CopyExactly(byte* target, nuint distance, nuint length)
    {
        byte* source = target - distance;
        // A match longer than its distance repeats a pattern: each round doubles the stretch that can be copied without overlap.
        while (length > distance)
        {
            Unsafe.CopyBlockUnaligned(target, source, (uint)distance);
            target += distance;
            length -= distance;
            distance *= 2;
        }
        Unsafe.CopyBlockUnaligned(target, source, (uint)length);
    }
}
