using Sirocco.Formats;
using Sirocco.Text;

namespace Sirocco.Models;

/// <summary>Finds the tokenizer of whatever a user names: a tokenizer file, a GGUF file that carries one, or a folder with either.</summary>
public static class ModelTokenizer
{
    /// <summary>Loads the tokenizer; a folder's tokenizer.json comes before its tekken.json, and both before what a GGUF carries.</summary>
    /// <param name="path">A tokenizer.json or tekken.json of any name, a .gguf file, or a folder.</param>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="InvalidDataException">The file is damaged or asks for something unsupported; the message names file and key.</exception>
    public static Tokenizer Load(string path)
    {
        if (!Directory.Exists(path)) return ContentSniffer.Identify(path) == ContentKind.Gguf ? FromGguf(path) : Tokenizer.Load(path);
        bool hasFile = File.Exists(Path.Combine(path, "tokenizer.json")) || File.Exists(Path.Combine(path, "tekken.json"));
        return !hasFile && Directory.EnumerateFiles(path, "*.gguf").Order(StringComparer.Ordinal).FirstOrDefault() is { } gguf ? FromGguf(gguf) : Tokenizer.Load(path);
    }

    private static Tokenizer FromGguf(string path)
    {
        using TensorArchive archive = TensorArchive.Open(path);
        if (archive is not GgufCheckpoint { Tokenizer: { } stored }) throw new InvalidDataException($"{path}: carries no tokenizer; put the model's tokenizer.json beside it");
        if (stored.Model != "gpt2")
            throw new InvalidDataException($"{path}: key 'tokenizer.ggml.model' is '{stored.Model}', but only byte-level BPE ('gpt2') is read; put the model's tokenizer.json beside it");
        if (stored.Merges.Count == 0) throw new InvalidDataException($"{path}: key 'tokenizer.ggml.merges' is missing; convert the model again, or put its tokenizer.json beside it");
        try
        {
            return Tokenizer.FromVocabulary(new TokenizerVocabulary
            {
                Tokens = stored.Tokens,
                Types = [.. stored.Types.Select(type => (VocabularyTokenType)(int)type)],
                Merges = stored.Merges,
                PreTokenizer = stored.Pre ?? "default",
                BeginId = stored.Bos,
                EndId = stored.Eos,
                PaddingId = stored.Padding,
                UnknownId = stored.Unknown,
                AddBegin = stored.AddBos,
                AddEnd = stored.AddEos ?? false,
            });
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }
}
