using System.Text.Json.Nodes;
using Utf8 = System.Text.Encoding;

namespace Sirocco.Text.Tests;

/// <summary>Damaged tokenizer files: one line that names the file and the key, never anything but InvalidDataException.</summary>
public class HostileFileTests
{
    public static TheoryData<string, string, string> Edits => new()
    {
        { "model.type", "\"Unigram\"", "model.type" },
        { "model.dropout", "0.1", "model.dropout" },
        { "model.vocab", "[]", "model.vocab" },
        { "model.vocab", "{\"a\": 4294967296}", "model.vocab" },
        { "model.vocab", "{\"a\": -1}", "model.vocab" },
        { "model.vocab", "{\"a\": 1.5}", "model.vocab" },
        { "model.vocab", "{\"a\": 0, \"b\": 0}", "model.vocab" },
        { "model.vocab", "{\"a\": 900000000}", "model.vocab" },
        { "model.merges", "[\"a b c\"]", "model.merges[0]" },
        { "model.merges", "[[\"a\"]]", "model.merges[0]" },
        { "model.merges", "[[\"a\", \"nowhere\"]]", "model.merges[0]" },
        { "model.merges", "[7]", "model.merges[0]" },
        { "model.merges", "{}", "model.merges" },
        { "added_tokens", "[{\"id\": 3, \"content\": \"<new>\"}]", "added_tokens[0].id" },
        { "added_tokens", "[{\"id\": 99999999999, \"content\": \"<new>\"}]", "added_tokens[0].id" },
        { "added_tokens", "[{\"id\": \"1\", \"content\": \"<new>\"}]", "added_tokens[0].id" },
        { "added_tokens", "[{\"id\": 1500}]", "added_tokens[0]" },
        { "added_tokens", "{}", "added_tokens" },
        { "normalizer", "{\"type\": \"Magic\"}", "normalizer.type" },
        { "normalizer", "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(\"}, \"content\": \"\"}", "normalizer.pattern.Regex" },
        { "pre_tokenizer", "{\"type\": \"Sequence\", \"pretokenizers\": 3}", "pre_tokenizer.pretokenizers" },
        { "pre_tokenizer", "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"a\"}, \"behavior\": \"Fancy\"}", "pre_tokenizer.behavior" },
        { "post_processor", "{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"x\", \"type_id\": 0}}], \"pair\": [], \"special_tokens\": {}}", "post_processor.single[0]" },
        { "decoder", "\"ByteLevel\"", "decoder" },
        { "truncation", "{\"max_length\": -3}", "truncation.max_length" },
        { "padding", "{\"strategy\": {\"Fixed\": 99999999999}, \"pad_id\": 0}", "padding.strategy.Fixed" },
    };

    [Theory]
    [MemberData(nameof(Edits))]
    public void A_wrong_value_is_refused_by_its_key(string key, string value, string named)
    {
        JsonObject file = JsonNode.Parse(File.ReadAllText(GoldenFiles.Local("small_tekken.tokenizer.json")))!.AsObject();
        string[] path = key.Split('.');
        JsonObject owner = path.Length == 1 ? file : file[path[0]]!.AsObject();
        owner[path[^1]] = JsonNode.Parse(value);
        string message = Refusal(Utf8.UTF8.GetBytes(file.ToJsonString()));
        Assert.Contains(": " + named, message);
    }

    [Fact]
    public void Tekken_files_with_gaps_wrong_types_and_missing_bytes_are_refused()
    {
        string Tekken(string vocab, string config = "{\"pattern\": \"a\", \"default_num_special_tokens\": 2, \"default_vocab_size\": 4}", string special = "null") =>
            Refusal(Utf8.UTF8.GetBytes($"{{\"config\": {config}, \"vocab\": {vocab}, \"special_tokens\": {special}}}"));

        Assert.Contains("vocab[1].rank", Tekken("[{\"rank\": 0, \"token_bytes\": \"AA==\"}, {\"rank\": 2, \"token_bytes\": \"AQ==\"}]"));
        Assert.Contains("vocab[0].rank", Tekken("[{\"rank\": \"0\", \"token_bytes\": \"AA==\"}]"));
        Assert.Contains("vocab[0].token_bytes", Tekken("[{\"rank\": 0, \"token_bytes\": \"?\"}]"));
        Assert.Contains("vocab[0].token_bytes", Tekken("[{\"rank\": 0}]"));
        Assert.Contains("vocab: 2 tokens expected", Tekken("[]"));
        Assert.Contains("has the bytes of another token", Tekken("[{\"rank\": 0, \"token_bytes\": \"AA==\"}, {\"rank\": 1, \"token_bytes\": \"AA==\"}]"));
        Assert.Contains("no token for the single byte 2", Tekken("[{\"rank\": 0, \"token_bytes\": \"AA==\"}, {\"rank\": 1, \"token_bytes\": \"AQ==\"}]"));
        Assert.Contains("config.default_vocab_size", Tekken("[]", "{\"pattern\": \"a\", \"default_num_special_tokens\": 2, \"default_vocab_size\": 1}"));
        Assert.Contains("config", Tekken("[]", "null"));
    }

