namespace Sirocco.Text.Tests;

/// <summary>What tokenizer_config.json changes about a tokenizer.json beside it; expectations are the rules of transformers 5 (TokenizersBackend).</summary>
public sealed class SettingsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"bos_token": "<|begin_of_text|>"}""")]
    [InlineData("""{"bos_token": "<|begin_of_text|>", "add_bos_token": false}""")]
    [InlineData("""{"bos_token": "<|begin_of_text|>", "add_bos_token": null}""")]
    [InlineData("""{"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>", "add_eos_token": true}""")]
    [InlineData("""{"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>", "add_bos_token": true, "add_eos_token": true}""")]
    public void Beside_a_tokenizer_json_its_post_processor_counts_and_not_the_flags(string config)
    {
        Tokenizer tokenizer = Load(config);
        Assert.Equal([1400, .. tokenizer.EncodeIds("Hello world", addSpecialTokens: false)], tokenizer.EncodeIds("Hello world"));
        Assert.Equal((null, null), (tokenizer.Settings.AddBegin, tokenizer.Settings.AddEnd));
    }

    [Theory]
    [InlineData("""{"bos_token": "\ud800"}""", "bos_token: a string holds half of a surrogate pair")]
    [InlineData("""{"bos_to\ud800": 1}""", "a string holds half of a surrogate pair")]
    public void Half_a_surrogate_pair_is_named(string config, string message)
    {
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Load(config));
        Assert.Contains("tokenizer_config.json: " + message, error.Message, StringComparison.Ordinal);
    }

    private Tokenizer Load(string config)
    {
        File.Copy(GoldenFiles.Local("small_llama3.tokenizer.json"), folder.File("tokenizer.json"));
        folder.Write("tokenizer_config.json", config);
        return Tokenizer.Load(folder.Path);
    }

    public void Dispose() => folder.Dispose();
}
