using System.IO.Compression;

namespace Sirocco.Training.Tests.Evaluation;

public sealed class EvaluationFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_corpus_is_the_same_in_each_layout()
    {
        const string Lines = """
            {"_id": "d1", "title": "A title", "text": "and a text", "metadata": {}}
            {"_id": 2, "title": "", "text": "no title"}

            {"_id": "ü", "text": ""}
            """;
        string plain = folder.Write("beir/corpus.jsonl", Lines), packed = folder.File("packed.jsonl.gz");
        using (GZipStream gzip = new(File.Create(packed), CompressionLevel.Fastest)) gzip.Write(File.ReadAllBytes(plain));
        string table = folder.Write("corpus.tsv", "id\ttitle\ttext\nd1\tA title\tand a text\n2\t\tno title\nü\t\t\"\"\n");
        folder.Write("merlin/merlin_metadata.json", """{"class": "TextQADataset", "corpus_id": "c"}""");
        folder.Write("merlin/train.jsonl", """
            {"id": "d1", "text": "A title and a text"}
            {"id": 2, "text": "no title"}
            {"id": "ü", "text": ""}
            """);
        foreach (string path in (string[])[plain, Path.GetDirectoryName(plain)!, packed, table, folder.File("merlin")])
        {
            Corpus corpus = EvaluationCorpus.Load(path);
            Assert.Equal(
                ["d1: A title and a text", "2: no title", "ü: "], Enumerable.Range(0, corpus.Count).Select(i => $"{corpus.IdOf(i)}: {corpus.TextOf(i)}"));
        }
    }

    [Fact]
    public void A_document_without_text_may_stand_anywhere()
    {
        string large = new('x', 300_000);   // kept in memory of its own
        string[] texts = ["", large, "", "a", "", large, large, ""];
        string path = folder.Write("empty.jsonl", string.Join('\n', texts.Select((text, i) => $$"""{"_id": {{i}}, "text": "{{text}}"}""")));
        Corpus corpus = EvaluationCorpus.Load(path);
        Assert.Equal(texts, Enumerable.Range(0, corpus.Count).Select(corpus.TextOf));
    }

    [Fact]
    public void Only_judged_queries_are_asked()
    {
        string queries = folder.Write("queries.jsonl", """
            {"_id": "q1", "text": "first"}
            {"_id": "q2", "text": "second"}
            {"_id": "q3", "text": "third"}
            """);
        string qrels = folder.Write("test.tsv", "query-id\tcorpus-id\tscore\nq3\td1\t1\nq1\td9\t2\nq7\td1\t1\n");
        RetrievalQueries read = RetrievalQueries.Load(queries, qrels);
        Assert.Equal([new("q1", "first"), new("q3", "third")], read.Judged);
        Assert.Equal(["q1", "q3"], read.Judgements.Queries);
        Assert.Equal(["q1"], RetrievalQueries.Load(queries, qrels, most: 1).Judgements.Queries);
    }

    [Fact]
    public void Positives_are_an_id_or_a_list_of_ids()
    {
        string queries = folder.Write("queries.jsonl", """
            {"query": "first", "positive": "d1"}
            {"id": "x", "question": "second", "positive": ["d2", 3]}
            {"text": "third", "pos_doc": [{"id": "d4"}]}
            """);
        RetrievalQueries read = RetrievalQueries.Load(queries);
        Assert.Equal(["0", "x", "2"], read.Judged.Select(query => query.Id));
        Assert.Equal(["d2", "3"], read.Judgements.Of("x").Keys);
        Assert.Equal(["d4"], read.Judgements.Of("2").Keys);
        Assert.Equal((4, "d1"), read.MissingFrom(EvaluationCorpus.Load(folder.Write("corpus.jsonl", """{"id": "other", "text": "t"}"""))));
    }

    [Theory]
    [InlineData("""{"query": "a"}""", "positive")]
    [InlineData("""{"query": "a", "positive": []}""", "empty")]
    [InlineData("""{"query": "a", "positive": [{"text": "t"}]}""", "without 'id'")]
    [InlineData("""{"query": "", "positive": "d"}""", "empty")]
    [InlineData("""{"positive": "d"}""", "'query'")]
    [InlineData("""{"id": "q1", "query": "a", "positive": "d"}""", "earlier query")]
    [InlineData("""["query"]""", "a list")]
    [InlineData("""{"query": "a""", "not JSON")]
    public void A_bad_query_names_its_line(string line, string problem)
    {
        string path = folder.Write("queries.jsonl", """{"id": "q1", "query": "good", "positive": "d"}""" + "\n" + line + "\n");
        string message = Assert.Throws<InvalidDataException>(() => RetrievalQueries.Load(path)).Message;
        Assert.Contains("queries.jsonl:2", message, StringComparison.Ordinal);
        Assert.Contains(problem, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"text": "a"}""", "'_id'")]
    [InlineData("""{"_id": "", "text": "a"}""", "empty")]
    [InlineData("""{"_id": "x"}""", "'text'")]
    [InlineData("""{"_id": "x", "text": [1]}""", "'text'")]
    public void A_bad_document_names_its_line(string line, string problem)
    {
        string path = folder.Write("corpus.jsonl", """{"_id": "d", "text": "good"}""" + "\n" + line + "\n");
        string message = Assert.Throws<InvalidDataException>(() => EvaluationCorpus.Load(path)).Message;
        Assert.Contains("corpus.jsonl:2", message, StringComparison.Ordinal);
        Assert.Contains(problem, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Queries_that_no_judgement_names_are_an_error()
    {
        string queries = folder.Write("queries.jsonl", """{"_id": "q1", "text": "first"}"""), qrels = folder.Write("test.tsv", "q2 0 d1 1\n");
        Assert.Contains("judges none", Assert.Throws<InvalidDataException>(() => RetrievalQueries.Load(queries, qrels)).Message, StringComparison.Ordinal);
    }
}
