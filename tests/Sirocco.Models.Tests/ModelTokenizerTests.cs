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

    [Fact]
    public void A_path_without_a_tokenizer_is_named() =>
        Assert.Contains("no-such-tokenizer", Assert.ThrowsAny<IOException>(() => ModelTokenizer.Load("no-such-tokenizer")).Message, StringComparison.Ordinal);
}
