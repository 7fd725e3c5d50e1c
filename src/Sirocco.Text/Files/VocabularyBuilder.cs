using System.Text.Json;
using Sirocco.Text.Bpe;

namespace Sirocco.Text.Files;

/// <summary>Collects the tokens of a file, in any order of ids, as bytes without a string each.</summary>
internal sealed class VocabularyBuilder(int expectedBytes)
{
    private readonly List<(int Id, int Start, int Length)> tokens = [];
    private byte[] blob = new byte[Math.Max(64, expectedBytes)];
    private int used;
    private int largest = -1;

    public int Count => tokens.Count;

    /// <summary>Room for a token's bytes; finish with <see cref="Add(int, int)"/>.</summary>
    public Span<byte> Reserve(int length)
    {
        if (used + (long)length > blob.Length) Array.Resize(ref blob, checked((int)Math.Min(Array.MaxLength, Math.Max(used + (long)length, blob.Length * 2L))));
        return blob.AsSpan(used, length);
    }

    /// <summary>The token whose bytes were written to the reserved room.</summary>
    public void Add(int id, int length)
    {
        tokens.Add((id, used, length));
        largest = Math.Max(largest, id);
        used += length;
    }

    public void Add(int id, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Reserve(bytes.Length));
        Add(id, bytes.Length);
    }

    /// <summary>Writes the string or key that the reader stands on to the reserved room; finish with <see cref="Add(int, int)"/>.</summary>
    /// <returns>Its length in bytes.</returns>
    public int Hold(ref Utf8JsonReader reader)
    {
        Span<byte> room = Reserve(reader.ValueSpan.Length);
        if (reader.ValueIsEscaped) return reader.CopyString(room);
        reader.ValueSpan.CopyTo(room);
        return reader.ValueSpan.Length;
    }

    /// <param name="byteLevel">Whether tokens are spelled in the byte alphabet and stand for bytes of text.</param>
    /// <exception cref="InvalidDataException">An id or a token is there twice.</exception>
    public Vocabulary Build(bool byteLevel)
    {
        int[] starts = new int[largest + 1], lengths = new int[largest + 1];
        lengths.AsSpan().Fill(-1);
        Dictionary<int, string> irregular = [];
        byte[] decodedBytes = [], bytes = byteLevel ? [.. blob.AsSpan(0, used)] : blob;
        foreach ((int id, int start, int length) in tokens)
        {
            if (lengths[id] >= 0) throw new InvalidDataException($"two tokens have the id {id}");
            starts[id] = start;
            lengths[id] = length;
            if (!byteLevel) continue;
            Span<byte> spelling = bytes.AsSpan(start, length);
            if (IsPlainAscii(spelling)) continue;
            if (decodedBytes.Length < length) decodedBytes = new byte[length * 2];
            int decoded = ByteAlphabet.Decode(spelling, decodedBytes);
            if (decoded < 0)
            {
                irregular.Add(id, System.Text.Encoding.UTF8.GetString(spelling));
                continue;
            }
            decodedBytes.AsSpan(0, decoded).CopyTo(spelling);
            lengths[id] = decoded;
        }
        return new Vocabulary(bytes, starts, lengths, byteLevel, irregular);
    }

    private static bool IsPlainAscii(ReadOnlySpan<byte> spelling) => !spelling.ContainsAnyExceptInRange((byte)'!', (byte)'~');
}
