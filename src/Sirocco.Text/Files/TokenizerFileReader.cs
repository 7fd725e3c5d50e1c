using System.Text.Json;
using System.Text.Unicode;
using Sirocco.Text.Pipeline;

namespace Sirocco.Text.Files;

/// <summary>
/// Reads a tokenizer file in one pass, whichever of the two formats it is: the big lists (vocabulary, merges) are streamed into tables, the small parts
/// are kept as JSON and interpreted at the end.
/// </summary>
internal static class TokenizerFileReader
{
    private const int DeepestJson = 64;

    /// <exception cref="InvalidDataException">Not a tokenizer file, or a damaged one; the message names the file and the key.</exception>
    public static TokenizerParts Read(string path)
    {
        if (Directory.Exists(path)) throw new InvalidDataException($"{path}: is a folder; name a tokenizer file in it");
        FileInfo file = new(path);
        // opening a pipe would wait for its writer
        if (file is { Exists: true, Length: 0 })
            throw new InvalidDataException($"{path}: the file is empty or no regular file; expected tokenizer.json or tekken.json");
        byte[] content = File.ReadAllBytes(path);
        try
        {
            return Parse(content);
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{path}: {error.Message}", error);
        }
        catch (JsonException error)
        {
            throw new InvalidDataException(
                $"{path}: not valid JSON at line {error.LineNumber + 1}, byte {error.BytePositionInLine}; the file may be cut off or damaged", error);
        }
        catch (InvalidOperationException error)
        {
            throw new InvalidDataException($"{path}: {JsonField.HalfPair}", error);
        }
        catch (OverflowException error)
        {
            throw new InvalidDataException($"{path}: a list is too long to hold", error);
        }
    }

    internal static TokenizerParts Parse(ReadOnlySpan<byte> content)
    {
        if (content.StartsWith("\uFEFF"u8)) content = content[3..];
        if (content.IsEmpty) throw new InvalidDataException("the file is empty");
        if (!Utf8.IsValid(content)) throw new InvalidDataException("not UTF-8 text; expected tokenizer.json or tekken.json");

        Utf8JsonReader reader = new(content, new JsonReaderOptions { MaxDepth = DeepestJson });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) throw new InvalidDataException("expected a JSON object");
        Dictionary<string, JsonField> parts = new(StringComparer.Ordinal);
        BpeModelReader? model = null;
        TekkenVocabularyReader? tekken = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            try
            {
                if (key == "model" && reader.TokenType == JsonTokenType.StartObject)
                {
                    model = new BpeModelReader();
                    model.Read(ref reader, content.Length);
                }
                else if (key == "vocab" && reader.TokenType == JsonTokenType.StartArray)
                {
                    tekken = new TekkenVocabularyReader();
                    tekken.Read(ref reader, content.Length);
                }
                else
                {
                    parts[key] = new JsonField(JsonElement.ParseValue(ref reader), key);
                }
            }
            catch (InvalidOperationException error)
            {
                throw new InvalidDataException($"{key}: {JsonField.HalfPair}", error);
            }
        }
        if (reader.Read()) throw new InvalidDataException("more than one JSON value");
        if (model is not null) return TokenizerJson.Assemble(model, parts);
        if (tekken is not null) return Tekken.Assemble(tekken, parts);
        throw new InvalidDataException("neither a tokenizer.json (no key 'model') nor a tekken.json (no key 'vocab')");
    }
}
