using System.Text.Json;

namespace Sirocco.Training.Tests.Evaluation;

public class RetrievalMetricsTests
{
    [Fact]
    public void Each_query_scores_as_in_trec_eval()
    {
        foreach (JsonElement golden in GoldenFile.Json("retrieval_metrics.json").GetProperty("cases").EnumerateArray())
        {
            foreach (JsonProperty query in golden.GetProperty("per_query").EnumerateObject())
            {
                HashSet<string> relevant = [.. golden.GetProperty("qrels").GetProperty(query.Name).EnumerateObject().Where(judged => judged.Value.GetInt32() > 0).Select(judged => judged.Name)];
                string[] ranking = golden.GetProperty("run").TryGetProperty(query.Name, out JsonElement run)
                    ? [.. run.EnumerateObject().OrderByDescending(hit => hit.Value.GetSingle()).ThenByDescending(hit => hit.Name, StringComparer.Ordinal).Select(hit => hit.Name)]
                    : [];
                RetrievalMetrics metrics = new();
                metrics.Add<string>(ranking, relevant);
                Assert.Equal(query.Value.GetProperty("RR@10").GetDouble(), metrics.ReciprocalRank, 1e-9);
                Assert.Equal(query.Value.GetProperty("R@10").GetDouble(), metrics.Recall, 1e-9);
                Assert.Equal(query.Value.GetProperty("nDCG@10").GetDouble(), metrics.NormalizedGain, 1e-9);
            }
        }
    }

    [Fact]
    public void A_query_without_relevant_documents_counts_as_zero()
    {
        RetrievalMetrics metrics = new();
        metrics.Add([1, 2], new HashSet<int> { 1 });
        metrics.Add([1, 2], new HashSet<int>());
        Assert.Equal(0.5, metrics.ReciprocalRank);
        Assert.Equal(0.5, metrics.Recall);
        Assert.Equal(0.5, metrics.NormalizedGain);
    }
}
