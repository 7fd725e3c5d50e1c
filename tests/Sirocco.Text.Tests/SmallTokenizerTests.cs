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
                if (!got.SequenceEqual(want))
                    wrong.Add($"{what} of {JsonSerializer.Serialize(text)}: {string.Join(' ', got)} instead of {string.Join(' ', want)}");
            }
        }
        Assert.True(wrong.Count == 0, $"{wrong.Count} differ, first: {string.Join("\n", wrong.Take(3))}");
    }

    [Fact]
    public void Ignore_merges_finds_tokens_that_no_merge_makes()
    {
        Tokenizer with = Tokenizer.Load(GoldenFiles.Local("small_tekken.tokenizer.json"));
        using TemporaryFolder folder = new();
        Tokenizer without = Tokenizer.Load(
            folder.Write(
                "tokenizer.json",
                File.ReadAllText(GoldenFiles.Local("small_tekken.tokenizer.json")).Replace("\"ignore_merges\":true", "\"ignore_merges\":false")
                    .Replace("\"ignore_merges\": true", "\"ignore_merges\": false")));
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.Local("small_tekken.ignore_merges.jsonl.gz")))
        {
            Assert.Equal(row.Integers("ignore_merges_true"), with.EncodeIds(row.Text("text"), false));
            Assert.Equal(row.Integers("ignore_merges_false"), without.EncodeIds(row.Text("text"), false));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public void A_pairs_ids_without_what_is_cut_off_are_those_of_the_whole_encoding(int words)
    {
        Tokenizer tokenizer = Tokenizer.Load(GoldenFiles.Local("small_added_nfc.tokenizer.json"));
        string first = string.Join(' ', Enumerable.Repeat("one", words)), second = string.Join(' ', Enumerable.Repeat("other", 7));
        foreach (TextSide side in Enum.GetValues<TextSide>())
        {
            Truncation rule = new(24, Side: side);
            TokenEncoding whole = tokenizer.Encode(first, second, truncation: rule);
            List<int> ids = [];
            Assert.Equal(whole.Overflowing.Count > 0, tokenizer.EncodePairInto(first, second, ids, rule));
            Assert.Equal(whole.Ids, ids);
        }
    }

    [Fact]
    public void Two_long_texts_are_cut_to_a_pair_without_the_memory_of_all_their_parts()
    {
        Tokenizer tokenizer = Tokenizer.Load(GoldenFiles.Local("small_added_nfc.tokenizer.json"));
        string text = string.Join(' ', Enumerable.Repeat("one", 20_000));
        List<int> ids = [];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.True(tokenizer.EncodePairInto(text, text, ids, new Truncation(64)));
        Assert.Equal(64, ids.Count);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
    }

    [Theory]
    [InlineData("""content":"<s>""", """content":"\ud800""", "added_tokens[0].content: ")]
    [InlineData("\"added_tokens\"", "\"\\ud800\"", "")]
    [InlineData("""vocab":{""", """vocab":{"\ud800":1,""", "model: ")]
    public void Half_a_surrogate_pair_in_a_tokenizer_json_is_named(string there, string damaged, string key)
    {
        string json = File.ReadAllText(GoldenFiles.Local("small_added_nfc.tokenizer.json")), path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        int at = json.IndexOf(there, StringComparison.Ordinal);
        File.WriteAllText(path, json[..at] + damaged + json[(at + there.Length)..]);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Tokenizer.Load(path));
        File.Delete(path);
        Assert.Equal($"{path}: {key}a string holds half of a surrogate pair, which is no text; the file is damaged", error.Message);
    }

    [Fact]
    public void Batches_are_cut_and_padded_like_the_reference()
    {
        Dictionary<string, Tokenizer> tokenizers = [];
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.Local("batches.jsonl.gz")))
        {
            string name = row.Text("tokenizer");
            if (!tokenizers.TryGetValue(name, out Tokenizer? tokenizer))
                tokenizers[name] = tokenizer = Tokenizer.Load(GoldenFiles.Local(name + ".tokenizer.json"));
            List<(string, string?)> inputs =
                [.. row.GetProperty("inputs").EnumerateArray()
                    .Select(input => input.ValueKind == JsonValueKind.String ? (input.GetString()!, null) : (input[0].GetString()!, input[1].GetString()))];
            IReadOnlyList<TokenEncoding> Encode() =>
                tokenizer.EncodeBatch(
                    inputs, row.GetProperty("add_special_tokens").GetBoolean(), Cut(row.GetProperty("truncation")), Fill(row.GetProperty("padding")));
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
            rule.Text("strategy") switch
            {
                "longest_first" => TruncationStrategy.LongestFirst,
                "only_first" => TruncationStrategy.OnlyFirst,
                _ => TruncationStrategy.OnlySecond,
            },
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
