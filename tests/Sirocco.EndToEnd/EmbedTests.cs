using System.Globalization;
using System.Text.Json;
using Sirocco.Formats;

namespace Sirocco.EndToEnd;

public sealed class EmbedTests : IDisposable
{
    private const float Tolerance = 2e-5f;
    private readonly TemporaryFolder folder = new();
    private readonly string[] texts = [.. Golden.Recorded(Golden.Encoder).GetProperty("texts").EnumerateArray().Select(text => text.GetString()!)];
    private readonly string[] queries = [.. Golden.Recorded(Golden.Encoder).GetProperty("queries").EnumerateArray().Select(text => text.GetString()!)];

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("out.jsonl")]
    [InlineData("out.npy")]
    [InlineData("out.safetensors")]
    public void Every_output_holds_the_vectors_of_the_reference_library(string name)
    {
        string input = folder.Write("in.jsonl", Golden.JsonLines(texts));
        SiroccoProcess.Run("embed", Golden.Encoder, "--input", input, "--output", folder.File(name), "--precision", "f32", "--quiet").ExpectSuccess();
        Close(Recorded("embeddings.single"), name switch
        {
            "out.jsonl" => [.. File.ReadLines(folder.File(name)).Select(Vector)],
            "out.npy" => Npy(folder.File(name)),
            _ => Rows(folder.File(name), "embeddings"),
        });
    }

    [Fact]
    public void A_prompt_is_chosen_by_name_or_given_in_words()
    {
        string input = folder.Write("in.txt", string.Join('\n', queries));
        Close(Recorded("embeddings.prompt.query"), Embed(input, "--prompt-name", "query"));
        Close(Recorded("embeddings.prompt_text"), Embed(input, "--prompt", "search: "));
        Assert.Contains("'nothing'", SiroccoProcess.Run("embed", Golden.Encoder, "x", "--prompt-name", "nothing").ExpectWrongUsage(), StringComparison.Ordinal);
    }

    [Fact]
    public void Other_fields_of_a_record_are_carried_through()
    {
        Outcome outcome = SiroccoProcess.RunWith("{\"id\": 7, \"title\": \"T\", \"text\": \"body\", \"nested\": {\"a\": [1, null]}}\n", "embed", Golden.Encoder)
            .ExpectSuccess();
        JsonElement record = JsonDocument.Parse(Assert.Single(outcome.OutputLines)).RootElement;
        Assert.Equal(7, record.GetProperty("id").GetInt32());
        Assert.Equal(
            "{\"a\": [1, null]}",
            record.GetProperty("nested").GetRawText().Replace(",", ", ", StringComparison.Ordinal).Replace(":", ": ", StringComparison.Ordinal));
        Close([Vector(SiroccoProcess.Run("embed", Golden.Encoder, "T body").ExpectSuccess().Output)], [Vector(outcome.Output)]);
    }

    [Fact]
    public void What_only_the_model_can_refuse_of_the_options_is_wrong_usage_too()
    {
        Assert.Contains("'nothing'", SiroccoProcess.Run("embed", Golden.Encoder, "x", "--prompt-name", "nothing").ExpectWrongUsage(), StringComparison.Ordinal);
        Assert.Contains(
            "leaves no room for text", SiroccoProcess.Run("embed", Golden.Encoder, "x", "--max-length", "1").ExpectWrongUsage(), StringComparison.Ordinal);
        Assert.Contains("is a reranker", SiroccoProcess.Run("embed", Golden.CrossEncoder, "x").ExpectFailure(), StringComparison.Ordinal);
    }

    [Fact]
    public void Half_a_surrogate_pair_counts_as_the_replacement_character_and_fields_are_carried_as_they_came()
    {
        Outcome outcome = SiroccoProcess.RunWith(
            "{\"text\": \"a \\ud83d b\\n\\\"\", \"note\": \"\\uDE00\", \"pair\": \"\\ud83d\\ude00\"}\n", "embed", Golden.Encoder, "--precision", "f32")
            .ExpectSuccess();
        string record = Assert.Single(outcome.OutputLines);
        Assert.StartsWith(
            "{\"text\":\"a \\ud83d b\\n\\\"\",\"note\":\"\\uDE00\",\"pair\":\"\\ud83d\\ude00\",\"embedding\":[", record, StringComparison.Ordinal);
        Close(
            [Vector(SiroccoProcess.Run("embed", Golden.Encoder, "a \uFFFD b\n\"", "--precision", "f32").ExpectSuccess().Output)],
            [[.. JsonDocument.Parse(record).RootElement.GetProperty("embedding").EnumerateArray().Select(value => value.GetSingle())]]);
        Assert.Contains(
            "is not valid UTF-8",
            SiroccoProcess.Run("embed", Golden.Encoder, "--input", folder.Write("bad.jsonl", [.. "{\"text\": \""u8, 0xFF, .. "\"}"u8])).ExpectFailure(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Bits_are_the_signs_of_the_features()
    {
        float[] vector = Vector(SiroccoProcess.Run("embed", Golden.Encoder, "a text").ExpectSuccess().Output);
        float[] bits = Vector(SiroccoProcess.Run("embed", Golden.Encoder, "a text", "--embedding-type", "ubinary").ExpectSuccess().Output);
        for (int i = 0; i < vector.Length; i++) Assert.Equal(vector[i] > 0, ((int)bits[i / 8] >> (7 - (i % 8)) & 1) == 1);
    }

    [Fact]
    public void No_text_gives_a_matrix_without_rows()
    {
        string input = folder.Write("in.jsonl", "");
        SiroccoProcess.Run("embed", Golden.Encoder, "--input", input, "--output", folder.File("out.npy")).ExpectSuccess();
        Assert.Empty(Npy(folder.File("out.npy")));
    }

    [Fact]
    public void Texts_that_were_cut_are_reported()
    {
        Outcome outcome = SiroccoProcess.Run("embed", Golden.Encoder, string.Concat(Enumerable.Repeat("word ", 600)), "--max-length", "16").ExpectSuccess();
        Assert.Equal("note: 1 texts were longer than 16 tokens and were cut", Assert.Single(outcome.ErrorLines));
    }

    [Fact]
    public void An_interrupted_run_goes_on_where_it_stopped()
    {
        string[] many = [.. Enumerable.Range(0, 700).Select(i => string.Create(CultureInfo.InvariantCulture, $"text number {i}"))];
        string input = folder.Write("in.jsonl", Golden.JsonLines(many));
        string output = folder.File("out.npy");
        SiroccoProcess.Run("embed", Golden.Encoder, "--input", input, "--output", folder.File("whole.npy"), "--quiet").ExpectSuccess();
        // A run that fails at line 601 has written 512 vectors; they are kept, the output is not there.
        File.WriteAllText(input, Golden.JsonLines(many[..600]) + "{broken\n" + Golden.JsonLines(many[601..]));
        Assert.Contains(
            "line 601",
            SiroccoProcess.Run("embed", Golden.Encoder, "--input", input, "--output", output, "--resume", "--quiet").ExpectFailure(),
            StringComparison.Ordinal);
        Assert.True(File.Exists(output + ".partial"));
        Assert.False(File.Exists(output));
        // Another input is another run.
        File.WriteAllText(input, Golden.JsonLines(many));
        Assert.Contains(
            "partial",
            SiroccoProcess.Run("embed", Golden.Encoder, "--input", input, "--output", output, "--resume", "--quiet").ExpectFailure(),
            StringComparison.Ordinal);
        File.Delete(output + ".partial");

        using (System.Diagnostics.Process process = SiroccoProcess.Start(["embed", Golden.Encoder, "--input", input, "--output", output, "--resume"]))
        {
            while (!process.HasExited && (!File.Exists(output + ".partial") || new FileInfo(output + ".partial").Length < 256 * 32 * 4)) Thread.Sleep(1);
            process.Kill();
            process.WaitForExit();
        }

        SiroccoProcess.Run("embed", Golden.Encoder, "--input", input, "--output", output, "--resume").ExpectSuccess();
        Assert.False(File.Exists(output + ".partial"));
        Close(Npy(folder.File("whole.npy")), Npy(output));
    }

    [Fact]
    public void Reranking_orders_as_the_reference_library_does()
    {
        JsonElement golden = Golden.Recorded(Golden.CrossEncoder);
        JsonElement[] pairs = [.. golden.GetProperty("pairs").EnumerateArray()];
        string query = pairs[0][0].GetString()!;
        JsonElement[] rank = [.. golden.GetProperty("rank").EnumerateArray()];
        string[] documents = [.. pairs.Where(pair => pair[0].GetString() == query).Select(pair => pair[1].GetString()!)];
        Outcome outcome = SiroccoProcess.RunWith(Golden.JsonLines(documents), "rerank", Golden.CrossEncoder, "--query", query, "--precision", "f32")
            .ExpectSuccess();
        JsonElement[] found = [.. outcome.OutputLines.Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(documents.Length, found.Length);
        Assert.Equal(found.Select(row => row.GetProperty("score").GetDouble()).OrderDescending(), found.Select(row => row.GetProperty("score").GetDouble()));
        foreach (JsonElement row in found)
        {
            JsonElement? expected = rank.Cast<JsonElement?>()
                .FirstOrDefault(other => other!.Value.GetProperty("corpus_id").GetInt32() == row.GetProperty("index").GetInt32());
            if (expected is { } same) Assert.Equal(same.GetProperty("score").GetDouble(), row.GetProperty("score").GetDouble(), Tolerance);
        }

        Assert.Single(
            SiroccoProcess.RunWith(Golden.JsonLines(documents), "rerank", Golden.CrossEncoder, "--query", query, "--top", "1").ExpectSuccess().OutputLines);
    }

    [Fact]
    public void A_reranker_puts_a_prompt_before_the_query()
    {
        string Rank(string query, params string[] more) =>
            SiroccoProcess.RunWith("one\ntwo\n", ["rerank", Golden.CrossEncoder, "--query", query, .. more]).ExpectSuccess().Output;
        Assert.Equal(Rank("find: viewer"), Rank("viewer", "--prompt", "find: "));
        Assert.Contains(
            "no prompt named 'web'",
            SiroccoProcess.RunWith("one\n", "rerank", Golden.CrossEncoder, "--query", "q", "--prompt-name", "web").ExpectWrongUsage(),
            StringComparison.Ordinal);
        Assert.Contains(
            "not both",
            SiroccoProcess.RunWith("one\n", "rerank", Golden.CrossEncoder, "--query", "q", "--prompt-name", "web", "--prompt", "x").ExpectWrongUsage(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_is_none_is_one_line()
    {
        Assert.Contains("nowhere", SiroccoProcess.Run("embed", folder.File("nowhere"), "text").ExpectFailure(), StringComparison.Ordinal);
        Assert.Contains("config.json", SiroccoProcess.Run("embed", folder.Path, "text").ExpectFailure(), StringComparison.Ordinal);
        Assert.Contains("cuda", SiroccoProcess.Run("embed", Golden.Encoder, "text", "--device", "cuda:0").ExpectFailure(), StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_gives_the_same_vectors_from_token_ids()
    {
        int[][] ids = [.. Golden.Recorded(Golden.Encoder).GetProperty("token_ids").EnumerateArray().Take(3)
            .Select(row => row.EnumerateArray().Select(id => id.GetInt32()).ToArray())];
        int longest = ids.Max(row => row.Length);
        long[] padded = new long[ids.Length * longest], mask = new long[ids.Length * longest];
        for (int row = 0; row < ids.Length; row++)
        {
            for (int i = 0; i < ids[row].Length; i++) (padded[(row * longest) + i], mask[(row * longest) + i]) = (ids[row][i], 1);
        }

        SafetensorsWriter.Write(folder.File("in.safetensors"), [
            OutgoingTensor.Create<long>("input_ids", [ids.Length, longest], padded),
            OutgoingTensor.Create<long>("attention_mask", [ids.Length, longest], mask),
        ]);
        SiroccoProcess.Run("forward", Golden.Encoder, folder.File("in.safetensors"), folder.File("out.safetensors"), "--precision", "f32", "--normalize")
            .ExpectSuccess();
        // The golden's ids are those of texts without the prompt that embeddings have: only embed with an empty prompt agrees.
        string input = folder.Write("texts.jsonl", Golden.JsonLines(texts[..3]));
        Close(Embed(input, "--prompt", ""), Rows(folder.File("out.safetensors"), "embedding"));
    }

    private float[][] Embed(string input, params string[] options)
    {
        SiroccoProcess.Run(["embed", Golden.Encoder, "--input", input, "--output", folder.File("vectors.npy"), "--precision", "f32", "--quiet", .. options])
            .ExpectSuccess();
        return Npy(folder.File("vectors.npy"));
    }

    private static float[][] Recorded(string name) => Rows(Path.Combine(Golden.Encoder, "goldens.safetensors"), name);

    private static float[][] Rows(string path, string name)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        StoredTensor tensor = file[name];
        return [.. tensor.ToSingleArray().Chunk((int)tensor.Columns)];
    }

    // Version 1.0: ten bytes, then a header of which the last word before ')' of the shape is the width.
    private static float[][] Npy(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int header = BitConverter.ToUInt16(bytes, 8);
        string text = System.Text.Encoding.ASCII.GetString(bytes, 10, header);
        int width = int.Parse(text.Split('(', ')')[1].Split(',')[1], CultureInfo.InvariantCulture);
        return [.. System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes.AsSpan(10 + header)).ToArray().Chunk(width)];
    }

    private static float[] Vector(string line) =>
        [.. JsonDocument.Parse(line).RootElement.GetProperty("embedding").EnumerateArray().Select(value => value.GetSingle())];

    private static void Close(float[][] expected, float[][] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        float largest = expected.SelectMany(row => row).Max(Math.Abs);
        for (int row = 0; row < expected.Length; row++)
        {
            Assert.Equal(expected[row].Length, actual[row].Length);
            for (int i = 0; i < expected[row].Length; i++) Assert.Equal(expected[row][i], actual[row][i], Tolerance * largest);
        }
    }
}