    [Fact]
    public void What_is_no_tokenizer_is_refused_in_one_line()
    {
        Refusal([]);
        Refusal([0xFF, 0xFE, 0x00]);
        Refusal("[]"u8.ToArray());
        Refusal("{}"u8.ToArray());
        Refusal("{\"model\": {"u8.ToArray());
        Refusal("{\"model\": {\"vocab\": {\"\\ud800\": 1}, \"merges\": []}}"u8.ToArray());
        Refusal(Utf8.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"model\":", 200))));
        Refusal(Utf8.UTF8.GetBytes("{\"normalizer\":" + string.Concat(Enumerable.Repeat("[", 10000))));
        Refusal(Utf8.UTF8.GetBytes(new string(' ', 1 << 20)));
        Assert.Throws<FileNotFoundException>(() => Tokenizer.Load(Path.Combine(Path.GetTempPath(), "no such file")));
    }

    [Fact]
    public void Random_damage_never_throws_anything_but_invalid_data()
    {
        byte[][] seeds = [.. new[] { "small_added_nfc", "small_added_sequence", "small_llama3" }.Select(name => File.ReadAllBytes(GoldenFiles.Local(name + ".tokenizer.json")))];
        byte[][] grafts = [.. new[] { "{", "}", "[", "]", "\"", ",", "null", "-1", "1e99", "99999999999", "\\ud800", "\u0000", "\"type\":\"Sequence\"", "\"\"", "true", "[[[[" }.Select(Utf8.UTF8.GetBytes)];
        Random random = new(11);
        System.Diagnostics.Stopwatch watch = System.Diagnostics.Stopwatch.StartNew();
        double seconds = double.TryParse(Environment.GetEnvironmentVariable("SIROCCO_FUZZ_SECONDS"), out double wanted) ? wanted : 1.5;
        for (int round = 0; round < 60 || watch.Elapsed.TotalSeconds < seconds; round++)
        {
            List<byte> file = [.. seeds[round % seeds.Length]];
            for (int edits = random.Next(1, 4); edits > 0; edits--)
            {
                // Most damage goes to the small parts before the vocabulary, where the structure is.
                int at = random.Next(3) == 0 ? random.Next(file.Count) : random.Next(Math.Min(5000, file.Count));
                switch (random.Next(4))
                {
                    case 0:
                        file[at] = (byte)random.Next(256);
                        break;
                    case 1:
                        file.RemoveRange(at, Math.Min(random.Next(1, 40), file.Count - at));
                        break;
                    case 2:
                        file.InsertRange(at, grafts[random.Next(grafts.Length)]);
                        break;
                    default:
                        file.RemoveRange(at, random.Next(20) == 0 ? file.Count - at : 0);
                        break;
                }
                if (file.Count == 0) break;
            }
            string path = Temporary([.. file]);
            try
            {
                Tokenizer tokenizer = Tokenizer.Load(path);
                TokenEncoding encoding = tokenizer.Encode("  Sirocco café 123 <x>y [STRIP]  中 \n");
                tokenizer.Decode(encoding.Ids.Where(id => id < tokenizer.VocabularySize).ToArray());
            }
            catch (InvalidDataException error)
            {
                Assert.StartsWith(path + ": ", error.Message);
                Assert.DoesNotContain('\n', error.Message);
            }
            catch (InvalidOperationException error) when (error.Message.StartsWith("truncation", StringComparison.Ordinal))
            {
                Assert.DoesNotContain('\n', error.Message);
            }
            finally
            {
                File.Delete(path);
            }
        }
    }

    private static string Refusal(byte[] content)
    {
        string path = Temporary(content);
        try
        {
            string message = Assert.Throws<InvalidDataException>(() => Tokenizer.Load(path)).Message;
            Assert.StartsWith(path, message);
            Assert.DoesNotContain('\n', message);
            return message;
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string Temporary(byte[] content)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.WriteAllBytes(path, content);
        return path;
    }
}
