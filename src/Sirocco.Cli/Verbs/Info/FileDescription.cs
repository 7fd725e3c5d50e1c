using System.Text.Json;
using System.Text.Json.Nodes;
using Sirocco.Cli.Records;
using Sirocco.Formats;
using Sirocco.Models;
using Sirocco.Text;

namespace Sirocco.Cli.Verbs.Info;

/// <summary>What one file is and what can be said about it.</summary>
internal static class FileDescription
{
    // A file that is called so but does not begin so is a damaged download, or another file in its place: its reader says what it is instead.
    private static readonly Dictionary<string, ContentKind> Extensions = new(StringComparer.OrdinalIgnoreCase)
    {
        [".safetensors"] = ContentKind.Safetensors,
        [".gguf"] = ContentKind.Gguf,
        [".npy"] = ContentKind.Npy,
        [".parquet"] = ContentKind.Parquet,
        [".arrow"] = ContentKind.Arrow,
    };

    public static Facts Of(string path, bool tensors)
    {
        ContentKind kind = KindOf(path);
        Facts facts = new Facts().Add("path", path).Add("kind", Name(kind)).Add("file_bytes", new FileInfo(path).Length);
        switch (kind)
        {
            case ContentKind.Empty:
                throw new InvalidDataException($"{path} is empty; download or write it again");
            case ContentKind.Safetensors or ContentKind.Gguf:
                using (TensorArchive archive = kind == ContentKind.Gguf ? GgufFile.Open(path) : SafetensorsFile.Open(path))
                {
                    if (archive is GgufFile gguf) facts.Add("network", Gguf(gguf));
                    Weights(facts, archive, tensors);
                }

                break;
            case ContentKind.Npy:
                using (NpyFile array = NpyFile.Open(path)) facts.Add("type", array.Array.Type.ToString()).Add("shape", array.Array.ShapeText);
                break;
            case ContentKind.TokenizerJson or ContentKind.TekkenJson:
                facts.Add("tokenizer", TokenizerOf(path));
                break;
            case ContentKind.ModelConfigJson:
                facts.Add("network", Network(ModelConfig.Load(path)));
                break;
            case ContentKind.AdapterConfigJson:
                facts.Add("adapter", Adapter(path));
                break;
            case ContentKind.JsonLines:
                facts.Add("records", Records(path));
                break;
            case ContentKind.Parquet or ContentKind.Arrow:
                using (TableFile table = kind == ContentKind.Parquet ? ParquetFile.Open(path) : ArrowFile.Open(path)) TableDescription.Add(facts, table);
                break;
            case ContentKind.GitLfsPointer:
                facts.Add("note", "the file itself was not fetched: run git lfs pull in its repository");
                break;
        }

        return facts;
    }

    private static ContentKind KindOf(string path)
    {
        ContentKind kind = ContentSniffer.Identify(path);
        if (!Extensions.TryGetValue(Path.GetExtension(path), out ContentKind named)) return kind;
        if (kind == ContentKind.GitLfsPointer)
            throw new InvalidDataException($"{path}: is a git-lfs pointer, the file itself was not fetched; run git lfs pull in its repository");
        return named == ContentKind.Safetensors || kind is ContentKind.Unknown or ContentKind.Json or ContentKind.JsonLines ? named : kind;
    }

    /// <summary>Number, size and types of tensors.</summary>
    public static void Weights(Facts facts, TensorArchive archive, bool list)
    {
        List<Facts> types = [.. archive.Tensors.GroupBy(tensor => tensor.Type).OrderBy(group => group.Key).Select(group => new Facts()
            .Add("type", group.Key.ToString())
            .Add("tensors", group.Count())
            .Add("bytes", group.Sum(tensor => tensor.ByteCount)))];
        facts.Add("weights", new Facts()
            .Add("files", archive.FilePaths.Count())
            .Add("tensors", archive.Tensors.Count)
            .Add("parameters", archive.Tensors.Sum(tensor => tensor.ElementCount))
            .Add("bytes", archive.Tensors.Sum(tensor => tensor.ByteCount))
            .Add("types", types));
        if (!list) return;
        facts.Add("tensors", archive.Tensors.Select(tensor => new Facts()
            .Add("name", tensor.Name)
            .Add("type", tensor.Type.ToString())
            .Add("shape", tensor.Shape.ToArray())
            .Add("bytes", tensor.ByteCount)).ToList());
    }

