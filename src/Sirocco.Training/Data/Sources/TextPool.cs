using System.Runtime.CompilerServices;
using System.Text;

namespace Sirocco.Training;

/// <summary>
/// Many texts as UTF-8 in a few large blocks, 12 bytes and no object for each. Texts that were interned are kept once and are found by their content.
/// </summary>
internal sealed class TextPool
{
    private const int BlockSize = 1 << 20;

    private readonly List<byte[]> blocks = [];
    private readonly List<Place> places = [];
    private int current = -1;   // the block that short texts go on in
    private int used;

    // Open addressing with linear probing; 0 is free, otherwise one more than the handle.
    private int[] slots = new int[16];
    private int interned;

    private readonly record struct Place(int Block, int Offset, int Length);

    /// <summary>Texts in the pool.</summary>
    public int Count => places.Count;

    public string this[int handle] => Encoding.UTF8.GetString(Bytes(handle));

    public ReadOnlySpan<byte> Bytes(int handle)
    {
        Place place = places[handle];
        return blocks[place.Block].AsSpan(place.Offset, place.Length);
    }

    /// <summary>Adds a text, whether or not it is there already.</summary>
    public int Append(ReadOnlySpan<byte> utf8)
    {
        Span<byte> room = Take(utf8.Length);
        utf8.CopyTo(room);
        return places.Count - 1;
    }

    /// <inheritdoc cref="Append(ReadOnlySpan{byte})"/>
    public int Append(string text)
    {
        Span<byte> room = Take(Encoding.UTF8.GetByteCount(text));
        Encoding.UTF8.GetBytes(text, room);
        return places.Count - 1;
    }

    /// <summary>The handle of a text, which is added unless it is there.</summary>
    public int Intern(ReadOnlySpan<byte> utf8)
    {
        int slot = Slot(utf8);
        if (slots[slot] != 0) return slots[slot] - 1;
        int handle = Append(utf8);
        slots[slot] = handle + 1;
        if (++interned * 2 > slots.Length) Grow();
        return handle;
    }

    /// <inheritdoc cref="Intern(ReadOnlySpan{byte})"/>
    [SkipLocalsInit]
    public int Intern(string text)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        Span<byte> bytes = length <= 512 ? stackalloc byte[length] : new byte[length];
        Encoding.UTF8.GetBytes(text, bytes);
        return Intern(bytes);
    }

    /// <summary>The handle of an interned text, or −1.</summary>
    public int Find(ReadOnlySpan<byte> utf8) => slots[Slot(utf8)] - 1;

    private Span<byte> Take(int length)
    {
        if (length > BlockSize / 4)
        {
            // A block of its own; short texts go on where they were.
            blocks.Add(new byte[length]);
            places.Add(new Place(blocks.Count - 1, 0, length));
            return blocks[^1];
        }

        if (current < 0 || used + length > BlockSize)
        {
            current = blocks.Count;
            blocks.Add(GC.AllocateUninitializedArray<byte>(BlockSize));
            used = 0;
        }

        places.Add(new Place(current, used, length));
        used += length;
        return blocks[current].AsSpan(used - length, length);
    }

    private int Slot(ReadOnlySpan<byte> utf8)
    {
        int slot = Hash(utf8) & (slots.Length - 1);
        while (slots[slot] != 0 && !Bytes(slots[slot] - 1).SequenceEqual(utf8)) slot = (slot + 1) & (slots.Length - 1);
        return slot;
    }

    private void Grow()
    {
        int[] old = slots;
        slots = new int[checked(old.Length * 2)];
        foreach (int entry in old)
        {
            if (entry == 0) continue;
            int slot = Hash(Bytes(entry - 1)) & (slots.Length - 1);
            while (slots[slot] != 0) slot = (slot + 1) & (slots.Length - 1);
            slots[slot] = entry;
        }
    }

    /// <summary>Seeded anew in each process, so that no file can be written to collide.</summary>
    private static int Hash(ReadOnlySpan<byte> utf8)
    {
        HashCode hash = default;
        hash.AddBytes(utf8);
        return hash.ToHashCode();
    }
}
