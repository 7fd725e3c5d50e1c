using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sirocco.Text.Bpe;

/// <summary>
/// From the bytes of a token to its id. Open addressing with 16-byte slots; keys of up to eight bytes live in the slot itself (most words do), longer
/// ones are compared in the shared blob. No string is made on the way.
/// </summary>
internal sealed class TokenTable
{
    [StructLayout(LayoutKind.Sequential)]
    private struct Slot
    {
        public ulong Fingerprint;
        public int Id;
        public int Length; // 0: empty
    }

    private readonly Slot[] slots;
    private readonly int mask;
    private readonly byte[] blob;
    private readonly int[] starts;

    /// <summary>Makes an empty table.</summary>
    /// <param name="capacity">Tokens that will be added at most.</param>
    /// <param name="blob">Bytes of all tokens; kept, not copied.</param>
    /// <param name="starts">Where each id's bytes start in <paramref name="blob"/>; kept, not copied.</param>
    public TokenTable(int capacity, byte[] blob, int[] starts)
    {
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, capacity * 2L));
        slots = new Slot[size];
        mask = size - 1;
        this.blob = blob;
        this.starts = starts;
    }

    /// <summary>Adds a token of at least one byte; false when its bytes are there already.</summary>
    public bool Add(ReadOnlySpan<byte> key, int id)
    {
        ulong fingerprint = Fingerprint(key);
        int index = Home(fingerprint, key.Length) & mask;
        while (slots[index].Length != 0)
        {
            if (slots[index].Length == key.Length && slots[index].Fingerprint == fingerprint && (key.Length <= 8 || Bytes(slots[index]).SequenceEqual(key)))
                return false;
            index = (index + 1) & mask;
        }
        slots[index] = new Slot { Fingerprint = fingerprint, Id = id, Length = key.Length };
        return true;
    }

    /// <summary>The id of the token with these bytes, or -1.</summary>
    public int Find(ReadOnlySpan<byte> key) => Find(key, Fingerprint(key));

    /// <summary>As <see cref="Find(ReadOnlySpan{byte})"/> with the fingerprint computed before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(ReadOnlySpan<byte> key, ulong fingerprint)
    {
        int index = Home(fingerprint, key.Length) & mask;
        while (true)
        {
            ref readonly Slot slot = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(slots), index);
            if (slot.Length == 0) return -1;
            if (slot.Fingerprint == fingerprint && slot.Length == key.Length && (key.Length <= 8 || Bytes(slot).SequenceEqual(key))) return slot.Id;
            index = (index + 1) & mask;
        }
    }

    /// <summary>
    /// Up to eight bytes: the bytes themselves, packed so that equal length and equal value mean equal bytes. Longer: a 64-bit hash by folded multiplication.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Fingerprint(ReadOnlySpan<byte> key)
    {
        ref byte at = ref MemoryMarshal.GetReference(key);
        int length = key.Length;
        if (length >= 4)
        {
            if (length <= 8) return Unsafe.ReadUnaligned<uint>(ref at) | ((ulong)Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref at, length - 4)) << 32);
            return LongFingerprint(ref at, length);
        }
        if (length == 0) return 0;
        return at | ((ulong)Unsafe.Add(ref at, length >> 1) << 8) | ((ulong)Unsafe.Add(ref at, length - 1) << 16);
    }

    private static ulong LongFingerprint(ref byte at, int length)
    {
        ulong hash = 0x9E3779B97F4A7C15UL ^ (ulong)length;
        int index = 0;
        for (; index + 8 < length; index += 8) hash = Mix(hash ^ Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, index)));
        return Mix(hash ^ Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, length - 8)));
    }

    private static ulong Mix(ulong value)
    {
        ulong high = Math.BigMul(value, 0xA0761D6478BD642FUL, out ulong low);
        return high ^ low;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Home(ulong fingerprint, int length) => (int)(((fingerprint + (ulong)length) * 0x9E3779B97F4A7C15UL) >> 32);

    private ReadOnlySpan<byte> Bytes(in Slot slot) => blob.AsSpan(starts[slot.Id], slot.Length);
}
