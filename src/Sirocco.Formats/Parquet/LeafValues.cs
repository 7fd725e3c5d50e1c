namespace Sirocco.Formats;

/// <summary>
/// The values of one stored column that are collected for a batch, nulls not among them: numbers side by side, or views of texts and the buffers these lie in.
/// </summary>
internal sealed class LeafValues(int width)
{
    // A batch is meant to be a few megabytes; a file that asks for this much of one column is hostile or cannot be handled.
    private const int MostBytes = 1 << 30;

    private readonly List<ReadOnlyMemory<byte>> buffers = [];
    private byte[] numbers = [];
    private ByteView[] views = [];

    /// <summary>Bytes of a value; 0 for texts.</summary>
    internal int Width => width;

    internal int Count { get; private set; }

    internal ReadOnlyMemory<byte> Numbers => numbers.AsMemory(0, Count * width);

    internal ByteView[] Views => views;

    internal ReadOnlyMemory<byte>[] Buffers => [.. buffers];

    /// <summary>The bytes of a text.</summary>
    internal ReadOnlySpan<byte> Bytes(int index) => buffers[views[index].Buffer].Span.Slice(views[index].Start, views[index].Length);

    /// <summary>Room for more numbers, to be filled by the caller.</summary>
    internal Span<byte> AppendNumbers(int count)
    {
        int needed = Room(count, width);
        if (needed > numbers.Length) Array.Resize(ref numbers, Math.Max(needed, (int)Math.Min(2L * numbers.Length, MostBytes)));
        int start = Count * width;
        Count += count;
        return numbers.AsSpan(start, count * width);
    }

    /// <summary>Room for more views.</summary>
    internal Span<ByteView> AppendViews(int count)
    {
        int needed = Room(count, 12) / 12;
        if (needed > views.Length) Array.Resize(ref views, Math.Max(needed, (int)Math.Min(2L * views.Length, MostBytes / 12)));
        int start = Count;
        Count += count;
        return views.AsSpan(start, count);
    }

    /// <summary>Makes bytes known that views then point into.</summary>
    internal int AddBuffer(ReadOnlyMemory<byte> bytes)
    {
        buffers.Add(bytes);
        return buffers.Count - 1;
    }

    private int Room(int count, int bytes)
    {
        long needed = (Count + (long)count) * bytes;
        return needed <= MostBytes ? (int)needed : throw new InvalidDataException($"more than {MostBytes >> 20} MiB of values belong to a few rows");
    }
}
