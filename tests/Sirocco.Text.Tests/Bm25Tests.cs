using System.Text.Json;

namespace Sirocco.Text.Tests;

public class Bm25Tests
{
    [Fact]
    public void Rare_terms_and_short_documents_win()
    {
        Bm25Index index = new(["the cat sat", "the dog sat on the mat with the other dog", "The CAT-and-dog show", ""]);
        Assert.Equal([0, 2], index.Search("cat", 10).Select(hit => hit.Document));
        Assert.Empty(index.Search("unseen words", 10));
        Assert.Empty(index.Search("cat", 0));
        Assert.Single(index.Search("the", 1));
        Assert.Empty(new Bm25Index([]).Search("cat", 3));
    }

    /// <summary>N = 2, n = 1, lengths 2 and 1, mean 1.5: idf = ln(1 + 1.5/1.5), tf part = 1.9 / (1 + 0.9·(0.6 + 0.4·2/1.5)).</summary>
    [Fact]
    public void A_score_is_the_formula_worked_by_hand()
    {
        Bm25Hit hit = Assert.Single(new Bm25Index(["alpha beta", "gamma"]).Search("Alpha", 5));
        Assert.Equal(Math.Log(2) * 1.9 / (1 + (0.9 * (0.6 + (0.4 * 2 / 1.5)))), hit.Score, 12);
    }

    [SkippableFact]
    public void The_debian_task_gives_the_published_baseline()
    {
        const string folder = "data/debian-packages/";
        List<string> ids = [], texts = [];
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.FromShared(folder + "corpus.jsonl.gz")))
        {
            ids.Add(row.Text("id"));
            texts.Add(row.Text("text"));
        }
        Bm25Index index = new(texts);
        int queries = 0;
        double reciprocal = 0, recall = 0, gain = 0;
        foreach (JsonElement row in GoldenFiles.Rows(GoldenFiles.FromShared(folder + "queries.test.jsonl.gz")))
        {
            queries++;
            int rank = index.Search(row.Text("query"), 10).Select(hit => ids[hit.Document]).ToList().IndexOf(row.Text("positive"));
            if (rank < 0) continue;
            reciprocal += 1.0 / (rank + 1);
            recall++;
            gain += 1 / Math.Log2(rank + 2);
        }
        Assert.Equal(0.647, reciprocal / queries, 3);
        Assert.Equal(0.803, recall / queries, 3);
        Assert.Equal(0.685, gain / queries, 3);
    }
}
