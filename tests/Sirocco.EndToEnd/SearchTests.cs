using System.Diagnostics;
using System.IO.Compression;
using System.Text.Json;
using Sirocco.Models;

namespace Sirocco.EndToEnd;

public sealed class SearchTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string corpus;
    private readonly string index;

    public SearchTests()
    {
        string[] texts = [.. Golden.Recorded(Golden.Encoder).GetProperty("texts").EnumerateArray().Select(text => text.GetString()!)];
        corpus = folder.Write("corpus.jsonl", string.Concat(texts.Select((text, i) => JsonSerializer.Serialize(new { id = $"doc-{i}", text }) + "\n")));
        index = folder.File("index");
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("f32")]
    [InlineData("int8")]
    [InlineData("binary")]
    public void A_document_that_is_asked_for_in_its_own_words_is_found_first(string store)
    {
        // With one prompt for both sides a text's own vector is the nearest.
        SiroccoProcess.Run("index", Golden.Encoder, corpus, index, "--store", store, "--prompt", "", "--query-prompt", "", "--quiet").ExpectSuccess();
        string query = JsonDocument.Parse(File.ReadLines(corpus).First()).RootElement.GetProperty("text").GetString()!;
        JsonElement answer = Answers(SiroccoProcess.Run("search", index, query, "--top", "3"))[0];
        Assert.Equal(query, answer.GetProperty("query").GetString());
        JsonElement[] results = [.. answer.GetProperty("results").EnumerateArray()];
        Assert.Equal(3, results.Length);
        Assert.Equal("doc-0", results[0].GetProperty("id").GetString());
        Assert.Equal(query, results[0].GetProperty("text").GetString());
        Assert.Equal(1.0, results[0].GetProperty("score").GetDouble(), 0.02);
        Assert.True(results[1].GetProperty("score").GetDouble() <= results[0].GetProperty("score").GetDouble());
    }

    [Fact]
    public void Queries_come_from_a_file_in_order_and_a_reranker_may_read_the_results()
    {
        SiroccoProcess.Run("index", Golden.Encoder, corpus, index, "--quiet").ExpectSuccess();
        string queries = folder.Write("queries.jsonl", "{\"query\":\"first\"}\n{\"text\":\"second\"}\n");
        Assert.Equal(
            ["first", "second"], Answers(SiroccoProcess.Run("search", index, "--input", queries)).Select(answer => answer.GetProperty("query").GetString()));
        JsonElement[] judged =
        [
            .. Answers(SiroccoProcess.Run("search", index, "first", "--top", "4", "--rerank", Golden.CrossEncoder))[0].GetProperty("results").EnumerateArray(),
        ];
        Assert.Equal(4, judged.Length);
        Assert.Equal(judged.Select(hit => hit.GetProperty("score").GetDouble()).OrderDescending(), judged.Select(hit => hit.GetProperty("score").GetDouble()));
    }

    [Fact]
    public void A_reranker_may_have_a_share_in_the_order()
    {
        SiroccoProcess.Run("index", Golden.Encoder, corpus, index, "--quiet").ExpectSuccess();
        Dictionary<string, float> found = Scores(), judged = Scores("--rerank", Golden.CrossEncoder, "--candidates", "4");
        Dictionary<string, float> both = Scores("--rerank", Golden.CrossEncoder, "--candidates", "4", "--rerank-share", "0.25");
        string[] ids = [.. found.Keys];
        float[] expected = BlendedScores.Of([.. ids.Select(id => found[id])], [.. ids.Select(id => judged[id])], 0.25);
        for (int i = 0; i < ids.Length; i++) Assert.Equal(expected[i], both[ids[i]], 1e-3);
        foreach (string share in (string[])["0", "1.5", "half"])
            SiroccoProcess.Run("search", index, "first", "--rerank", Golden.CrossEncoder, "--rerank-share", share).ExpectWrongUsage();

        Dictionary<string, float> Scores(params string[] more) =>
            Answers(SiroccoProcess.Run(["search", index, "first", "--top", "4", .. more]))[0].GetProperty("results").EnumerateArray()
            .ToDictionary(hit => hit.GetProperty("id").GetString()!, hit => hit.GetProperty("score").GetSingle());
    }

    [Fact]
    public void Two_processes_on_one_index_leave_a_whole_one_and_say_what_is_wrong()
    {
        string[] build = ["index", Golden.Encoder, corpus, index, "--quiet"];
        using Process one = SiroccoProcess.Start(build);
        using Process two = SiroccoProcess.Start(build);
        Outcome[] outcomes = [SiroccoProcess.Finish(one), SiroccoProcess.Finish(two)];
        Assert.Contains(outcomes, outcome => outcome.Status == 0);
        foreach (Outcome failed in outcomes.Where(outcome => outcome.Status != 0)) Assert.Contains("index", failed.ExpectFailure(), StringComparison.Ordinal);
        Answers(SiroccoProcess.Run("search", index, "anything"));
        Assert.Equal(["corpus.jsonl", "index"], Directory.GetFileSystemEntries(folder.Path).Select(path => Path.GetFileName(path)).Order());
    }

    [Fact]
    public void A_failed_build_leaves_the_earlier_index_as_it_was()
    {
        SiroccoProcess.Run("index", Golden.Encoder, corpus, index, "--quiet").ExpectSuccess();
        string before = SiroccoProcess.Run("search", index, "anything").ExpectSuccess().Output;
        string broken = folder.Write("broken.jsonl", File.ReadAllText(corpus) + "not json\n");
        Assert.Contains("broken.jsonl", SiroccoProcess.Run("index", Golden.Encoder, broken, index).ExpectFailure(), StringComparison.Ordinal);
        Assert.Equal(before, SiroccoProcess.Run("search", index, "anything").ExpectSuccess().Output);
        Assert.Equal(["broken.jsonl", "corpus.jsonl", "index"], Directory.GetFileSystemEntries(folder.Path).Select(path => Path.GetFileName(path)).Order());
    }

    [Fact]
    public void A_model_that_changed_after_the_index_was_made_is_noticed()
    {
        string model = folder.File("model");
        foreach (string path in Directory.EnumerateFiles(Golden.Encoder, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(model, Path.GetRelativePath(Golden.Encoder, path));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(path, copy);
        }

        SiroccoProcess.Run("index", model, corpus, index, "--quiet").ExpectSuccess();
        File.AppendAllText(Path.Combine(model, "config.json"), " ");
        Assert.Contains("another model", SiroccoProcess.Run("search", index, "anything").ExpectFailure(), StringComparison.Ordinal);
        Directory.Delete(model, recursive: true);
        Assert.Contains("--model", SiroccoProcess.Run("search", index, "anything").ExpectFailure(), StringComparison.Ordinal);
        SiroccoProcess.Run("search", index, "anything", "--model", Golden.Encoder).ExpectSuccess();
    }

    [Fact]
    public void A_damaged_index_is_one_line()
    {
        Assert.Contains("index.json", SiroccoProcess.Run("search", folder.Path, "anything").ExpectFailure(), StringComparison.Ordinal);
        SiroccoProcess.Run("index", Golden.Encoder, corpus, index, "--quiet").ExpectSuccess();
        string vectors = Directory.GetFiles(index, "vectors*")[0];
        File.WriteAllBytes(vectors, File.ReadAllBytes(vectors)[1..]);
        Assert.Contains("vectors", SiroccoProcess.Run("search", index, "anything").ExpectFailure(), StringComparison.Ordinal);
    }

    [Fact]
    public void Scores_that_are_no_numbers_name_the_index()
    {
        SiroccoProcess.Run("index", Golden.Encoder, corpus, index, "--quiet").ExpectSuccess();
        string vectors = Directory.GetFiles(index, "vectors*")[0];
        byte[] bytes = File.ReadAllBytes(vectors);
        bytes.AsSpan(bytes.Length / 2).Fill(0xFF); // every float32 of all ones is NaN
        File.WriteAllBytes(vectors, bytes);
        Assert.Contains(index, SiroccoProcess.Run("search", index, "anything", "--top", "1000").ExpectFailure(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(40)]
    public void A_compressed_corpus_that_breaks_off_is_not_taken_for_a_whole_one(int missing)
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Optimal, leaveOpen: true)) gzip.Write(File.ReadAllBytes(corpus));
        string path = folder.File("corpus.jsonl.gz");
        File.WriteAllBytes(path, packed.ToArray());
        SiroccoProcess.Run("index", Golden.Encoder, path, index, "--quiet").ExpectSuccess();
        File.WriteAllBytes(path, packed.ToArray()[..^missing]);
        Assert.Contains(
            "corpus.jsonl.gz is cut off or damaged inside its compressed data",
            SiroccoProcess.Run("index", Golden.Encoder, path, index, "--quiet").ExpectFailure(),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("{\"text\": \"plain\"}\n", "is not gzip-compressed")]
    public void A_name_that_ends_in_gz_needs_compressed_content(string content, string message)
    {
        string path = folder.Write("plain.jsonl.gz", content);
        string error = SiroccoProcess.Run("index", Golden.Encoder, path, index, "--quiet").ExpectFailure();
        Assert.Contains($"plain.jsonl.gz {message}", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_length_that_the_special_tokens_fill_is_wrong_usage()
    {
        string documents = folder.Write("documents.txt", "one\n");
        // One special token on either side of the pair or between its texts: a limit of as many leaves nothing of either.
        string error = SiroccoProcess.Run("rerank", Golden.CrossEncoder, "--query", "q", "--input", documents, "--max-length", "1").ExpectWrongUsage();
        Assert.Contains("special tokens around a pair", error, StringComparison.Ordinal);
        int special = int.Parse(error.Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture);
        string[] rerank = ["rerank", Golden.CrossEncoder, "--query", "q", "--input", documents, "--max-length"];
        SiroccoProcess.Run([.. rerank, special.ToString(System.Globalization.CultureInfo.InvariantCulture)]).ExpectWrongUsage();
        SiroccoProcess.Run([.. rerank, (special + 1).ToString(System.Globalization.CultureInfo.InvariantCulture)]).ExpectSuccess();
    }

    [Fact]
    public void Ids_that_come_twice_are_said_once()
    {
        File.AppendAllText(corpus, "{\"id\":\"doc-0\",\"text\":\"again\"}\n{\"id\":\"doc-1\",\"text\":\"again\"}\n");
        string[] said = [.. SiroccoProcess.Run("index", Golden.Encoder, corpus, index)
            .ExpectSuccess().ErrorLines.Where(line => line.Contains("id of an earlier", StringComparison.Ordinal))];
        Assert.Contains("2 records have the id of an earlier one, 'doc-0' first", Assert.Single(said), StringComparison.Ordinal);
    }

    private static JsonElement[] Answers(Outcome outcome) => [.. outcome.ExpectSuccess().OutputLines.Select(line => JsonDocument.Parse(line).RootElement)];
}
