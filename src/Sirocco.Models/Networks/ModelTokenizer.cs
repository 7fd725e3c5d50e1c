using Sirocco.Formats;
using Sirocco.Text;

namespace Sirocco.Models;

/// <summary>Finds the tokenizer of whatever a user names: a tokenizer file, a GGUF file that carries one, or a folder with either.</summary>
public static class ModelTokenizer
{
    /// <summary>
    /// Loads the tokenizer; a folder's tokenizer.json comes before its tekken.json, and both before what a GGUF carries. Of a lone GGUF file its own tokenizer
    /// is taken, and where that cannot be used a tokenizer file beside it.
    /// </summary>
    /// <param name="path">A tokenizer.json or tekken.json of any name, a .gguf file, or a folder.</param>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="InvalidDataException">The file is damaged or asks for something unsupported; the message names file and key.</exception>
    public static Tokenizer Load(string path)
    {
        if (!Directory.Exists(path)) return ContentSniffer.Identify(path) == ContentKind.Gguf ? FromLoneGguf(path) : Tokenizer.Load(path);
        return !HasFile(path) && Directory.EnumerateFiles(path, "*.gguf").Order(StringComparer.Ordinal).FirstOrDefault() is { } gguf ? FromGguf(gguf)
            : Tokenizer.Load(path);
    }

    private static bool HasFile(string folder) => File.Exists(Path.Combine(folder, "tokenizer.json")) || File.Exists(Path.Combine(folder, "tekken.json"));

    private static Tokenizer FromLoneGguf(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        try
        {
            return FromGguf(path);
        }
        catch (InvalidDataException) when (HasFile(folder))
        {
            return Tokenizer.Load(folder);
        }
    }

    private static Tokenizer FromGguf(string path)
    {
        using TensorArchive archive = TensorArchive.Open(path);
        if (archive is not GgufCheckpoint { Tokenizer: { } stored })
            throw new InvalidDataException($"{path}: carries no tokenizer; put the model's tokenizer.json beside it");
        if (stored.Model != "gpt2")
        {
            throw new InvalidDataException(
                $"{path}: key 'tokenizer.ggml.model' is '{stored.Model}', but only byte-level BPE ('gpt2') is read; put the model's tokenizer.json beside it");
        }
        if (stored.Merges.Count == 0)
            throw new InvalidDataException($"{path}: key 'tokenizer.ggml.merges' is missing; convert the model again, or put its tokenizer.json beside it");
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
