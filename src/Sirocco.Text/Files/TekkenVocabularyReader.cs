using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;

namespace Sirocco.Text.Files;

/// <summary>Streams the <c>vocab</c> of a tekken.json: tokens in base64, in order of rank.</summary>
internal sealed class TekkenVocabularyReader
{
    private readonly List<(int Start, int Length)> tokens = [];
    private byte[] blob = [];
    private int used;

    public int Count => tokens.Count;

    public ReadOnlySpan<byte> Token(int rank) => blob.AsSpan(tokens[rank].Start, tokens[rank].Length);

    public void Read(ref Utf8JsonReader reader, int fileLength)
    {
        blob = new byte[Math.Min(fileLength, 1 << 21)];
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            int? rank = null;
            int length = -1;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isRank = reader.ValueTextEquals("rank"u8), isToken = reader.ValueTextEquals("token_bytes"u8);
                reader.Read();
                if (isRank)
                {
                    rank = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int value) ? value
                        : throw Wrong("rank", "expected a whole number");
                }
                else if (isToken) length = ReadToken(ref reader);
                else reader.Skip();
            }
            if (rank != tokens.Count) throw Wrong("rank", rank is null ? "missing" : $"expected {tokens.Count} (ranks must rise without gaps), found {rank}");
            if (length < 0) throw Wrong("token_bytes", "missing");
            tokens.Add((used, length));
            used += length;
        }
        if (reader.TokenType != JsonTokenType.EndArray) throw new InvalidDataException($"vocab[{Count}]: expected an object");
    }

    private int ReadToken(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.String || reader.HasValueSequence) throw Wrong("token_bytes", "expected a string");

        // Base64 has no character that JSON escapes but the slash, which some writers do escape.
        ReadOnlySpan<byte> text = reader.ValueIsEscaped ? System.Text.Encoding.UTF8.GetBytes(reader.GetString()!) : reader.ValueSpan;
        int most = Base64.GetMaxDecodedFromUtf8Length(text.Length);
        if (used + (long)most > blob.Length) Array.Resize(ref blob, checked((int)Math.Min(Array.MaxLength, Math.Max(used + (long)most, blob.Length * 2L))));
        OperationStatus status = Base64.DecodeFromUtf8(text, blob.AsSpan(used), out _, out int written);
        if (status != OperationStatus.Done || written == 0) throw Wrong("token_bytes", "expected base64 of at least one byte");
        return written;
    }

    private InvalidDataException Wrong(string key, string reason) => new($"vocab[{tokens.Count}].{key}: {reason}");
}
