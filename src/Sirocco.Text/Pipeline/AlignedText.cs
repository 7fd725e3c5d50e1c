using Sirocco.Text.Unicode;
using Utf8 = System.Text.Encoding;

namespace Sirocco.Text.Pipeline;

/// <summary>
/// UTF-8 text on its way to the model, with the part of the original that each byte comes from, so that a token's offsets can be given in the text
/// that the user wrote whatever normalisation did to it.
/// </summary>
/// <param name="bytes">Well-formed UTF-8, from index 0.</param>
/// <param name="length">Bytes of it in use.</param>
/// <param name="starts">By byte: first code point of the original that it stands for; null when offsets are not wanted.</param>
/// <param name="ends">By byte: one past the last such code point.</param>
/// <param name="origin">Where this part of the original begins: what is inserted before anything else stands there.</param>
internal sealed class AlignedText(byte[] bytes, int length, int[]? starts, int[]? ends, int origin = 0)
{
    public ReadOnlySpan<byte> Bytes => bytes.AsSpan(0, length);

    public int Length => length;

    /// <summary>Where this part of the original begins.</summary>
    public int Start => origin;

    /// <summary>Whether the bytes know where they come from.</summary>
    public bool IsAligned => starts is not null;

    /// <summary>The text of a user, as it is.</summary>
    public static AlignedText FromOriginal(byte[] bytes, int length, bool aligned)
    {
        if (!aligned) return new AlignedText(bytes, length, null, null);
        int[] starts = new int[length], ends = new int[length];
        int codePoint = -1;
        for (int i = 0; i < length; i++)
        {
            if ((bytes[i] & 0xC0) != 0x80) codePoint++;
            starts[i] = codePoint;
            ends[i] = codePoint + 1;
        }
        return new AlignedText(bytes, length, starts, ends);
    }

    public static AlignedText FromString(string text)
    {
        byte[] bytes = Utf8.UTF8.GetBytes(text);
        return new AlignedText(bytes, bytes.Length, null, null);
    }

    /// <summary>The part of the original that a range of bytes stands for; of an empty range, nothing at its place.</summary>
    public (int Start, int End) Original(int start, int count)
    {
        if (starts is null || length == 0) return (0, 0);
        if (count > 0) return (starts[start], ends![start + count - 1]);
        int at = start < length ? starts[start] : ends![length - 1];
        return (at, at);
    }

    /// <summary>A part as a text of its own.</summary>
    public AlignedText Slice(int start, int count) => Part(start, count, Original(start, 0).Start);

    /// <summary>The same text without its ends.</summary>
    public AlignedText Trim(int start, int count) => Part(start, count, origin);

    public override string ToString() => Utf8.UTF8.GetString(Bytes);

    /// <summary>
    /// The text that a list of changes makes of this one. Each entry is a new code point with: 0, it replaces one; 1, it is inserted and shares the origin of
    /// what stands before it; -n, it replaces one and n more after it are removed. The rules are those of the reference's alignment.
    /// </summary>
    /// <param name="changes">In order.</param>
    /// <param name="removedFirst">Code points removed before the first change.</param>
    public AlignedText Transform(List<(int CodePoint, int Change)> changes, int removedFirst = 0)
    {
        AlignedTextBuilder builder = new(changes.Count + 8, this);
        int at = 0;
        Skip(removedFirst);
        foreach ((int codePoint, int change) in changes)
        {
            if (change > 0)
            {
                builder.Append(codePoint, at > 0 ? Origin(at - 1) : (origin, origin));
                continue;
            }
            builder.Append(codePoint, at < length ? Origin(at) : Original(at, 0));
            Skip(1 - change);
        }
        return builder.Build();

        void Skip(int codePoints)
        {
            for (; codePoints > 0 && at < length; codePoints--) at += Utf8Text.SequenceLength(bytes[at]);
        }
    }

    /// <summary>Replaces ranges by a content whose code points take the origin of the last byte replaced.</summary>
    public AlignedText Replace(List<(int Start, int End)> ranges, ReadOnlySpan<byte> content)
    {
        AlignedTextBuilder builder = new(length, this);
        int done = 0;
        foreach ((int start, int end) in ranges)
        {
            builder.Append(this, done, start - done);
            builder.Append(content, end > 0 ? Origin(end - 1) : (origin, origin));
            done = end;
        }
        builder.Append(this, done, length - done);
        return builder.Build();
    }

    private AlignedText Part(int start, int count, int from) => new(
        bytes.AsSpan(start, count).ToArray(), count, starts?.AsSpan(start, count).ToArray(), ends?.AsSpan(start, count).ToArray(), from);

    internal (int Start, int End) Origin(int index) => starts is null ? (0, 0) : (starts[index], ends![index]);
}

/// <summary>Collects the bytes of a new <see cref="AlignedText"/> and where they come from.</summary>
/// <param name="capacity">Bytes expected.</param>
/// <param name="source">The text that it is made of.</param>
internal sealed class AlignedTextBuilder(int capacity, AlignedText source)
{
    private byte[] bytes = new byte[Math.Max(16, capacity)];
    private int[]? starts = source.IsAligned ? new int[Math.Max(16, capacity)] : null;
    private int[]? ends = source.IsAligned ? new int[Math.Max(16, capacity)] : null;
    private int length;

    public void Append(int codePoint, (int Start, int End) origin)
    {
        Span<byte> encoded = stackalloc byte[4];
        Append(encoded[..Utf8Text.Encode(codePoint, encoded)], origin);
    }

    public void Append(ReadOnlySpan<byte> text, (int Start, int End) origin)
    {
        Reserve(text.Length);
        text.CopyTo(bytes.AsSpan(length));
        starts?.AsSpan(length, text.Length).Fill(origin.Start);
        ends?.AsSpan(length, text.Length).Fill(origin.End);
        length += text.Length;
    }

    public void Append(AlignedText from, int start, int count)
    {
        Reserve(count);
        from.Bytes.Slice(start, count).CopyTo(bytes.AsSpan(length));
        for (int i = 0; i < count && starts is not null; i++) (starts[length + i], ends![length + i]) = from.Origin(start + i);
        length += count;
    }

    public AlignedText Build() => new(bytes, length, starts, ends, source.Start);

    private void Reserve(int more)
    {
        if (length + more <= bytes.Length) return;
        int size = checked((int)Math.Min(Array.MaxLength, Math.Max((long)length + more, bytes.Length * 2L)));
        Array.Resize(ref bytes, size);
        if (starts is null) return;
        Array.Resize(ref starts, size);
        Array.Resize(ref ends, size);
    }
}
