using System.Text.Json;

namespace Sirocco.Text.Tests;

/// <summary>Tokenizers made of arrays, as GGUF files hold them, against the same vocabulary as tokenizer.json.</summary>
public class VocabularyTests
{
    [Fact]
    public void A_gguf_vocabulary_encodes_like_the_file_that_it_was_made_from()
    {
        Tokenizer expected = Tokenizer.Load(GoldenFiles.Local("small_llama3.tokenizer.json"));
        Tokenizer tokenizer = Tokenizer.FromVocabulary(Arrays("small_llama3") with { AddBegin = true });
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.Local("small_llama3.cases.jsonl.gz")).Take(300))
        {
            Assert.Equal(expected.EncodeIds(row.Text("text")), tokenizer.EncodeIds(row.Text("text")));
            Assert.Equal(row.Text("decoded"), tokenizer.Decode(row.Integers("ids")));
        }
        Assert.Equal(1400, tokenizer.BeginId);
        Assert.True(tokenizer.IsSpecial(1401));
    }

    [Theory]
    [InlineData("llama3", true)]
    [InlineData("llama-bpe", true)]
    [InlineData("pixtral", true)]
    [InlineData("falcon3", true)]
    [InlineData("lfm2", true)]
    [InlineData("tekken", true)]
    [InlineData("smaug-bpe", false)]
    [InlineData("gpt-2", false)]
    [InlineData("qwen2", false)]
    [InlineData("smollm", false)]
    public void A_gguf_file_that_does_not_say_gets_the_beginning_of_its_family(string preTokenizer, bool begins)
    {
        TokenizerVocabulary vocabulary = Arrays("small_llama3") with { PreTokenizer = preTokenizer };
        int[] plain = Tokenizer.FromVocabulary(vocabulary).EncodeIds("Hello", addSpecialTokens: false);
        Assert.Equal(begins ? [1400, .. plain] : plain, Tokenizer.FromVocabulary(vocabulary).EncodeIds("Hello"));
        Assert.Equal(plain, Tokenizer.FromVocabulary(vocabulary with { AddBegin = false }).EncodeIds("Hello"));
        Assert.Equal([1400, .. plain], Tokenizer.FromVocabulary(vocabulary with { AddBegin = true }).EncodeIds("Hello"));
    }

    [Theory]
    [InlineData("llama-bpe", "don|'t|123|45|!")]
    [InlineData("qwen2", "don|'t|1|2|3|4|5|!")]
    [InlineData("deepseek-r1-qwen", "don|'t|1|2|3|4|5|!")]
    [InlineData("dbrx", "don|'t|123|45|!")]
    [InlineData("gpt-4o", "don't|123|45|!")]
    [InlineData("llama4", "don't|123|45|!")]
    [InlineData("phi-2", "don|'t|12345|!")]
    [InlineData("default", "don|'|t|123|45|!")]
    public void Names_of_llama_cpp_choose_the_split(string preTokenizer, string expected)
    {
        // Every piece is a token, and tokens merge to whole pieces only.
        string[] pieces = ["don't", "don", "'t", "t", "'", "!", "12345", "123", "45", "1", "2", "3", "4", "5"];
        Tokenizer tokenizer = Tokenizer.FromVocabulary(Pieces(pieces) with { PreTokenizer = preTokenizer, AddBegin = false });
        Assert.Equal(expected, string.Join('|', tokenizer.EncodeIds("don't12345!").Select(id => tokenizer.IdToToken(id))));
    }

    [Fact]
    public void Bytes_that_a_gguf_vocabulary_lacks_encode_to_nothing()
    {
        TokenizerVocabulary whole = Arrays("small_llama3");
        string[] tokens = [.. whole.Tokens];
        tokens[Array.IndexOf(tokens, "Ą")] = "<unused>"; // byte 4
        Tokenizer tokenizer = Tokenizer.FromVocabulary(whole with { Tokens = tokens });
        for (int time = 0; time < 2; time++) Assert.Equal(tokenizer.EncodeIds("!!"), tokenizer.EncodeIds("!\u0004!")); // merged, then remembered
        Assert.Equal(tokenizer.EncodeIds(new string('+', 100)), tokenizer.EncodeIds(new string('+', 50) + "\u0004" + new string('+', 50)));
        Assert.Empty(tokenizer.EncodeIds("\u0004\u0004", addSpecialTokens: false));
    }

    [SkippableFact]
    public void SmolLM2_splits_digits_before_words()
    {
        Tokenizer tokenizer = Tokenizer.Load(GoldenFiles.FromShared("models/smollm2-135m-instruct/tokenizer.json"));
        Assert.Equal("In 2024|  it's", string.Join('|', tokenizer.Decode(tokenizer.EncodeIds("In 2024")), tokenizer.Decode(tokenizer.EncodeIds("  it's"))));
        Assert.Equal(["In", "Ġ", "2", "0", "2", "4"], tokenizer.EncodeIds("In 2024").Select(tokenizer.IdToToken));
        Assert.Equal(["<|im_start|>", "user", "Ċ"], tokenizer.EncodeIds("<|im_start|>user\n").Select(tokenizer.IdToToken));
        Tokenizer folder = Tokenizer.Load(Path.GetDirectoryName(GoldenFiles.FromShared("models/smollm2-135m-instruct/tokenizer.json"))!);
        Assert.Equal((1, 2, 2, 0, 8192), (folder.BeginId, folder.EndId, folder.PaddingId, folder.UnknownId, folder.Settings.MaxLength));
    }

    [Theory]
    [InlineData("pre", "tokenizer.ggml.pre")]
    [InlineData("types", "tokenizer.ggml.token_type")]
    [InlineData("merge", "tokenizer.ggml.merges[0]")]
    [InlineData("byte", "tokenizer.ggml.tokens")]
    [InlineData("twice", "tokenizer.ggml.tokens")]
    [InlineData("eos", "tokenizer.ggml.eos_token_id")]
    public void A_damaged_gguf_vocabulary_is_refused_by_key(string damage, string key)
    {
        TokenizerVocabulary good = Arrays("small_llama3");
        string[] tokens = [.. good.Tokens];
        TokenizerVocabulary bad = damage switch
        {
            "pre" => good with { PreTokenizer = "hologram" },
            "types" => good with { Types = [VocabularyTokenType.Normal] },
            "merge" => good with { Merges = ["nothing"] },
            "byte" => good with { Tokens = [.. tokens.Select(token => token == "!" ? "!!!!!!" : token)] },
            "twice" => good with { Tokens = [.. tokens.Select(token => token == "\"" ? "!" : token)] },
            _ => good with { EndId = 1_000_000 },
        };
        Assert.StartsWith(key, Assert.Throws<InvalidDataException>(() => Tokenizer.FromVocabulary(bad)).Message);
    }

    /// <summary>A vocabulary of all bytes in which exactly these pieces can be merged.</summary>
    private static TokenizerVocabulary Pieces(string[] pieces)
    {
        List<string> tokens = [.. Enumerable.Range(0, 256).Select(value => Bpe.ByteAlphabet.Character((byte)value).ToString())], merges = [];
        foreach (string piece in pieces)
        {
            for (int length = 2; length <= piece.Length; length++)
            {
                if (!tokens.Contains(piece[..length])) tokens.Add(piece[..length]);
                merges.Add($"{piece[..(length - 1)]} {piece[length - 1]}");
            }
        }
        return new TokenizerVocabulary { Tokens = tokens, Merges = merges, PreTokenizer = "default" };
    }

    private static TokenizerVocabulary Arrays(string name)
    {
        JsonElement file = JsonDocument.Parse(File.ReadAllText(GoldenFiles.Local(name + ".tokenizer.json"))).RootElement;
        Dictionary<int, string> tokens = file.GetProperty("model").GetProperty("vocab").EnumerateObject()
            .ToDictionary(token => token.Value.GetInt32(), token => token.Name);
        HashSet<int> special = [];
        foreach (JsonElement token in file.GetProperty("added_tokens").EnumerateArray())
        {
            tokens[token.GetProperty("id").GetInt32()] = token.Text("content");
            special.Add(token.GetProperty("id").GetInt32());
        }
        return new TokenizerVocabulary
        {
            Tokens = [.. Enumerable.Range(0, tokens.Count).Select(id => tokens[id])],
            Types = [.. Enumerable.Range(0, tokens.Count).Select(id => special.Contains(id) ? VocabularyTokenType.Control : VocabularyTokenType.Normal)],
            Merges = [.. file.GetProperty("model").GetProperty("merges").EnumerateArray().Select(merge => $"{merge[0].GetString()} {merge[1].GetString()}")],
            PreTokenizer = "llama-bpe",
            BeginId = 1400,
            EndId = 1401,
        };
    }
}
