using System.Text.Json;

namespace Sirocco.EndToEnd;

public sealed class TokenizeTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Ids_are_those_of_the_reference_library_in_the_order_of_the_input()
    {
        JsonElement golden = Golden.Recorded(Golden.Encoder);
        string[] texts = [.. golden.GetProperty("texts").EnumerateArray().Select(text => text.GetString()!)];
        Outcome outcome = SiroccoProcess.RunWith(Golden.JsonLines(texts), "tokenize", Golden.Encoder).ExpectSuccess();
        int[][] expected = [.. golden.GetProperty("token_ids").EnumerateArray().Select(row => row.EnumerateArray().Select(id => id.GetInt32()).ToArray())];
        int longest = golden.GetProperty("max_seq_length").GetInt32(); // the library cuts there, a tokenizer does not
        Assert.Equal(expected, outcome.OutputLines.Select(line => Ids(line)).Select(ids => ids[..Math.Min(ids.Length, longest)]));
    }

    [Fact]
    public void Decoding_what_was_encoded_gives_the_text_back()
    {
        string text = "naïve 東京 😀 \u0001 tab\t.";
        string input = folder.Write("in.jsonl", Golden.JsonLines([text]));
        SiroccoProcess.Run("tokenize", Golden.Encoder, "--input", input, "--output", folder.File("ids.jsonl")).ExpectSuccess();
        Outcome decoded = SiroccoProcess.Run("tokenize", Golden.Encoder, "--input", folder.File("ids.jsonl"), "--decode", "--skip_special").ExpectSuccess();
        Assert.Equal(text, JsonDocument.Parse(Assert.Single(decoded.OutputLines)).RootElement.GetProperty("text").GetString());
    }

    [Fact]
    public void Offsets_count_code_points()
    {
        Outcome outcome = SiroccoProcess.RunWith("{\"text\":\"😀a\"}\n", "tokenize", Golden.Encoder, "--offsets", "--no-special").ExpectSuccess();
        JsonElement[] offsets = [.. JsonDocument.Parse(outcome.Output).RootElement.GetProperty("offsets").EnumerateArray()];
        Assert.Equal([1, 2], offsets[^1].EnumerateArray().Select(place => place.GetInt32()));
    }

    [Fact]
    public void A_text_file_has_a_text_on_every_line()
    {
        string input = folder.Write("in.txt", "one\r\n\ntwo");
        Assert.Equal(3, SiroccoProcess.Run("tokenize", Golden.Encoder, "--input", input).ExpectSuccess().OutputLines.Length);
    }

    [Fact]
    public async Task An_answer_comes_before_the_next_question_is_asked()
    {
        using System.Diagnostics.Process process = SiroccoProcess.Start(["tokenize", Golden.Encoder]);
        for (int i = 0; i < 2; i++)
        {
            process.StandardInput.WriteLine("{\"text\":\"again\"}");
            process.StandardInput.Flush();
            string? answer = await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
            Assert.NotEmpty(Ids(answer!));
        }

        SiroccoProcess.Finish(process).ExpectSuccess();
    }

    [Fact]
    public void Half_a_surrogate_pair_is_the_replacement_character()
    {
        Outcome outcome = SiroccoProcess.RunWith(
            "{\"text\": \"half a pair \\ud800\\u00e9\"}\n{\"text\": \"half a pair \uFFFD\u00e9\"}\n", "tokenize", Golden.Encoder)
            .ExpectSuccess();
        Assert.Equal(outcome.OutputLines[1], outcome.OutputLines[0]);
    }

    [Theory]
    [InlineData("{\"text\":\"fine\"}\n{\"text\": 5}\n", "line 2 of standard input: \"text\" must be a string, not Number")]
    [InlineData("{\"text\":\"fine\"}\n\n{\"txt\": \"\"}\n", "line 3 of standard input has no \"text\"")]
    [InlineData("{\"text\":\"fine\"}\n{\"text\": \n", "line 2 of standard input is not JSON")]
    [InlineData("{\"a\":1}{\"b\":2}\n", "line 1 of standard input is not JSON")]
    public void A_bad_record_is_named_by_its_line(string input, string message)
    {
        Outcome outcome = SiroccoProcess.RunWith(input, "tokenize", Golden.Encoder, "--output", folder.File("out.jsonl"));
        Assert.Contains(message, outcome.ExpectFailure(), StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void An_id_outside_the_vocabulary_is_named_by_its_line()
    {
        Outcome outcome = SiroccoProcess.RunWith(
            "{\"ids\":[1,5]}\n{\"ids\":[123456]}\n", "tokenize", Golden.Encoder, "--decode", "--output", folder.File("out.jsonl"));
        string error = outcome.ExpectFailure();
        Assert.Contains("line 2", error, StringComparison.Ordinal);
        Assert.Contains("123456", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_of_a_hundred_megabytes_is_refused_and_earlier_output_stays()
    {
        string earlier = folder.Write("out.jsonl", "earlier");
        string input = folder.File("long.jsonl");
        using (StreamWriter writer = new(input))
        {
            writer.Write("{\"text\":\"");
            string block = new('a', 1 << 20);
            for (int i = 0; i < 100; i++) writer.Write(block);
            writer.WriteLine("\"}");
        }

        string error = SiroccoProcess.Run("tokenize", Golden.Encoder, "--input", input, "--output", earlier).ExpectFailure();
        Assert.Contains("line 1 of " + input, error, StringComparison.Ordinal);
        Assert.Equal("earlier", File.ReadAllText(earlier));
        Assert.Equal(2, Directory.EnumerateFileSystemEntries(folder.Path).Count());
    }

    [Fact]
    public void A_missing_tokenizer_or_input_is_one_line_that_names_it()
    {
        Assert.Contains("nowhere", SiroccoProcess.Run("tokenize", folder.File("nowhere")).ExpectFailure(), StringComparison.Ordinal);
        Assert.Contains(
            "none.jsonl", SiroccoProcess.Run("tokenize", Golden.Encoder, "--input", folder.File("none.jsonl")).ExpectFailure(), StringComparison.Ordinal);
        Assert.Contains(
            "gone",
            SiroccoProcess.RunWith("{\"text\":\"\"}", "tokenize", Golden.Encoder, "--output", folder.File("gone/out.jsonl")).ExpectFailure(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_stack_is_shown_with_debug_only()
    {
        Outcome outcome = SiroccoProcess.Run("tokenize", folder.File("nowhere"), "--debug");
        Assert.Equal(1, outcome.Status);
        Assert.Contains("   at Sirocco.", outcome.Error, StringComparison.Ordinal);
    }

    private static int[] Ids(string line) => [.. JsonDocument.Parse(line).RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
}
