using System.Diagnostics;
using Sirocco.Text.Bpe;
using Sirocco.Text.Files;
using Utf8 = System.Text.Encoding;

namespace Sirocco.Text.Tests;

public class MergingTests
{
    private static readonly Lazy<Tokenizer> Small = new(() => Tokenizer.Load(GoldenFiles.Local("small_llama3.tokenizer.json")));

    /// <summary>The definition, word for word: again and again the lowest rank, leftmost first.</summary>
    [Fact]
    public void Heap_and_scan_merge_like_the_definition()
    {
        VocabularyBuilder builder = new(100);
        List<string> tokens = ["a", "b", "c", "ab", "bc", "aa", "abc", "aab", "bcb", "aaaa", "cab", "abcabc"];
        for (int id = 0; id < tokens.Count; id++) builder.Add(id, Utf8.UTF8.GetBytes(tokens[id]));
        TokenTable table = builder.Build(byteLevel: false).Table;
        Random random = new(3);
        for (int round = 0; round < 300; round++)
        {
            byte[] piece = new byte[random.Next(1, round % 3 == 0 ? 400 : 40)];
            for (int i = 0; i < piece.Length; i++) piece[i] = (byte)('a' + random.Next(round % 2 == 0 ? 3 : 2));
            List<string> expected = [.. piece.Select(value => ((char)value).ToString())];
            while (true)
            {
                int best = -1, rank = int.MaxValue;
                for (int i = 0; i + 1 < expected.Count; i++)
                {
                    int id = tokens.IndexOf(expected[i] + expected[i + 1]);
                    if (id >= 0 && id < rank) (best, rank) = (i, id);
                }
                if (best < 0) break;
                expected[best] += expected[best + 1];
                expected.RemoveAt(best + 1);
            }
            int[] ids = [.. piece.Select(value => value - 'a')], lengths = [.. Enumerable.Repeat(1, piece.Length)];
            int count = PairMerger.Merge(new RanksByToken(table), null, piece, ids, lengths);
            Assert.Equal(expected, ids.Take(count).Select(id => tokens[id]));
            Assert.Equal(expected.Select(token => token.Length), lengths.Take(count));
        }
    }

    /// <summary>Quadratic work on these would take minutes; the bound is far from both.</summary>
    [Theory]
    [InlineData("a")]
    [InlineData(" ")]
    [InlineData("中A")]
    [InlineData("\n ")]
    [InlineData("A\u0301")]
    [InlineData("<|")]
    public void A_megabyte_of_one_thing_takes_linear_time(string unit)
    {
        string text = string.Concat(Enumerable.Repeat(unit, 1_000_000 / unit.Length));
        Stopwatch watch = Stopwatch.StartNew();
        int[] ids = Small.Value.EncodeIds(text, false);
        Assert.Equal(text, Small.Value.Decode(ids));
        Assert.True(watch.Elapsed.TotalSeconds < 60, $"{watch.Elapsed.TotalSeconds} s");
    }

    [Fact]
    public void Text_survives_encoding_and_decoding_whatever_it_is()
    {
        Random random = new(5);
        for (int round = 0; round < 500; round++)
        {
            char[] units = [.. Enumerable.Range(0, random.Next(60)).Select(_ => (char)(random.Next(4) == 0 ? random.Next(0x10000) : random.Next(0x20, 0x250)))];
            string text = new(units), whole = Utf8.UTF8.GetString(Utf8.UTF8.GetBytes(text));
            Assert.Equal(whole, Small.Value.Decode(Small.Value.EncodeIds(text, false)));
        }
    }

    [Fact]
    public void Threads_that_share_a_tokenizer_get_the_same_ids()
    {
        string[] texts = [.. Enumerable.Range(0, 400).Select(i => $"Text {i}: the {i * 7919} winds of Sirocco{(char)('a' + (i % 26))} blow {i % 13} times.")];
        int[][] expected = [.. texts.Select(text => Small.Value.EncodeIds(text))];
        Tokenizer fresh = Tokenizer.Load(GoldenFiles.Local("small_llama3.tokenizer.json"));
        Parallel.For(0, texts.Length * 5, i => Assert.Equal(expected[i % texts.Length], fresh.EncodeIds(texts[i % texts.Length])));
    }

    [Fact]
    public void Cutting_to_a_length_keeps_special_tokens_and_one_end_of_the_text()
    {
        int[] all = Small.Value.EncodeIds("one two three four five six seven");
        List<int> right = [], left = [];
        Assert.True(Small.Value.EncodeInto("one two three four five six seven", right, maxLength: 5));
        Assert.True(Small.Value.EncodeInto("one two three four five six seven", left, maxLength: 5, side: TextSide.Left));
        Assert.Equal(all[..5], right);
        Assert.Equal([all[0], .. all[^4..]], left);
        right.Clear();
        Assert.False(Small.Value.EncodeInto("one two three four five six seven", right, maxLength: all.Length));
        Assert.Equal(all, right);
    }
}
