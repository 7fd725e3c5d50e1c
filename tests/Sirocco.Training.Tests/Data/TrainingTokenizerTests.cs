using System.Text.Json;
using System.Text.Json.Nodes;
using Sirocco.Text;

namespace Sirocco.Training.Tests;

public class TrainingTokenizerTests
{
    [Fact]
    public void Ids_padding_and_truncation_are_those_of_the_reference_under_each_option()
    {
        JsonElement recorded = JsonDocument.Parse(File.ReadAllBytes(GoldenFile.Path("retrieval/tokenizer-options/tokens.json"))).RootElement;
        string[] texts = [.. recorded.GetProperty("texts").EnumerateArray().Select(text => text.GetString()!)];
        foreach (JsonElement entry in recorded.GetProperty("cases").EnumerateArray())
        {
            string name = entry.GetProperty("name").GetString()!;
            JsonElement arguments = entry.GetProperty("arguments");
            using TemporaryFolder temporary = new();
            bool noPadding = name.Contains("no pad token", StringComparison.Ordinal), forced = arguments.TryGetProperty("force_hf", out _);
            TrainingTokenizer tokenizer = TrainingTokenizer.Load(new TokenizerOptions
            {
                Path = noPadding ? WithoutPadding(temporary) : GoldenFile.Path("retrieval/common/llama"),
                Backend = forced ? TokenizerBackend.Transformers
                    : arguments.TryGetProperty("tokenizer_backend", out _) ? TokenizerBackend.Tokenizers
                    : arguments.TryGetProperty("force_default", out _) ? TokenizerBackend.Wrapped : TokenizerBackend.Automatic,
                AddBeginToken = arguments.TryGetProperty("add_bos_token", out JsonElement begin) && begin.GetBoolean(),
                AddEndToken = arguments.TryGetProperty("add_eos_token", out JsonElement end) && end.GetBoolean(),
            });
            for (int i = 0; i < texts.Length; i++)
            {
                Assert.Equal(Ids(entry, "truncated_12", i), tokenizer.Encode(texts[i], 12));
                Assert.Equal(Ids(entry, "full", i), tokenizer.Encode(texts[i]));
            }

            // Where the library leaves the padding token open, the recipe takes the end token and pads on the left.
            bool open = entry.GetProperty("pad_token_id").ValueKind == JsonValueKind.Null;
            Assert.Equal(open ? tokenizer.Tokenizer.EndId : entry.GetProperty("pad_token_id").GetInt32(), tokenizer.PaddingId);
            Assert.Equal(noPadding && !open, tokenizer.Notice?.Contains("names no padding token", StringComparison.Ordinal) ?? false);
            Assert.Equal(open ? TextSide.Left : Enum.Parse<TextSide>(entry.GetProperty("padding_side").GetString()!, ignoreCase: true), tokenizer.PaddingSide);
        }
    }

    [Fact]
    public void A_family_without_a_tekken_file_is_read_from_its_tokenizer_file()
    {
        TrainingTokenizer tokenizer = TrainingTokenizer.Load(new TokenizerOptions { Path = GoldenFile.Path("retrieval/common/ministral3") });
        Assert.Equal((2, TextSide.Right), (tokenizer.PaddingId, tokenizer.PaddingSide));
    }

    private static int[] Ids(JsonElement entry, string key, int text) => [.. entry.GetProperty(key)[text].EnumerateArray().Select(id => id.GetInt32())];

    private static string WithoutPadding(TemporaryFolder temporary)
    {
        string source = GoldenFile.Path("retrieval/common/llama");
        File.Copy(Path.Combine(source, "tokenizer.json"), temporary.File("tokenizer.json"));
        File.Copy(Path.Combine(source, "config.json"), temporary.File("config.json"));
        JsonObject settings = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "tokenizer_config.json")))!.AsObject();
        settings.Remove("pad_token");
        File.WriteAllText(temporary.File("tokenizer_config.json"), settings.ToJsonString());
        return temporary.Path;
    }
}