    /// <summary>The shape of a network, and the memory that its weights take.</summary>
    public static Facts Network(ModelConfig config) => new Facts()
        .Add("family", config.Family.ToString())
        .Add("classes", config.Architectures.Count > 0 ? config.Architectures : null)
        .Add("attention", config.IsCausal switch { true => "causal", false => "bidirectional", null => null })
        .Add("layers", config.Layers)
        .Add("hidden_size", config.HiddenSize)
        .Add("intermediate_size", config.IntermediateSize)
        .Add("heads", config.Heads)
        .Add("key_value_heads", config.KeyValueHeads)
        .Add("head_size", config.HeadSize)
        .Add("vocabulary", config.VocabularySize)
        .Add("context", config.MaxPositions)
        .Add("sliding_window", config.SlidingWindow)
        .Add("pooling", config.Pooling)
        .Add("labels", config.Labels.Count > 0 ? config.Labels : null)
        .Add("decoder_parameters", config.ParameterCount)
        // In int8 the embedding table stays in bf16: it is looked up, not multiplied.
        .Add("memory", new Facts().Add("f32_bytes", config.ParameterCount * 4).Add("bf16_bytes", config.ParameterCount * 2)
            .Add("int8_bytes", config.ParameterCount + ((long)config.VocabularySize * config.HiddenSize)));

    public static Facts TokenizerOf(string path)
    {
        Tokenizer tokenizer = Tokenizer.Load(path);
        return new Facts()
            .Add("vocabulary", tokenizer.VocabularySize)
            .Add("begin", Token(tokenizer, tokenizer.BeginId))
            .Add("end", Token(tokenizer, tokenizer.EndId))
            .Add("padding", Token(tokenizer, tokenizer.PaddingId))
            .Add("max_length", tokenizer.Settings.MaxLength)
            .Add("chat_template", tokenizer.Settings.ChatTemplate is null ? null : true);
    }

    public static Facts Adapter(string path)
    {
        JsonObject root = AdapterConfig(path);
        return new Facts()
            .Add("type", root["peft_type"]?.ToString())
            .Add("rank", root["r"]?.ToString())
            .Add("alpha", root["lora_alpha"]?.ToString())
            .Add("dora", root["use_dora"]?.ToString())
            .Add("base", root["base_model_name_or_path"]?.ToString())
            .Add("modules", root["target_modules"]?.ToJsonString());
    }

    private static JsonObject AdapterConfig(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllBytes(path), null, new JsonDocumentOptions { AllowDuplicateProperties = false })!.AsObject();
        }
        catch (JsonException failure)
        {
            string where = failure.LineNumber is { } line ? $"is not valid JSON at line {line + 1}, byte {failure.BytePositionInLine + 1}"
                : $"is not usable JSON: {failure.Message.TrimEnd('.')}";
            throw new InvalidDataException($"{path} {where}; write the adapter again", failure);
        }
    }

    private static string? Token(Tokenizer tokenizer, int? id) => id is { } known ? $"{tokenizer.IdToToken(known)} ({known})" : null;

    private static Facts Gguf(GgufFile file) => new Facts()
        .Add("name", file.Values.TextOrNull("general.name"))
        .Add("architecture", file.Values.TextOrNull("general.architecture"))
        .Add("tokenizer", file.Values.TextOrNull("tokenizer.ggml.model"))
        .Add("chat_template", file.Values.Contains("tokenizer.chat_template") ? true : null);

    private static Facts Records(string path)
    {
        using Stream file = DataFiles.Open(path, CancellationToken.None);
        using LineReader lines = new(file, path);
        long count = 0;
        string? keys = null;
        while (lines.TryRead(out ReadOnlyMemory<byte> line))
        {
            if (line.Span.Trim(" \t"u8).IsEmpty) continue;
            if (count++ > 0) continue;
            using JsonRecord record = JsonRecord.Parse(line, lines.Place);
            keys = string.Join(", ", record.Properties.Select(property => property.Name));
        }

        return new Facts().Add("count", count).Add("keys", keys);
    }

    private static string Name(ContentKind kind) => kind switch
    {
        ContentKind.Safetensors => "safetensors",
        ContentKind.Gguf => "GGUF",
        ContentKind.Npy => "NumPy array",
        ContentKind.TokenizerJson => "tokenizer.json",
        ContentKind.TekkenJson => "tekken.json",
        ContentKind.ModelConfigJson => "config.json of a model",
        ContentKind.ShardIndexJson => "index of a sharded checkpoint",
        ContentKind.AdapterConfigJson => "adapter_config.json",
        ContentKind.Json => "JSON",
        ContentKind.JsonLines => "JSON Lines",
        ContentKind.Zip => "zip archive",
        ContentKind.GitLfsPointer => "git-lfs pointer",
        ContentKind.Unknown => "unknown",
        _ => kind.ToString(),
    };
}
