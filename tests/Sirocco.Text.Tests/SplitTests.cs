using System.Text.Json;
using Sirocco.Text.Splitting;
using Utf8 = System.Text.Encoding;

namespace Sirocco.Text.Tests;

public class SplitTests
{
    [Theory]
    [InlineData("tekken")]
    [InlineData("llama3")]
    public void Published_patterns_cut_where_the_reference_engines_do(string name)
    {
        string pattern = JsonDocument.Parse(File.ReadAllText(GoldenFiles.Local("split_patterns.json"))).RootElement.Text(name);
        TextSplitter splitter = new PatternSplitter(PublishedPattern.Find(pattern)!);
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.Local($"split_{name}.jsonl.gz")))
        {
            string text = row.Text("text");
            Assert.True(
                row.Integers("lengths").SequenceEqual(Lengths(splitter, text)),
                $"{JsonSerializer.Serialize(text)}: {string.Join(' ', Lengths(splitter, text))}");
        }
    }

    [Theory]
    [InlineData("tekken")]
    [InlineData("llama3")]
    [InlineData("gpt2")]
    public void Hand_written_matchers_agree_with_the_regex_engine_on_random_text(string name)
    {
        string pattern = name switch { "tekken" => PublishedPattern.TekkenText, "llama3" => PublishedPattern.Llama3Text, _ => PublishedPattern.Gpt2Text };
        TextSplitter splitter = new PatternSplitter(PublishedPattern.Find(pattern)!);
        System.Text.RegularExpressions.Regex regex = new(pattern, System.Text.RegularExpressions.RegexOptions.CultureInvariant);
        string[] alphabet =
        [
            "a", "b", "A", "B", "é", "É", "中", "ʰ", "ǅ", "\u0301", "\u0903", "1", "٣", "½", " ", "  ", "\t", "\n", "\r\n", "\u00A0", "\u2003", "/", "!", "'",
            "'s", "'RE", "'ll", "€", "_", "\u200D",
        ];
        Random random = new(7);
        for (int round = 0; round < 4000; round++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => alphabet[random.Next(alphabet.Length)]));
            int[] expected = [.. regex.Matches(text).Select(match => match.Length)];
            Assert.True(
                expected.SequenceEqual(Lengths(splitter, text)),
                $"{JsonSerializer.Serialize(text)}: {string.Join(' ', Lengths(splitter, text))} instead of {string.Join(' ', expected)}");
        }
    }

    [Theory]
    [InlineData("[[:alpha:]]", "[:alpha:] is not supported")]
    [InlineData("[a", "not closed")]
    [InlineData("a\\", "backslash")]
    [InlineData("\\x{1F600}", "FFFF")]
    [InlineData("[a&&]", "empty")]
    [InlineData("\\p{Han}", "Han")]
    public void A_pattern_that_cannot_be_followed_exactly_is_refused(string pattern, string reason) =>
        Assert.Contains(reason, Assert.ThrowsAny<ArgumentException>(() => TextPattern.Expression(pattern)).Message);

    [Fact]
    public void No_pattern_fails_in_another_way()
    {
        string[] pieces =
        [
            "a", "-", "[", "[^", "]", "(", "(?:", "(?i)", "(?m:", "(?#", ")", "|", "*", "+", "?", "{2}", "{,3}", "{1,", "}", "\\", "\\w", "\\W", "\\b",
            "\\p{L}", "\\p{^N", "\\x{4", "&&", "[:punct:]", "^", "$", ".", "é", "𝒜",
        ];
        Random random = new(11);
        for (int round = 0; round < 500; round++)
        {
            string pattern = string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => pieces[random.Next(pieces.Length)]));
            try
            {
                TextPattern.Expression(pattern).Matches("ab-é1 𝒜\n"u8);
            }
            catch (ArgumentException)
            {
                // Refused.
            }
        }
    }

    private static List<int> Lengths(TextSplitter splitter, string text)
    {
        byte[] bytes = Utf8.UTF8.GetBytes(text);
        List<int> lengths = [];
        for (int at = 0; at < bytes.Length;)
        {
            int end = splitter.Next(bytes, at);
            lengths.Add(bytes.AsSpan(at, end - at).ToArray().Count(value => (value & 0xC0) != 0x80));
            at = end;
        }
        return lengths;
    }
}
