using System.Text.Json;
using Sirocco.Text.Files;

namespace Sirocco.Text;

/// <summary>What tokenizer_config.json (and special_tokens_map.json) of a model folder say beside the tokenizer itself.</summary>
public sealed record TokenizerSettings
{
    /// <summary>Name of the beginning-of-sequence token.</summary>
    public string? BeginToken { get; init; }

    /// <summary>Name of the end-of-sequence token.</summary>
    public string? EndToken { get; init; }

    /// <summary>Name of the padding token.</summary>
    public string? PaddingToken { get; init; }

    /// <summary>Name of the unknown token.</summary>
    public string? UnknownToken { get; init; }

    /// <summary>The side that padding goes to; null where not said.</summary>
    public TextSide? PaddingSide { get; init; }

    /// <summary>The side that is cut.</summary>
    public TextSide TruncationSide { get; init; }

    /// <summary>Most tokens that the model takes; null where not said or absurdly large, which means the same.</summary>
    public int? MaxLength { get; init; }

    /// <summary>
    /// add_bos_token; null where not said, and beside a tokenizer.json, whose own post-processor says what stands around a text: there transformers 5 heeds
    /// these flags as arguments of a call only, not in the file. Where either is not null, both replace the special tokens of the tokenizer file.
    /// </summary>
    public bool? AddBegin { get; init; }

    /// <summary>add_eos_token; null as <see cref="AddBegin"/>.</summary>
    public bool? AddEnd { get; init; }

    /// <summary>The chat template, where it is kept in this file.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Reads the settings of a folder; all empty where it has none.</summary>
    /// <exception cref="InvalidDataException">A file is damaged or a key has the wrong type.</exception>
    public static TokenizerSettings Read(string folder)
    {
        TokenizerSettings settings = new();
        foreach (string name in (string[])["special_tokens_map.json", "tokenizer_config.json"])
        {
            string path = Path.Combine(folder, name);
            if (!File.Exists(path)) continue;
            // opening a pipe would wait for its writer
            if (new FileInfo(path).Length == 0) throw new InvalidDataException($"{path}: is empty or no regular file, expected a JSON object");
            try
            {
                using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
                settings = settings.With(new JsonField(document.RootElement, ""));
            }
            catch (JsonException error)
            {
                throw new InvalidDataException($"{path}: not valid JSON at line {error.LineNumber + 1}, byte {error.BytePositionInLine}", error);
            }
            catch (InvalidDataException error)
            {
                throw new InvalidDataException($"{path}: {error.Message}", error);
            }
            catch (InvalidOperationException error)
            {
                throw new InvalidDataException($"{path}: {JsonField.HalfPair}", error);
            }
        }
        return File.Exists(Path.Combine(folder, "tokenizer.json")) ? settings with { AddBegin = null, AddEnd = null } : settings;
    }

    private TokenizerSettings With(JsonField file)
    {
        JsonField length = file.Optional("model_max_length"), side = file.Optional("padding_side"), cut = file.Optional("truncation_side");
        JsonField template = file.Optional("chat_template");
        return this with
        {
            BeginToken = Name(file.Optional("bos_token")) ?? BeginToken,
            EndToken = Name(file.Optional("eos_token")) ?? EndToken,
            PaddingToken = Name(file.Optional("pad_token")) ?? PaddingToken,
            UnknownToken = Name(file.Optional("unk_token")) ?? UnknownToken,
            PaddingSide = side.IsNull ? PaddingSide : ComponentReader.Side(side),
            TruncationSide = cut.IsNull ? TruncationSide : ComponentReader.Side(cut),
            MaxLength = length.IsNull ? MaxLength : Length(length),
            AddBegin = Given(file.Optional("add_bos_token")) ?? AddBegin,
            AddEnd = Given(file.Optional("add_eos_token")) ?? AddEnd,
            ChatTemplate = template.Element.ValueKind == JsonValueKind.String ? template.Text() : ChatTemplate,
        };
    }

    /// <summary>A flag that is there, if only as null, which counts as false.</summary>
    private static bool? Given(JsonField field) => field.Element.ValueKind == JsonValueKind.Undefined ? null : field.Flag();

    /// <summary>A token is named by a string or by an object with its content.</summary>
    private static string? Name(JsonField field) =>
        field.IsNull ? null : field.Element.ValueKind == JsonValueKind.Object ? field.Get("content").Text() : field.Text();

    /// <summary>transformers writes 10^30 for "no limit".</summary>
    private static int? Length(JsonField field) =>
        field.Element.ValueKind != JsonValueKind.Number || !field.Element.TryGetDouble(out double value) || value < 1
            ? throw field.Wrong("expected a positive number")
            : value < 1e9 ? (int)value : null;
}
