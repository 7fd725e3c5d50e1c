using System.Text.Json;
using Sirocco.Text.Bpe;

namespace Sirocco.Text.Files;

/// <summary>Streams the <c>model</c> of a tokenizer.json.</summary>
internal sealed class BpeModelReader
{
    private readonly Dictionary<string, JsonField> settings = new(StringComparer.Ordinal);
    private readonly List<(int Start, int LeftLength, int RightLength)> merges = [];
    private byte[] mergeText = [];
    private int mergeUsed;

    public VocabularyBuilder? Tokens { get; private set; }

    public int MergeCount => merges.Count;

    /// <summary>A setting beside the big lists.</summary>
    public JsonField Setting(string name) => settings.GetValueOrDefault(name, new JsonField(default, $"model.{name}"));

    /// <summary>Both halves of a merge, as the file spells them.</summary>
    public ReadOnlySpan<byte> MergeText(int index, out int leftLength)
    {
        (int start, leftLength, int rightLength) = merges[index];
        return mergeText.AsSpan(start, leftLength + rightLength);
    }

    public void Read(ref Utf8JsonReader reader, int fileLength)
    {
        bool seenMerges = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            switch (key)
            {
                case "vocab" when reader.TokenType == JsonTokenType.StartObject:
                    ReadVocabulary(ref reader, fileLength);
                    break;
                case "vocab":
                    throw new InvalidDataException("model.vocab: expected an object of tokens and ids (Unigram models are not supported)");
                case "merges" when reader.TokenType == JsonTokenType.StartArray:
                    ReadMerges(ref reader, fileLength);
                    seenMerges = true;
                    break;
                case "merges":
                    throw new InvalidDataException("model.merges: expected a list");
                default:
                    settings[key] = new JsonField(JsonElement.ParseValue(ref reader), $"model.{key}");
                    break;
            }
        }
        string type = Setting("type").TextOrNull() ?? "BPE";
        if (type != "BPE") throw Setting("type").Wrong($"'{type}' is not supported; only BPE is");
        if (Tokens is null) throw new InvalidDataException("model: the key 'vocab' is missing");
        if (!seenMerges) throw new InvalidDataException("model: the key 'merges' is missing");
    }

    private void ReadVocabulary(ref Utf8JsonReader reader, int fileLength)
    {
        Tokens = new VocabularyBuilder(Math.Min(fileLength, 1 << 21));
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            int length = Tokens.Hold(ref reader);
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id) || id < 0 || id > Vocabulary.LargestId)
            {
                string token = System.Text.Encoding.UTF8.GetString(Tokens.Reserve(length)[..Math.Min(length, 40)]);
                throw new InvalidDataException($"model.vocab: the id of '{token}' must be a whole number from 0 to {Vocabulary.LargestId}");
            }
            Tokens.Add(id, length);
        }
    }

    private void ReadMerges(ref Utf8JsonReader reader, int fileLength)
    {
        mergeText = new byte[Math.Min(fileLength, 1 << 22)];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            int start = mergeUsed, left;
            if (reader.TokenType == JsonTokenType.String)
            {
                int length = Hold(ref reader);
                if (mergeText.AsSpan(start, length).StartsWith("#version"u8)) continue; // the first line of a merges.txt
                Span<byte> pair = mergeText.AsSpan(start, length);
                left = pair.IndexOf((byte)' ');
                if (left < 0 || pair[(left + 1)..].Contains((byte)' ')) throw Wrong("expected two tokens with one space between");
                pair[(left + 1)..].CopyTo(pair[left..]);
                merges.Add((start, left, length - left - 1));
                mergeUsed = start + length - 1;
                continue;
            }
            if (reader.TokenType != JsonTokenType.StartArray) throw Wrong("expected a string or a list of two strings");
            left = HoldHalf(ref reader);
            int right = HoldHalf(ref reader);
            if (!reader.Read() || reader.TokenType != JsonTokenType.EndArray) throw Wrong("expected exactly two strings");
            merges.Add((start, left, right));
        }
    }

    private int HoldHalf(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.String) throw Wrong("expected a list of two strings");
        int length = Hold(ref reader);
        mergeUsed += length;
        return length;
    }

    private int Hold(ref Utf8JsonReader reader)
    {
        ReadOnlySpan<byte> raw = reader.ValueSpan;
        if (mergeUsed + (long)raw.Length > mergeText.Length)
            Array.Resize(ref mergeText, checked((int)Math.Min(Array.MaxLength, Math.Max(mergeUsed + (long)raw.Length, mergeText.Length * 2L))));
        if (reader.ValueIsEscaped) return reader.CopyString(mergeText.AsSpan(mergeUsed));
        raw.CopyTo(mergeText.AsSpan(mergeUsed));
        return raw.Length;
    }

    private InvalidDataException Wrong(string reason) => new($"model.merges[{merges.Count}]: {reason}");
}
