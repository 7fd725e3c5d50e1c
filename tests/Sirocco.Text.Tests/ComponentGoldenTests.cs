using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sirocco.Text.Tests;

/// <summary>
/// Every kind of part that a tokenizer.json may have, each in a small file of its own, as tokenizers 0.23.2 encodes and decodes with it
/// (<c>components.jsonl.gz</c>: the file, with a model or the name of one beside it, and texts with all that came of them).
/// </summary>
public class ComponentGoldenTests
{
    private static readonly Lazy<Dictionary<string, JsonElement>> Rows =
        new(() => GoldenFiles.Rows(GoldenFiles.Local("components.jsonl.gz")).ToDictionary(row => row.Text("name"), StringComparer.Ordinal));

    public static TheoryData<string> Names => [.. Rows.Value.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_part_works_as_in_the_reference(string name)
    {
        JsonElement row = Rows.Value[name];
        Tokenizer tokenizer = Load(row);
        bool padded = row.GetProperty("file").TryGetProperty("padding", out _);
        foreach (JsonElement expected in row.GetProperty("cases").EnumerateArray())
        {
            string text = expected.Text("text");
            string? pair = expected.TryGetProperty("pair", out JsonElement second) ? second.GetString() : null;
            bool special = expected.GetProperty("add_special_tokens").GetBoolean();
            TokenEncoding encoding = tokenizer.Encode(text, pair, special);
            Assert.Equal(expected.Integers("ids"), encoding.Ids);
            Assert.Equal(expected.Offsets("offsets"), encoding.Offsets);
            Assert.Equal(expected.Integers("type_ids"), encoding.TypeIds);
            Assert.Equal(expected.Integers("special_tokens_mask"), encoding.SpecialTokensMask.Select(bit => (int)bit));
            Assert.Equal(expected.Integers("attention_mask"), encoding.AttentionMask.Select(bit => (int)bit));
            Assert.Equal(expected.Text("decoded"), tokenizer.Decode(encoding.Ids));
            Assert.Equal(expected.Text("decoded_skip_special"), tokenizer.Decode(encoding.Ids, skipSpecialTokens: true));
            if (pair is not null || padded) continue;
            List<int> ids = [];
            tokenizer.EncodeInto(text, ids, special);
            Assert.Equal(encoding.Ids, ids);
        }
    }

    private static Tokenizer Load(JsonElement row)
    {
        JsonNode file = JsonNode.Parse(row.GetProperty("file").GetRawText())!;
        JsonElement model = row.GetProperty("model");
        file["model"] = model.ValueKind == JsonValueKind.String
            ? JsonNode.Parse(File.ReadAllText(GoldenFiles.Local(model.GetString() + ".tokenizer.json")))!["model"]!.DeepClone()
            : JsonNode.Parse(model.GetRawText());
        return new Tokenizer(Files.TokenizerFileReader.Parse(System.Text.Encoding.UTF8.GetBytes(file.ToJsonString())));
    }
}
