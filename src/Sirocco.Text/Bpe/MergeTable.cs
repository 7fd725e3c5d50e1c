using System.Numerics;

namespace Sirocco.Text.Bpe;

/// <summary>From a pair of adjacent tokens to the rank of their merge and the token that it makes.</summary>
internal sealed class MergeTable
{
    private struct Slot
    {
        public ulong Pair; // left id in the high half; all ones: empty
        public int Rank;
        public int Merged;
    }

    private const ulong Empty = ulong.MaxValue;

    private readonly Slot[] slots;
    private readonly int mask;

    /// <param name="capacity">Merges that will be added at most.</param>
    public MergeTable(int capacity)
    {
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, capacity * 2L));
        slots = new Slot[size];
        mask = size - 1;
        slots.AsSpan().Fill(new Slot { Pair = Empty });
    }

    /// <summary>Sets the merge of a pair; of a pair listed twice the later rank counts, as in the reference.</summary>
    public void Set(int left, int right, int rank, int merged)
    {
        ref Slot slot = ref slots[Locate(Key(left, right))];
        slot = new Slot { Pair = Key(left, right), Rank = rank, Merged = merged };
    }

    /// <summary>Looks a pair up.</summary>
    public bool TryGet(int left, int right, out int rank, out int merged)
    {
        ref readonly Slot slot = ref slots[Locate(Key(left, right))];
        rank = slot.Rank;
        merged = slot.Merged;
        return slot.Pair != Empty;
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private int Locate(ulong pair)
    {
        int index = (int)((pair * 0x9E3779B97F4A7C15UL) >> 32) & mask;
        while (slots[index].Pair != pair && slots[index].Pair != Empty) index = (index + 1) & mask;
        return index;
    }
}
