using System.IO.Compression;
using System.Text.Json;

namespace Sirocco.EndToEnd;

public sealed class EvalTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string corpus;
    private readonly string queries;

    public EvalTests()
    {
        string[] texts =
        [
            .. Golden.Recorded(Golden.Encoder).GetProperty("texts").EnumerateArray().Select(text => text.GetString()!).Where(text => text.Length > 0),
        ];
        corpus = folder.Write("corpus.jsonl", string.Concat(texts.Select((text, i) => JsonSerializer.Serialize(new { _id = $"d{i}", text }) + "\n")));
        queries = folder.Write(
            "queries.jsonl", string.Concat(texts.Select((text, i) => JsonSerializer.Serialize(new { query = text, positive = $"d{i}" }) + "\n")));
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_run_file_is_measured_as_trec_eval_measures_it()
    {
        // By hand: q1 finds its two relevant documents second and third; q2 finds nothing; q3 is not judged. Equal scores put "e" before "b".
        string run = folder.Write("run.trec", "q1 Q0 a 1 3 x\nq1 Q0 b 2 2 x\nq1 Q0 e 3 2 x\nq3 Q0 a 1 1 x\n"),
            qrels = folder.Write("qrels.txt", "q1 0 b 1\nq1 0 e 3\nq1 0 a 0\nq2 0 c 1\n");
        JsonElement result = Json("eval", run, "--qrels", qrels, "--metrics", "ndcg@10,mrr@10,recall@2,map", "--json");
        Assert.Equal(2, result.GetProperty("queries").GetInt32());
        JsonElement metrics = result.GetProperty("metrics");
        double gain = (3 / Math.Log2(3)) + (1 / Math.Log2(4)), best = 3 + (1 / Math.Log2(3));
        Assert.Equal(gain / best / 2, metrics.GetProperty("ndcg@10").GetDouble(), 1e-12);
        Assert.Equal(0.25, metrics.GetProperty("mrr@10").GetDouble(), 1e-12);
        Assert.Equal(0.25, metrics.GetProperty("recall@2").GetDouble(), 1e-12);
        Assert.Equal(((1 / 2.0) + (2 / 3.0)) / 2 / 2, metrics.GetProperty("map").GetDouble(), 1e-12);
        JsonElement skipped = Json("eval", run, "--qrels", qrels, "--metrics", "mrr@10", "--missing", "skip", "--json");
        Assert.Equal((1, 0.5), (skipped.GetProperty("queries").GetInt32(), skipped.GetProperty("metrics").GetProperty("mrr@10").GetDouble()));
    }

    [Theory]
    [InlineData("--output", "-")]
    [InlineData("--output", "missing/run.trec")]
    [InlineData("--per-query", "missing/values.jsonl")]
    public void A_place_that_cannot_be_written_is_refused_before_the_work(string option, string place)
    {
        Outcome result = SiroccoProcess.Run("eval", folder.File("no-model"), "--corpus", corpus, "--queries", queries, option, place);
        Assert.NotEqual(0, result.Status);
        Assert.Contains(option, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_its_cuts_and_stores_its_index_bm25_and_a_reranker_are_rows_of_one_table()
    {
        string index = folder.File("index"), run = folder.File("run.trec"), values = folder.File("values.jsonl");
        SiroccoProcess.Run("index", Golden.Encoder, corpus, index, "--quiet").ExpectSuccess();
        JsonElement result = Json(
            "eval", Golden.Encoder, index, "--corpus", corpus, "--queries", queries, "--dimensions", "8,16", "--store", "f32,binary",
            "--prompt", "", "--query-prompt", "", "--bm25",
            "--rerank", Golden.CrossEncoder, "--candidates", "3", "--metrics", "mrr@10,p@1", "--output", run, "--per-query", values, "--json");
        JsonElement[] rows = [.. result.GetProperty("rows").EnumerateArray()];
        string[] names = ["8 dimensions, f32 index", "8 dimensions, binary index", "16 dimensions, f32 index", "16 dimensions, binary index"];
        string[] alone = [.. names.Select(name => $"{Golden.Encoder}, {name}"), .. names.Select(name => $"{index}, {name}"), "BM25"];
        Assert.Equal([.. alone, .. alone.Select(name => $"{name} + {Golden.CrossEncoder}")], rows.Select(row => row.GetProperty("name").GetString()));

        // With one prompt for both sides a text's own vector is the nearest, at any length.
        foreach (JsonElement row in rows[..4]) Assert.Equal(1, row.GetProperty("metrics").GetProperty("mrr@10").GetDouble());
        Assert.Equal(rows[0].GetProperty("metrics").GetRawText(), result.GetProperty("metrics").GetRawText());
        Assert.False(rows[0].TryGetProperty("compared_with_first", out _));
        JsonElement reranked = rows[^1].GetProperty("compared_with_first").GetProperty("mrr@10");
        Assert.Equal(rows[^1].GetProperty("metrics").GetProperty("mrr@10").GetDouble() - 1, reranked.GetProperty("difference").GetDouble(), 1e-12);

        JsonElement shared = Json("eval", index, "--corpus", corpus, "--queries", queries, "--rerank", Golden.CrossEncoder, "--rerank-share", "0.5", "--json");
        Assert.Equal($"{index} + 0.5 {Golden.CrossEncoder}", shared.GetProperty("rows")[1].GetProperty("name").GetString());

        // An index without a cut and kept as it is says the same as a search in it.
        JsonElement plain = Json("eval", index, "--queries", queries, "--metrics", "mrr@10,p@1", "--json"),
            whole = Json("eval", index, "--queries", queries, "--dimensions", "32,16", "--metrics", "mrr@10,p@1", "--json");
        Assert.Equal(plain.GetProperty("metrics").GetRawText(), whole.GetProperty("metrics").GetRawText());

        // What was written gives the same figures again.
        JsonElement again = Json("eval", folder.File("run.9.trec"), "--queries", queries, "--metrics", "mrr@10,p@1", "--json");
        Assert.Equal(rows[8].GetProperty("metrics").GetRawText(), again.GetProperty("metrics").GetRawText());
        JsonElement[] lines = [.. File.ReadLines(values).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(rows.Length * result.GetProperty("queries").GetInt32(), lines.Length);
        Assert.Equal(
            again.GetProperty("metrics").GetProperty("p@1").GetDouble(),
            lines.Where(line => line.GetProperty("name").GetString() == rows[8].GetProperty("name").GetString())
                .Average(line => line.GetProperty("metrics").GetProperty("p@1").GetDouble()),
            1e-12);
    }

    [Fact]
    public void A_table_for_people_marks_what_differs()
    {
        string good = folder.Write("good.trec", string.Concat(Enumerable.Range(0, 20).Select(q => $"{q} Q0 d{q} 1 2 x\n{q} Q0 e 2 1 x\n")));
        string bad = folder.Write("bad.trec", string.Concat(Enumerable.Range(0, 20).Select(q => $"{q} Q0 d{q} 1 {(q < 3 ? 2 : 0)} x\n{q} Q0 e 2 1 x\n")));
        string qrels = folder.Write("qrels.txt", string.Concat(Enumerable.Range(0, 20).Select(q => $"{q} 0 d{q} 1\n")));
        string[] table = SiroccoProcess.Run("eval", good, bad, "--qrels", qrels, "--metrics", "mrr@10,recall@2", "--compare").ExpectSuccess().OutputLines;
        Assert.Equal(["mrr@10", "recall@2"], table[0].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["1.0000", "1.0000"], table[1][good.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["0.5750**", "1.0000"], table[2][good.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("20 queries", table[3], StringComparison.Ordinal);
        Assert.Contains(table, line => line.Contains("-0.4250", StringComparison.Ordinal));
        Assert.Contains(table, line => line.Contains("no query differs", StringComparison.Ordinal));
    }

    [Fact]
    public void Scored_pairs_give_correlations()
    {
        string pairs = folder.Write("pairs.csv", "sentence1,sentence2,score\nan apple,an apple,5\nan apple,chess,1\nred,green,3\n");
        JsonElement result = Json("eval", Golden.Encoder, "--pairs", pairs, "--dimensions", "8,16", "--json");
        Assert.Equal(3, result.GetProperty("pairs").GetInt32());
        Assert.Equal(
            [$"{Golden.Encoder}, 8 dimensions", $"{Golden.Encoder}, 16 dimensions"],
            result.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("name").GetString()));
        Assert.InRange(result.GetProperty("metrics").GetProperty("spearman").GetDouble(), -1, 1);
    }

    [Theory]
    [InlineData("--corpus", "c")]
    [InlineData("--queries", "q")]
    [InlineData("--qrels", "q")]
    [InlineData("--metrics", "mrr@10")]
    [InlineData("--bm25")]
    [InlineData("--store", "int8")]
    [InlineData("--prompt", "p")]
    [InlineData("--top", "3")]
    [InlineData("--max-queries", "3")]
    [InlineData("--rerank", "m")]
    [InlineData("--candidates", "3")]
    [InlineData("--rerank-share", "0.5")]
    [InlineData("--compare")]
    [InlineData("--missing", "skip")]
    [InlineData("--output", "o")]
    [InlineData("--per-query", "o")]
    public void What_scored_pairs_have_no_use_for_is_refused(params string[] words)
    {
        string error = SiroccoProcess.Run(["eval", Golden.Encoder, "--pairs", "pairs.csv", .. words]).ExpectWrongUsage();
        Assert.Equal($"error: {words[0]} has no use with --pairs, which searches nothing; leave it out", error);
    }

    [Fact]
    public void What_is_missing_or_damaged_is_one_line()
    {
        string run = folder.Write("run.trec", "q1 Q0 a 1 3\n"),
            qrels = folder.Write("qrels.txt", "q1 0 a 1\n"),
            unknown = folder.Write("unknown.jsonl", "{\"query\":\"a\",\"positive\":\"nowhere\"}\n");
        Assert.Contains("line 1 of", SiroccoProcess.Run("eval", run, "--qrels", qrels).ExpectFailure(), StringComparison.Ordinal);
        Assert.Contains("absent.trec", SiroccoProcess.Run("eval", folder.File("absent.trec"), "--qrels", qrels).ExpectFailure(), StringComparison.Ordinal);
        Assert.Contains("'nowhere'", SiroccoProcess.Run("eval", "--bm25", "--corpus", corpus, "--queries", unknown).ExpectFailure(), StringComparison.Ordinal);
        SiroccoProcess.Run("eval").ExpectWrongUsage();
        Assert.Contains("--qrels", SiroccoProcess.Run("eval", run).ExpectWrongUsage(), StringComparison.Ordinal);
        Assert.Contains("--corpus", SiroccoProcess.Run("eval", Golden.Encoder, "--queries", queries).ExpectWrongUsage(), StringComparison.Ordinal);
        Assert.Contains("ndgc", SiroccoProcess.Run("eval", run, "--qrels", qrels, "--metrics", "ndgc@10").ExpectWrongUsage(), StringComparison.Ordinal);
        Assert.Contains(
            "dimensions",
            SiroccoProcess.Run("eval", Golden.Encoder, "--corpus", corpus, "--queries", queries, "--dimensions", "9999").ExpectWrongUsage(),
            StringComparison.Ordinal);
        Assert.Contains(
            "--store",
            SiroccoProcess.Run("eval", Golden.Encoder, "--corpus", corpus, "--queries", queries, "--store", "int4").ExpectWrongUsage(),
            StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path, "*.partial"));
    }

    [Fact]
    public void Compressed_files_are_read_as_plain_ones()
    {
        JsonElement plain = Json("eval", "--bm25", "--corpus", corpus, "--queries", queries, "--json");
        Assert.Equal(plain.GetRawText(), Json("eval", "--bm25", "--corpus", Packed(corpus), "--queries", Packed(queries), "--json").GetRawText());
    }

    private string Packed(string path)
    {
        using FileStream file = File.Create(path + ".gz");
        using GZipStream gzip = new(file, CompressionLevel.Fastest);
        gzip.Write(File.ReadAllBytes(path));
        return path + ".gz";
    }

    private static JsonElement Json(params string[] arguments) =>
        JsonDocument.Parse(SiroccoProcess.Run([.. arguments, "--quiet"]).ExpectSuccess().Output).RootElement;
}
