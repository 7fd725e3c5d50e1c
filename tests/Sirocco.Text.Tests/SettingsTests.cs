namespace Sirocco.Text.Tests;

/// <summary>What tokenizer_config.json changes about a tokenizer.json beside it; expectations are the rules of transformers 5 (TokenizersBackend).</summary>
public sealed class SettingsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    [Theory]
    [InlineData("{}", true, false)]
    [InlineData("""{"bos_token": "<|begin_of_text|>"}""", true, false)]
    [InlineData("""{"bos_token": "<|begin_of_text|>", "add_bos_token": false}""", false, false)]
    [InlineData("""{"bos_token": "<|begin_of_text|>", "add_bos_token": null}""", false, false)]
    [InlineData("""{"bos_token": "<|begin_of_text|>", "add_eos_token": false}""", false, false)]
    [InlineData("""{"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>", "add_eos_token": true}""", false, true)]
    [InlineData("""{"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>", "add_bos_token": true, "add_eos_token": true}""", true, true)]
    [InlineData("""{"add_bos_token": true, "add_eos_token": true}""", false, false)]
    public void Flags_that_are_there_replace_the_special_tokens_of_the_file(string config, bool begins, bool ends)
    {
        File.Copy(GoldenFiles.Local("small_llama3.tokenizer.json"), Path.Combine(folder, "tokenizer.json"));
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), config);
        Tokenizer tokenizer = Tokenizer.Load(folder);
        int[] plain = tokenizer.EncodeIds("Hello world", addSpecialTokens: false);
        Assert.Equal([.. begins ? [1400] : Array.Empty<int>(), .. plain, .. ends ? [1401] : Array.Empty<int>()], tokenizer.EncodeIds("Hello world"));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
