using Sirocco.Text;

namespace Sirocco.Models.Tests;

public sealed class ModelTokenizerTests
{
    [SkippableFact]
    public void A_lone_gguf_tokenizes_as_the_folder_it_came_from()
    {
        string folder = Golden.SharedPath("models/smollm2-135m-instruct");
        Tokenizer whole = ModelTokenizer.Load(folder), lone = ModelTokenizer.Load(Directory.GetFiles(folder, "*.gguf").Single());
        foreach (string text in (string[])["Hello, world", "  two spaces and 12345 digits", "Grüße, 世界", "", "a\u0004b", "!\u0004! \u0001\u0002", "\u0000"])
            Assert.Equal(whole.EncodeIds(text, addSpecialTokens: false), lone.EncodeIds(text, addSpecialTokens: false));
    }

    [SkippableFact]
    public void A_lone_gguf_whose_own_tokenizer_cannot_be_used_has_the_one_beside_it()
    {
        using TemporaryFolder temporary = new();
        string gguf = temporary.File("model.gguf"), tokenizer = Path.Combine(Golden.SentenceTransformers("dense", temporary), "tokenizer.json");
        File.Copy(Path.Combine(Golden.Folder("gguf"), "llama3-rope-f16.gguf"), gguf);
        Assert.Contains(
            "put the model's tokenizer.json beside it", Assert.Throws<InvalidDataException>(() => ModelTokenizer.Load(gguf)).Message, StringComparison.Ordinal);
        File.Copy(tokenizer, temporary.File("tokenizer.json"));
        Assert.Equal(Tokenizer.Load(tokenizer).EncodeIds("a text"), ModelTokenizer.Load(gguf).EncodeIds("a text"));
    }

    [Fact]
    public void A_path_without_a_tokenizer_is_named() =>
        Assert.Contains("no-such-tokenizer", Assert.ThrowsAny<IOException>(() => ModelTokenizer.Load("no-such-tokenizer")).Message, StringComparison.Ordinal);
}
