using System.Text.Json;
using Sirocco.Text.Files;
using Sirocco.Text.Pipeline;

namespace Sirocco.Text.Tests;

/// <summary>
/// Parts of tokenizer.json that the recorded files do not use; expectations are the examples of the reference library's documentation and rules.
/// </summary>
public class ComponentTests
{
    [Theory]
    [InlineData("Removed", "the|final|countdown")]
    [InlineData("Isolated", "the|-|final|-|-|countdown")]
    [InlineData("MergedWithPrevious", "the-|final-|-|countdown")]
    [InlineData("MergedWithNext", "the|-final|-|-countdown")]
    [InlineData("Contiguous", "the|-|final|--|countdown")]
    public void Split_behaviours_are_the_documented_ones(string behavior, string expected)
    {
        Assert.Equal(
            expected, Pieces($$"""{"type": "Split", "pattern": {"String": "-"}, "behavior": "{{behavior}}", "invert": false}""", "the-final--countdown"));
        Assert.Equal(
            expected, Pieces($$"""{"type": "Split", "pattern": {"Regex": "-"}, "behavior": "{{behavior}}", "invert": false}""", "the-final--countdown"));
    }

    [Theory]
    [InlineData("""{"type": "Whitespace"}""", "Hi, you_2  é!?", "Hi|,|you_2|é|!?")]
    [InlineData("""{"type": "WhitespaceSplit"}""", " Hi,  you\n", "Hi,|you")]
    [InlineData("""{"type": "Punctuation"}""", "a+b—c", "a|+|b|—|c")]
    [InlineData("""{"type": "Digits", "individual_digits": true}""", "a12٣b", "a|1|2|٣|b")]
    [InlineData("""{"type": "Digits", "individual_digits": false}""", "a12٣b", "a|12٣|b")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}""", "Hey friend", "▁Hey|▁friend")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false}""", "Hey friend", "▁Hey▁friend")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"}""", " Hey friend", "▁Hey|▁friend")]
    [InlineData("""{"type": "BertPreTokenizer"}""", "Hey, friend!", "Hey|,|friend|!")]
    [InlineData("""{"type": "CharDelimiterSplit", "delimiter": "x"}""", "axbxc", "a|b|c")]
    [InlineData("""{"type": "Split", "pattern": {"Regex": "\\p{L}+"}, "behavior": "Removed", "invert": true}""", "ab 1𝒜𐐀c", "ab|𝒜𐐀c")]
    public void Pre_tokenizers_cut_as_the_reference_does(string preTokenizer, string text, string expected) =>
        Assert.Equal(expected, Pieces(preTokenizer, text));

    [Fact]
    public void A_missing_character_becomes_its_bytes_and_comes_back()
    {
        string bytes = string.Join(',', Enumerable.Range(0, 256).Select(value => $"\"<0x{value:X2}>\": {value + 3}"));
        Tokenizer tokenizer = Read($$"""
            {"added_tokens": [], "normalizer": {"type": "Sequence",
              "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
             "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
               {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
             "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
               "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, {{bytes}}, "▁": 259, "a": 260, "b": 261, "ab": 262, "▁ab": 263}, "merges": ["a b", "▁ ab"]} }
            """);
        Assert.Equal([263, 259, 0xC3 + 3, 0xA9 + 3, 262], tokenizer.EncodeIds("ab éab"));
        Assert.Equal("ab éab", tokenizer.Decode(tokenizer.EncodeIds("ab éab")));
        Assert.Equal(new TokenOffset(0, 2), tokenizer.Encode("ab éab").Offsets[0]);
        StreamingDecoder stream = tokenizer.CreateStreamingDecoder();
        Assert.Equal("ab éab", string.Concat(tokenizer.EncodeIds("ab éab").Select(stream.Add)) + stream.Flush());
    }

    [Fact]
    public void Unknown_characters_fuse_only_when_asked_to()
    {
        string Model(string fuse) =>
            $$"""{"model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": {{fuse}}, "vocab": {"<unk>": 0, "a": 1}, "merges": []} }""";
        Assert.Equal([1, 0, 1], Read(Model("true")).EncodeIds("axyza"));
        Assert.Equal([1, 0, 0, 0, 1], Read(Model("false")).EncodeIds("axyza"));
        Assert.Equal(new TokenOffset(1, 4), Read(Model("true")).Encode("axyza").Offsets[1]);
    }

    [Fact]
    public void Roberta_frames_a_pair_with_two_separators()
    {
        Tokenizer tokenizer = Read("""
            {
                "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]},
                "model": {"type": "BPE", "vocab": {"a": 0, "<s>": 1, "</s>": 2}, "merges": []}
            }
            """);
        TokenEncoding encoding = tokenizer.Encode("a", "aa");
        Assert.Equal([1, 0, 2, 2, 0, 0, 2], encoding.Ids);
        Assert.All(encoding.TypeIds, type => Assert.Equal(0, type));
        Assert.Equal([1, 0, 2], tokenizer.EncodeIds("a"));
    }

    [Fact]
    public void Normalisation_forms_follow_the_annex()
    {
        Assert.Equal("é Å 가 ﬁ", Normalized("NFC", "e\u0301 \u212B \u1100\u1161 ﬁ"));
        Assert.Equal("e\u0301 A\u030A \u1100\u1161 ﬁ", Normalized("NFD", "é \u212B 가 ﬁ"));
        Assert.Equal("é fi 1⁄2", Normalized("NFKC", "e\u0301 ﬁ ½"));
        Assert.Equal("e\u0301 fi", Normalized("NFKD", "é ﬁ"));
        Assert.Equal("a\u0323\u0307", Normalized("NFD", "a\u0307\u0323"));
        Assert.Equal("i\u0307σς", Normalized("Lowercase", "İΣς"));
        Assert.Equal("cafe", Normalized("StripAccents", "cafe\u0301"));
    }

    [SkippableFact]
    public void Flags_for_begin_and_end_replace_the_post_processor()
    {
        JsonElement golden = JsonDocument.Parse(File.ReadAllText(GoldenFiles.FromShared("goldens/retrieval/tokenizer-options/tokens.json"))).RootElement;
        string[] texts = [.. golden.GetProperty("texts").EnumerateArray().Select(text => text.GetString()!)];
        Tokenizer plain = Tokenizer.Load(Path.GetDirectoryName(GoldenFiles.FromShared("goldens/retrieval/common/llama/tokenizer.json"))!);
        int seen = 0;
        foreach (JsonElement row in golden.GetProperty("cases").EnumerateArray())
        {
            JsonElement arguments = row.GetProperty("arguments");
            if (row.Text("name").Contains("ministral", StringComparison.OrdinalIgnoreCase)) continue;
            bool begin = Flag("add_bos_token"), end = Flag("add_eos_token");
            Tokenizer tokenizer = begin || end ? plain.WithSpecialTokens(begin, end) : plain;
            int[][] expected = [.. row.GetProperty("truncated_12").EnumerateArray().Select(ids => ids.EnumerateArray().Select(id => id.GetInt32()).ToArray())];
            for (int i = 0; i < texts.Length; i++)
            {
                List<int> ids = [];
                tokenizer.EncodeInto(texts[i], ids, maxLength: 12);
                Assert.Equal(expected[i], ids);
            }
            seen++;

            bool Flag(string name) => arguments.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.True;
        }
        Assert.True(seen > 1);
    }

    private static string Normalized(string type, string text) =>
        ComponentReader.Normalizer(new JsonField(JsonDocument.Parse($$"""{"type": "{{type}}"}""").RootElement, ""))!.Normalize(AlignedText.FromString(text))
            .ToString();

    private static string Pieces(string preTokenizer, string text)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text);
        List<Slice> slices = [new(AlignedText.FromOriginal(bytes, bytes.Length, aligned: true), 0, bytes.Length)];
        foreach (PreTokenizer step in ComponentReader.PreTokenizers(new JsonField(JsonDocument.Parse(preTokenizer).RootElement, "")))
        {
            List<Slice> next = [];
            foreach (Slice slice in slices) step.Split(slice, next);
            slices = next;
        }
        return string.Join('|', slices.Select(slice => System.Text.Encoding.UTF8.GetString(slice.Bytes)));
    }

    private static Tokenizer Read(string json) => new(TokenizerFileReader.Parse(System.Text.Encoding.UTF8.GetBytes(json)));
}
