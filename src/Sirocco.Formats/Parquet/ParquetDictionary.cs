using System.Runtime.InteropServices;

namespace Sirocco.Formats;

/// <summary>The distinct values of a column chunk, which its pages refer to by index.</summary>
internal sealed class ParquetDictionary
{
    private readonly LeafValues values;

    // The batch that last asked, and what the dictionary's bytes are called in it.
    private LeafValues? known;
    private int knownBuffer;

    internal ParquetDictionary(SchemaLeaf leaf, ReadOnlyMemory<byte> body, int count)
    {
        values = new LeafValues(leaf.Width);
        PageValues.Create(ParquetEncoding.Plain, leaf, body, null).Read(count, values);
    }

    /// <summary>The name of the dictionary's bytes among the buffers of <paramref name="into"/>.</summary>
    internal int BufferIn(LeafValues into)
    {
        if (ReferenceEquals(known, into)) return knownBuffer;
        known = into;
        return knownBuffer = into.AddBuffer(values.Buffers is [var bytes, ..] ? bytes : default);
    }

    /// <summary>Appends the values at <paramref name="indices"/>.</summary>
    internal void Gather(ReadOnlySpan<uint> indices, int buffer, LeafValues into)
    {
        foreach (uint index in indices)
            if (index >= (uint)values.Count) throw new InvalidDataException($"index {index} exceeds the dictionary of {values.Count} values");
        switch (values.Width)
        {
            case 0:
                ReadOnlySpan<ByteView> views = values.Views;
                Span<ByteView> target = into.AppendViews(indices.Length);
                for (int i = 0; i < indices.Length; i++) target[i] = views[(int)indices[i]] with { Buffer = buffer };
                break;
            case 4:
                Gather(MemoryMarshal.Cast<byte, uint>(values.Numbers.Span), indices, MemoryMarshal.Cast<byte, uint>(into.AppendNumbers(indices.Length)));
                break;
            case 8:
                Gather(MemoryMarshal.Cast<byte, ulong>(values.Numbers.Span), indices, MemoryMarshal.Cast<byte, ulong>(into.AppendNumbers(indices.Length)));
                break;
            case int width:
                ReadOnlySpan<byte> numbers = values.Numbers.Span;
                Span<byte> bytes = into.AppendNumbers(indices.Length);
                for (int i = 0; i < indices.Length; i++) numbers.Slice((int)indices[i] * width, width).CopyTo(bytes[(i * width)..]);
                break;
        }
    }

    private static void Gather<T>(ReadOnlySpan<T> from, ReadOnlySpan<uint> indices, Span<T> to)
    {
        for (int i = 0; i < indices.Length; i++) to[i] = from[(int)indices[i]];
    }
}
