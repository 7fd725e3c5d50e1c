using System.Text.Json;

namespace Sirocco.Text.Tests;

/// <summary>The published Ministral 3 vocabulary in both formats.</summary>
public class MinistralTests
{
    private const string Folder = "goldens/tokenizers/";
    private static readonly Lazy<Tokenizer> Tekken = new(() => Tokenizer.Load(GoldenFiles.Unpacked(Folder + "ministral3_tekken.json.gz")));
    private static readonly Lazy<Tokenizer> Json = new(() => Tokenizer.Load(GoldenFiles.Unpacked(Folder + "ministral3_tokenizer.json.gz")));

    [SkippableFact]
    public void Both_files_encode_and_decode_like_the_reference()
    {
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.FromShared(Folder + "tekken_cases.jsonl.gz")))
        {
            string text = row.Text("text");
            int[] ids = row.Integers("ids"), jsonIds = row.TryGetProperty("hf_ids", out _) ? row.Integers("hf_ids") : ids;
            Assert.Equal(ids, Tekken.Value.EncodeIds(text, false));
            Assert.Equal([1, .. ids], Tekken.Value.EncodeIds(text));
            Assert.Equal(jsonIds, Json.Value.EncodeIds(text, false));
            Assert.Equal([1, .. jsonIds], Json.Value.EncodeIds(text));
            Assert.Equal(row.TryGetProperty("decoded", out JsonElement decoded) ? decoded.GetString() : text, Tekken.Value.Decode(ids));
            Assert.Equal(row.TryGetProperty("hf_decoded", out decoded) ? decoded.GetString() : text, Json.Value.Decode(jsonIds));
            Assert.Equal(row.TryGetProperty("hf_decoded_skip_special", out decoded) ? decoded.GetString() : text, Json.Value.Decode(jsonIds, true));
            if (row.TryGetProperty("hf_offsets", out _)) Assert.Equal(row.Offsets("hf_offsets"), Json.Value.Encode(text, addSpecialTokens: false).Offsets);
        }
    }

    [SkippableFact]
    public void Unpaired_surrogates_become_replacement_characters()
    {
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.FromShared(Folder + "tekken_utf16_cases.jsonl.gz")))
        {
            string text = new([.. row.Integers("utf16").Select(unit => (char)unit)]);
            Assert.Equal(row.Integers("ids"), Tekken.Value.EncodeIds(text, false));
        }
    }

    [SkippableFact]
    public void Random_ids_decode_like_the_reference()
    {
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.FromShared(Folder + "tekken_decode_cases.jsonl.gz")))
        {
            int[] ids = row.Integers("ids");
            Assert.Equal(row.Text("keep"), Tekken.Value.Decode(ids));
            Assert.Equal(row.Text("ignore"), Tekken.Value.Decode(ids, true));
            Assert.Equal(row.Text("hf_keep"), Json.Value.Decode(ids));
            Assert.Equal(row.Text("hf_skip"), Json.Value.Decode(ids, true));
        }
    }

    [SkippableFact]
    public void Streaming_shows_text_as_soon_as_it_is_certain()
    {
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.FromShared(Folder + "streaming.jsonl.gz")))
        {
            foreach (Tokenizer tokenizer in (Tokenizer[])[Tekken.Value, Json.Value])
            {
                StreamingDecoder decoder = tokenizer.CreateStreamingDecoder();
                List<string> deltas = [.. row.Integers("ids").Select(decoder.Add)];
                deltas.Add(decoder.Flush());
                Assert.Equal(row.GetProperty("deltas").EnumerateArray().Select(delta => delta.GetString()), deltas);
            }
        }
    }

    [SkippableFact]
    public void Batches_agree_with_transformers()
    {
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.FromShared(Folder + "ministral3_batches.jsonl.gz")))
        {
            JsonElement arguments = row.GetProperty("arguments"), padding = arguments.GetProperty("padding");
            int most = arguments.GetProperty("max_length").GetInt32();
            TextSide side = arguments.Text("padding_side") == "left" ? TextSide.Left : TextSide.Right;
            Padding? fill = padding.ValueKind switch
            {
                JsonValueKind.False => null,
                JsonValueKind.True => new Padding(11, null, side),
                _ => new Padding(11, most, side),
            };
            IReadOnlyList<TokenEncoding> encodings = Json.Value.EncodeBatch(
                [.. row.GetProperty("texts").EnumerateArray().Select(text => (text.GetString()!, (string?)null))],
                arguments.GetProperty("add_special_tokens").GetBoolean(),
                arguments.GetProperty("truncation").GetBoolean() ? new Truncation(most) : null,
                fill);
            Assert.Equal(
                row.GetProperty("input_ids").EnumerateArray().Select(ids => string.Join(' ', ids.EnumerateArray())),
                encodings.Select(encoding => string.Join(' ', encoding.Ids)));
            Assert.Equal(
                row.GetProperty("attention_mask").EnumerateArray().Select(mask => string.Join(' ', mask.EnumerateArray())),
                encodings.Select(encoding => string.Join(' ', encoding.AttentionMask)));
        }
    }

    [SkippableFact]
    public void Every_token_that_is_text_encodes_to_itself()
    {
        for (int id = 1000; id < Tekken.Value.VocabularySize; id++)
        {
            string text = Tekken.Value.Decode([id]);
            if (text.Contains('\uFFFD')) continue;
            Assert.Equal([id], Tekken.Value.EncodeIds(text, false));
        }
    }

    [SkippableFact]
    public void The_older_file_without_special_token_list_gives_the_same_ids()
    {
        Tokenizer old = Tokenizer.Load(GoldenFiles.Unpacked(Folder + "tekken_240911.json.gz"));
        Assert.Equal(131072, old.VocabularySize);
        Assert.Equal("[IMG]", old.IdToToken(10));
        Assert.Equal(Tekken.Value.EncodeIds("Où est le vent ? 12,345 eBay"), old.EncodeIds("Où est le vent ? 12,345 eBay"));
    }

    [Fact]
    public void Bytes_of_a_character_that_is_no_token_have_the_place_of_the_character()
    {
        IEnumerable<string> bytes = Enumerable.Range(0, 256)
            .Select(value => $$"""{"rank":{{value}},"token_bytes":"{{Convert.ToBase64String([(byte)value])}}"}""");
        string file = $$"""{"config":{"pattern":"\\s+|\\S+","default_num_special_tokens":3,"default_vocab_size":259},"vocab":[{{string.Join(',', bytes)}}]}""";
        TokenEncoding encoding = new Tokenizer(Files.TokenizerFileReader.Parse(System.Text.Encoding.UTF8.GetBytes(file)))
            .Encode("é ☃", addSpecialTokens: false);
        Assert.Equal([3 + 0xC3, 3 + 0xA9, 3 + 0x20, 3 + 0xE2, 3 + 0x98, 3 + 0x83], encoding.Ids);
        Assert.Equal([new(0, 1), new(0, 1), new(1, 2), new(2, 3), new(2, 3), new(2, 3)], encoding.Offsets);
    }
}
