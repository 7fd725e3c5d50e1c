using System.IO.Compression;
using System.Text;

namespace Sirocco.Training.Tests.Evaluation;

public sealed class RunFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_run_is_read_back_as_it_was_written()
    {
        RetrievalRun run = new();
        run.Add("q1", [new("a", 0.1f), new("b", -3.5), new("c", double.NegativeInfinity)]);
        run.Add("q2", [new("ü", 1e30)]);
        using MemoryStream stream = new();
        run.Write(stream, "my model");
        string path = folder.Write("run.trec", Encoding.UTF8.GetString(stream.ToArray()));
        Assert.Equal("q1 Q0 a 1 0.10000000149011612 my-model", File.ReadLines(path).First());
        RetrievalRun read = RetrievalRun.Load(path);
        Assert.Equal(run.Queries, read.Queries);
        foreach (string query in run.Queries) Assert.Equal(run.Ranking(query), read.Ranking(query));
    }

    [Fact]
    public void Judgements_of_trec_and_of_beir_are_the_same()
    {
        string trec = folder.Write("qrels.txt", "q1 0 d1 2\nq1 0 d2 0\nq2\t0\td1\t-1\n\n");
        string beir = folder.Write("qrels.tsv", "query-id\tcorpus-id\tscore\r\nq1\td1\t2\r\nq1\td2\t0\r\nq2\td1\t-1\r\n");
        foreach (RelevanceJudgements judgements in ((string[])[trec, beir, Packed(beir)]).Select(RelevanceJudgements.Load))
        {
            Assert.Equal(["q1", "q2"], judgements.Queries);
            Assert.Equal(new Dictionary<string, int> { ["d1"] = 2, ["d2"] = 0 }, judgements.Of("q1"));
            Assert.Equal(-1, judgements.Of("q2")["d1"]);
            Assert.Empty(judgements.Of("q3"));
        }
    }

    [Theory]
    [InlineData("q Q0 d 1 0.5\n", "line 1", "5 fields")]
    [InlineData("q Q0 d 1 0.5 t\nq Q0 e 2 x t\n", "line 2", "'x' is not a number")]
    [InlineData("q Q0 d 1 nan t\n", "line 1", "not a number")]
    [InlineData("q Q0 d 1 0.5 t\nq Q0 d 2 0.4 t\n", "line 2", "second time")]
    [InlineData("\n\n", "run.trec", "no results")]
    public void A_bad_run_names_the_line(string content, string place, string problem)
    {
        string message = Assert.Throws<InvalidDataException>(() => RetrievalRun.Load(folder.Write("run.trec", content))).Message;
        Assert.Contains(place, message, StringComparison.Ordinal);
        Assert.Contains("run.trec", message, StringComparison.Ordinal);
        Assert.Contains(problem, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("q d\n", "2 fields")]
    [InlineData("q 0 d 1\nq d 1\n", "line 2")]
    [InlineData("q 0 d 1\nq 0 e much\n", "'much' is not a whole number")]
    [InlineData("q 0 d 1.5\n", "'1.5' is not a whole number")]
    [InlineData("q 0 d 99999999999\n", "not a whole number")]
    [InlineData("q 0 d 1\nq 0 d 2\n", "second time")]
    [InlineData("query-id\tcorpus-id\tscore\n", "no judgements")]
    [InlineData("", "no judgements")]
    public void Bad_judgements_name_the_line(string content, string problem)
    {
        string message = Assert.Throws<InvalidDataException>(() => RelevanceJudgements.Load(folder.Write("qrels.tsv", content))).Message;
        Assert.Contains("qrels.tsv", message, StringComparison.Ordinal);
        Assert.Contains(problem, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_files_give_one_line_or_a_result()
    {
        byte[] run = "q1 Q0 d1 1 0.5 t\nq1 Q0 d2 2 0.25 t\nq2 Q0 d1 1 -1e3 t\n"u8.ToArray(), qrels = "q1 0 d1 1\nq2 0 d2 0\n"u8.ToArray();
        FuzzRounds.Run(400, random =>
        {
            Attempt(path => RetrievalRun.Load(path), run, random);
            Attempt(path => RelevanceJudgements.Load(path), qrels, random);
        });

        void Attempt(Func<string, object> load, byte[] content, Random random)
        {
            byte[] damaged = [.. content];
            for (int i = random.Next(4); i >= 0; i--) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            string path = folder.File("damaged.txt");
            File.WriteAllBytes(path, damaged[..random.Next(damaged.Length + 1)]);
            try
            {
                Assert.NotNull(load(path));
            }
            catch (InvalidDataException e)
            {
                Assert.Contains("damaged.txt", e.Message, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    private string Packed(string path)
    {
        using FileStream file = File.Create(path + ".gz");
        using GZipStream gzip = new(file, CompressionLevel.Fastest);
        gzip.Write(File.ReadAllBytes(path));
        return path + ".gz";
    }
}
