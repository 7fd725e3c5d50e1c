using System.Text.Json;

namespace Sirocco.Text.Tests;

public class SmallTokenizerTests
{
    public static TheoryData<string> Names => ["small_tekken", "small_llama3", "small_added_nfc", "small_added_plain", "small_added_sequence"];

    [Theory]
    [MemberData(nameof(Names))]
    public void Encoding_and_decoding_agree_with_the_reference(string name)
    {
        Tokenizer tokenizer = Tokenizer.Load(GoldenFiles.Local(name + ".tokenizer.json"));
        List<string> wrong = [];
        List<int> ids = [];
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.Local(name + ".cases.jsonl.gz")))
        {
            string text = row.Text("text");
            bool special = row.GetProperty("add_special_tokens").GetBoolean();
            TokenEncoding encoding = tokenizer.Encode(text, addSpecialTokens: special);
            int[] expected = row.Integers("ids");
            Compare("ids", encoding.Ids, expected);
            Compare("offsets", encoding.Offsets, row.Offsets("offsets"));
            if (row.TryGetProperty("type_ids", out _))
            {
                Compare("type_ids", encoding.TypeIds, row.Integers("type_ids"));
                Compare("special_tokens_mask", encoding.SpecialTokensMask.Select(bit => (int)bit), row.Integers("special_tokens_mask"));
                Compare("attention_mask", encoding.AttentionMask.Select(bit => (int)bit), row.Integers("attention_mask"));
            }
            ids.Clear();
            tokenizer.EncodeInto(text, ids, special);
            Compare("fast ids", ids, expected);
            Compare("decoded", tokenizer.Decode(expected), row.Text("decoded"));
            Compare("decoded without special tokens", tokenizer.Decode(expected, skipSpecialTokens: true), row.Text("decoded_skip_special"));

            void Compare<T>(string what, IEnumerable<T> got, IEnumerable<T> want)
            {
                if (!got.SequenceEqual(want)) wrong.Add($"{what} of {JsonSerializer.Serialize(text)}: {string.Join(' ', got)} instead of {string.Join(' ', want)}");
            }
        }
        Assert.True(wrong.Count == 0, $"{wrong.Count} differ, first: {string.Join("\n", wrong.Take(3))}");
    }

    [Fact]
    public void Ignore_merges_finds_tokens_that_no_merge_makes()
    {
        Tokenizer with = Tokenizer.Load(GoldenFiles.Local("small_tekken.tokenizer.json"));
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.WriteAllText(path, File.ReadAllText(GoldenFiles.Local("small_tekken.tokenizer.json")).Replace("\"ignore_merges\":true", "\"ignore_merges\":false").Replace("\"ignore_merges\": true", "\"ignore_merges\": false"));
        Tokenizer without = Tokenizer.Load(path);
        File.Delete(path);
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.Local("small_tekken.ignore_merges.jsonl.gz")))
        {
            Assert.Equal(row.Integers("ignore_merges_true"), with.EncodeIds(row.Text("text"), false));
            Assert.Equal(row.Integers("ignore_merges_false"), without.EncodeIds(row.Text("text"), false));
        }
    }

    [Fact]
    public void Batches_are_cut_and_padded_like_the_reference()
    {
        Dictionary<string, Tokenizer> tokenizers = [];
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.Local("batches.jsonl.gz")))
        {
            string name = row.Text("tokenizer");
            if (!tokenizers.TryGetValue(name, out Tokenizer? tokenizer)) tokenizers[name] = tokenizer = Tokenizer.Load(GoldenFiles.Local(name + ".tokenizer.json"));
            List<(string, string?)> inputs =
                [.. row.GetProperty("inputs").EnumerateArray().Select(input => input.ValueKind == JsonValueKind.String ? (input.GetString()!, null) : (input[0].GetString()!, input[1].GetString()))];
            IReadOnlyList<TokenEncoding> Encode() => tokenizer.EncodeBatch(inputs, row.GetProperty("add_special_tokens").GetBoolean(), Cut(row.GetProperty("truncation")), Fill(row.GetProperty("padding")));
            if (row.TryGetProperty("error", out _))
            {
                Assert.Throws<InvalidOperationException>(() => Encode());
                continue;
            }
            IReadOnlyList<TokenEncoding> encodings = Encode();
            JsonElement[] expected = [.. row.GetProperty("encodings").EnumerateArray()];
            Assert.Equal(expected.Length, encodings.Count);
            for (int i = 0; i < expected.Length; i++) Same(expected[i], encodings[i]);
        }
    }

    private static void Same(JsonElement expected, TokenEncoding encoding)
    {
        Assert.Equal(expected.Integers("ids"), encoding.Ids);
        Assert.Equal(expected.Offsets("offsets"), encoding.Offsets);
        Assert.Equal(expected.Integers("attention_mask"), encoding.AttentionMask.Select(bit => (int)bit));
        if (expected.TryGetProperty("type_ids", out _))
        {
            Assert.Equal(expected.Integers("type_ids"), encoding.TypeIds);
            Assert.Equal(expected.Integers("special_tokens_mask"), encoding.SpecialTokensMask.Select(bit => (int)bit));
        }
        if (!expected.TryGetProperty("overflowing", out JsonElement overflowing)) return;
        JsonElement[] parts = [.. overflowing.EnumerateArray()];
        Assert.Equal(parts.Length, encoding.Overflowing.Count);
        for (int i = 0; i < parts.Length; i++) Same(parts[i], encoding.Overflowing[i]);
    }

    private static Truncation? Cut(JsonElement rule) => rule.ValueKind == JsonValueKind.Null
        ? null
        : new Truncation(
            rule.GetProperty("max_length").GetInt32(),
            rule.GetProperty("stride").GetInt32(),
            rule.Text("strategy") switch { "longest_first" => TruncationStrategy.LongestFirst, "only_first" => TruncationStrategy.OnlyFirst, _ => TruncationStrategy.OnlySecond },
            rule.Text("direction") == "left" ? TextSide.Left : TextSide.Right);

    private static Padding? Fill(JsonElement rule) => rule.ValueKind == JsonValueKind.Null
        ? null
        : new Padding(
            rule.GetProperty("pad_id").GetInt32(),
            rule.GetProperty("length") is { ValueKind: JsonValueKind.Number } length ? length.GetInt32() : null,
            rule.Text("direction") == "left" ? TextSide.Left : TextSide.Right,
            rule.GetProperty("pad_to_multiple_of") is { ValueKind: JsonValueKind.Number } multiple ? multiple.GetInt32() : 0,
            rule.GetProperty("pad_type_id").GetInt32());
}
