namespace Sirocco.Text.Bpe;

/// <summary>Where token ids (and, when offsets are wanted, the bytes that each covers) are collected. Reused between texts by one thread at a time.</summary>
internal sealed class TokenSink(bool withLengths)
{
    private int[] ids = new int[256];
    private int[] lengths = withLengths ? new int[256] : [];

    public int Count { get; private set; }

    /// <summary>Whether lengths are collected too.</summary>
    public bool WithLengths => withLengths;

    public ReadOnlySpan<int> Ids => ids.AsSpan(0, Count);

    /// <summary>Bytes that each token covers; empty unless asked for.</summary>
    public ReadOnlySpan<int> Lengths => withLengths ? lengths.AsSpan(0, Count) : default;

    public void Add(int id, int length)
    {
        if (Count == ids.Length) Grow(Count + 1);
        ids[Count] = id;
        if (withLengths) lengths[Count] = length;
        Count++;
    }

    public void Add(ReadOnlySpan<int> newIds)
    {
        if (Count + newIds.Length > ids.Length) Grow(Count + newIds.Length);
        newIds.CopyTo(ids.AsSpan(Count));
        Count += newIds.Length;
    }

    public void Clear()
    {
        Count = 0;
        if (ids.Length > 1 << 20) ids = new int[256];
        if (withLengths && lengths.Length > 1 << 20) lengths = new int[256];
        if (withLengths && lengths.Length != ids.Length) Array.Resize(ref lengths, ids.Length);
    }

    private void Grow(int needed)
    {
        int size = Math.Max(needed, (int)Math.Min(Array.MaxLength, ids.Length * 2L));
        Array.Resize(ref ids, size);
        if (withLengths) Array.Resize(ref lengths, size);
    }
}
