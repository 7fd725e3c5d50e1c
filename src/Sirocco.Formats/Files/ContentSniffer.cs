using System.Text.Json;

namespace Sirocco.Formats;

/// <summary>What a file is.</summary>
public enum ContentKind
{
    Unknown,
    Empty,
    Safetensors,
    Gguf,
    Npy,
    /// <summary>A tokenizer.json of the tokenizers library.</summary>
    TokenizerJson,
    /// <summary>A tekken.json of Mistral.</summary>
    TekkenJson,
    /// <summary>A model's config.json.</summary>
    ModelConfigJson,
    /// <summary>The index of a sharded checkpoint.</summary>
    ShardIndexJson,
    /// <summary>The adapter_config.json of a PEFT adapter.</summary>
    AdapterConfigJson,
    /// <summary>A JSON document that is none of the above.</summary>
    Json,
    /// <summary>Several JSON objects, one a line.</summary>
    JsonLines,
    /// <summary>A zip archive: torch.save's files are such.</summary>
    Zip,
    Parquet,
    Arrow,
    Image,
    /// <summary>A few lines that stand for a file that git-lfs has not fetched.</summary>
    GitLfsPointer,
}

/// <summary>Tells what a file is by looking into it; its name plays no part.</summary>
public static class ContentSniffer
{
    // Documents are read to their end to see all keys; no tokenizer or index is anywhere near this.
    private const int LongestDocument = 1 << 30;

    private static readonly (byte[] Start, ContentKind Kind)[] Signatures =
    [
        ("GGUF"u8.ToArray(), ContentKind.Gguf),
        ([0x93, .. "NUMPY"u8], ContentKind.Npy),
        ("PK\x03\x04"u8.ToArray(), ContentKind.Zip),
        ("PAR1"u8.ToArray(), ContentKind.Parquet),
        ("ARROW1"u8.ToArray(), ContentKind.Arrow),
        ([0xFF, 0xFF, 0xFF, 0xFF], ContentKind.Arrow),   // a stream
        ([0x89, .. "PNG\r\n"u8], ContentKind.Image),
        ([0xFF, 0xD8, 0xFF], ContentKind.Image),
        ("GIF8"u8.ToArray(), ContentKind.Image),
        ("RIFF"u8.ToArray(), ContentKind.Image),
        ("version https://git-lfs"u8.ToArray(), ContentKind.GitLfsPointer),
    ];

    /// <summary>Looks into a file. A damaged file counts as what it starts as: opening it says what is wrong.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static ContentKind Identify(string path)
    {
        using MappedFile file = MappedFile.Open(path);
        if (file.Length == 0) return ContentKind.Empty;
        ReadOnlySpan<byte> start = file.Span(0, (int)Math.Min(file.Length, 4096));
        foreach ((byte[] signature, ContentKind kind) in Signatures)
            if (start.StartsWith(signature)) return kind;
        if (LooksLikeSafetensors(start)) return ContentKind.Safetensors;
        ReadOnlySpan<byte> text = start.StartsWith("\uFEFF"u8) ? start[3..] : start;
        text = text.TrimStart(" \t\r\n"u8);
        if (text.IsEmpty || text[0] is not ((byte)'{' or (byte)'[')) return ContentKind.Unknown;
        return file.Length <= LongestDocument ? IdentifyJson(file.Span(start.Length - text.Length, (int)file.Length - (start.Length - text.Length)))
            : ContentKind.Unknown;
    }

    // Eight bytes of length, of which the upper four are zero, then a JSON object.
    private static bool LooksLikeSafetensors(ReadOnlySpan<byte> start) =>
        start.Length > 8 && start[4..8].IndexOfAnyExcept((byte)0) < 0 && start[8..].TrimStart(" \t\r\n"u8) is [(byte)'{', ..];

    private static ContentKind IdentifyJson(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { AllowMultipleValues = true, MaxDepth = 512 });
        var keys = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject) return ContentKind.Json;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (keys.Count < 256 && reader.ValueSpan.Length < 64) keys.Add(reader.GetString()!);
                reader.Read();
                reader.Skip();
            }
            if (json[(int)reader.BytesConsumed..].IndexOfAnyExcept(" \t\r\n"u8) >= 0) return ContentKind.JsonLines;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return Recognise(keys);
        }
        return Recognise(keys);
    }

    private static ContentKind Recognise(HashSet<string> keys)
    {
        if (keys.Contains("weight_map")) return ContentKind.ShardIndexJson;
        if (keys.Contains("peft_type")) return ContentKind.AdapterConfigJson;
        if (keys.Contains("vocab") && keys.Contains("config")) return ContentKind.TekkenJson;
        if (keys.Contains("model") && (keys.Contains("added_tokens") || keys.Contains("pre_tokenizer") || keys.Contains("normalizer")))
            return ContentKind.TokenizerJson;
        return keys.Contains("model_type") || keys.Contains("architectures") ? ContentKind.ModelConfigJson : ContentKind.Json;
    }
}
