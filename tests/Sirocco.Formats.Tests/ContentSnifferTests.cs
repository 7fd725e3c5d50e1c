using System.Text;

namespace Sirocco.Formats.Tests;

public class ContentSnifferTests
{
    [Theory]
    [InlineData("safetensors/dtypes.safetensors", ContentKind.Safetensors)]
    [InlineData("safetensors/none.safetensors", ContentKind.Safetensors)]
    [InlineData("gguf/metadata.gguf", ContentKind.Gguf)]
    [InlineData("numpy/version-3.npy", ContentKind.Npy)]
    [InlineData("numpy/contents.json", ContentKind.Json)]
    [InlineData("parquet/plain.parquet", ContentKind.Parquet)]
    [InlineData("arrow/file.arrow", ContentKind.Arrow)]
    [InlineData("arrow/stream.arrow", ContentKind.Arrow)]
    public void A_file_is_recognised_under_any_name(string golden, ContentKind expected)
    {
        using var scratch = new TemporaryFolder();
        File.Copy(Golden.PathOf(golden), scratch.File("x"));
        Assert.Equal(expected, ContentSniffer.Identify(scratch.File("x")));
    }

    [Theory]
    [InlineData("", ContentKind.Empty)]
    [InlineData("hello", ContentKind.Unknown)]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00", ContentKind.GitLfsPointer)]
    [InlineData("""{"architectures": [], "model_type": "llama"}""", ContentKind.ModelConfigJson)]
    [InlineData("""{"config": {}, "vocab": []}""", ContentKind.TekkenJson)]
    [InlineData("""{"version": "1.0", "added_tokens": [], "model": {"type": "BPE"}}""", ContentKind.TokenizerJson)]
    [InlineData("""{"metadata": {}, "weight_map": {}}""", ContentKind.ShardIndexJson)]
    [InlineData("""{"peft_type": "LORA"}""", ContentKind.AdapterConfigJson)]
    [InlineData("{\"text\": 1}\n{\"text\": 2}\n", ContentKind.JsonLines)]
    [InlineData("{\"text\": 1}\n", ContentKind.Json)]
    [InlineData("  [1]", ContentKind.Json)]
    [InlineData("{\"model_type\": \"llama\", ", ContentKind.ModelConfigJson)]
    [InlineData("{\"\\ud800\": 1}", ContentKind.Json)]
    public void A_text_file_is_recognised_by_its_keys(string content, ContentKind expected)
    {
        using var scratch = new TemporaryFolder();
        Assert.Equal(expected, ContentSniffer.Identify(scratch.Write("x", Encoding.UTF8.GetBytes(content))));
    }
}
