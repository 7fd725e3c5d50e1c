using System.Text.Json;

namespace Sirocco.Training.Tests.Evaluation;

public class RetrievalMetricsTests
{
    private const double Tolerance = 1e-9;

    public static TheoryData<string> Cases => [.. Golden().EnumerateArray().Select(golden => golden.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_query_and_mean_is_as_in_trec_eval(string name)
    {
        JsonElement golden = Case(name), expected = golden.GetProperty("trec_eval");
        string[] names = [.. expected.GetProperty("mean_over_evaluated").EnumerateObject().Select(metric => metric.Name)];
        RetrievalScores scores = RetrievalScores.Of(Run(golden), Judgements(golden), [.. names.Select(RetrievalMetric.Parse)], MissingQueries.LeftOut);
        Assert.Equal(expected.GetProperty("per_query").EnumerateObject().Select(query => query.Name).Order(), scores.Queries.Order());
        CompareQueries(expected.GetProperty("per_query"), scores);
        for (int m = 0; m < names.Length; m++) Close(expected.GetProperty("mean_over_evaluated").GetProperty(names[m]).GetDouble(), scores.Mean(m), names[m]);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Missing_queries_count_as_zero_in_the_means_of_ir_measures(string name)
    {
        JsonElement golden = Case(name), expected = golden.GetProperty("ir_measures");
        if (expected.TryGetProperty("error", out _)) return;   // the library itself fails on an empty list
        string[] names = [.. expected.GetProperty("mean").EnumerateObject().Select(metric => metric.Name)];

        // ir_measures takes RR with a cutoff from the MS MARCO script, which breaks ties the other way.
        RetrievalMetric[] metrics = [.. names.Select(metric => RetrievalMetric.Parse(metric == "RR@10" ? "msmarco_mrr@10" : metric))];
        RetrievalScores scores = RetrievalScores.Of(Run(golden), Judgements(golden), metrics);
        for (int m = 0; m < names.Length; m++)
        {
            Close(expected.GetProperty("mean").GetProperty(names[m]).GetDouble(), scores.Mean(m), names[m]);
            for (int q = 0; q < scores.Queries.Count; q++)
            {
                double value = expected.GetProperty("per_query").GetProperty(scores.Queries[q]).GetProperty(names[m]).GetDouble();
                Close(value, scores.Values(m)[q], $"{names[m]} of {scores.Queries[q]}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Means_are_those_of_ranx_where_it_was_recorded(string name)
    {
        JsonElement golden = Case(name);
        if (!golden.TryGetProperty("ranx", out JsonElement expected)) return;
        string[] names = [.. expected.EnumerateObject().Select(metric => metric.Name)];
        RetrievalScores scores = RetrievalScores.Of(Run(golden), Judgements(golden), [.. names.Select(RetrievalMetric.Parse)]);
        for (int m = 0; m < names.Length; m++) Assert.Equal(expected.GetProperty(names[m]).GetDouble(), scores.Mean(m), 1e-6);
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

    [Fact]
    public void Equal_scores_are_ordered_by_the_bytes_of_ids()
    {
        // In UTF-16 the surrogates of U+1F600 sort before U+FF21; in UTF-8, as in trec_eval, after it.
        RetrievalRun run = new();
        run.Add("q", [new("a", 1), new("\uFF21", 1), new("\U0001F600", 1), new("ab", 1), new("z", 1.0000000001)]);
        Assert.Equal(["\U0001F600", "\uFF21", "z", "ab", "a"], run.Ranking("q").Select(result => result.Document));
        Assert.Equal(["z", "a", "ab", "\uFF21", "\U0001F600"], run.Ranking("q", ResultOrder.MsMarco).Select(result => result.Document));
    }

    /// <summary>Of grades g and g − 1 in the wrong order, for a large g: (1/2 + 1/log2 3) / (1 + 1/2 / log2 3).</summary>
    [Theory]
    [InlineData(60)]
    [InlineData(1024)]
    [InlineData(int.MaxValue)]
    public void Exponential_gains_of_high_grades_are_numbers(int grade)
    {
        RelevanceJudgements judgements = new();
        judgements.TryAdd("q", "high", grade);
        judgements.TryAdd("q", "low", grade - 1);
        RetrievalRun run = new();
        run.Add("q", [new("low", 2), new("high", 1)]);
        double second = 1 / Math.Log2(3);
        Assert.Equal((0.5 + second) / (1 + (0.5 * second)), RetrievalScores.Of(run, judgements, [RetrievalMetric.Parse("ndcg_burges@10")]).Mean(0), 1e-12);
    }

    [Theory]
    [InlineData("ndgc@10", "there is no metric")]
    [InlineData("p", "needs a cutoff")]
    [InlineData("recall@0", "cutoff")]
    [InlineData("recall@ten", "cutoff")]
    [InlineData("bpref@3", "takes no cutoff")]
    [InlineData("", "there is no metric")]
    public void A_wrong_metric_is_named(string name, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => RetrievalMetric.Parse(name)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Metrics_keep_their_bounds_and_depend_on_no_order_of_input(int seed)
    {
        Random random = new(seed);
        RetrievalMetric[] metrics =
        [
            .. ((string[])["ndcg", "ndcg@5", "ndcg_burges@7", "mrr@4", "recall@3", "p@6", "map", "map@2", "success@2", "rprec", "bpref", "judged@5"])
                .Select(RetrievalMetric.Parse),
        ];
        for (int round = 0; round < 200; round++)
        {
            RelevanceJudgements judgements = new();
            for (int i = 0; i < 1 + random.Next(12); i++) judgements.TryAdd("q", $"d{random.Next(15)}", random.Next(-1, 4));
            ScoredDocument[] found = [.. Enumerable.Range(0, 15).Where(_ => random.Next(3) > 0).Select(d => new ScoredDocument($"d{d}", random.Next(4)))];
            RetrievalScores one = Scores(found), other = Scores([.. found.Reverse()]);
            for (int m = 0; m < metrics.Length; m++)
            {
                Assert.InRange(one.Mean(m), 0, 1 + 1e-12);
                Assert.Equal(one.Mean(m), other.Mean(m));
            }

            ScoredDocument[] best = [.. judgements.Of("q").Select(judged => new ScoredDocument(judged.Key, judged.Value))];
            if (judgements.Of("q").Values.Any(grade => grade > 0)) Assert.Equal(1, Scores(best).Mean(0), 1e-12);

            RetrievalScores Scores(ScoredDocument[] results)
            {
                RetrievalRun run = new();
                run.Add("q", results);
                return RetrievalScores.Of(run, judgements, metrics);
            }
        }
    }

    private static void CompareQueries(JsonElement expected, RetrievalScores scores)
    {
        for (int q = 0; q < scores.Queries.Count; q++)
        {
            JsonElement values = expected.GetProperty(scores.Queries[q]);
            for (int m = 0; m < scores.Metrics.Count; m++)
            {
                string metric = values.EnumerateObject().Select(value => value.Name)
                    .First(value => value.Equals(scores.Metrics[m].Name, StringComparison.OrdinalIgnoreCase));
                Close(values.GetProperty(metric).GetDouble(), scores.Values(m)[q], $"{metric} of {scores.Queries[q]}");
            }
        }
    }

    private static void Close(double expected, double actual, string what) =>
        Assert.True(Math.Abs(expected - actual) <= Tolerance, $"{what}: {actual}, expected {expected}");

    private static JsonElement Golden() => GoldenFile.Json("retrieval_metrics.json").GetProperty("cases");

    private static JsonElement Case(string name) => Golden().EnumerateArray().First(golden => golden.GetProperty("name").GetString() == name);

    private static RetrievalRun Run(JsonElement golden)
    {
        RetrievalRun run = new();
        foreach (JsonProperty query in golden.GetProperty("run").EnumerateObject())
            run.Add(query.Name, query.Value.EnumerateObject().Select(hit => new ScoredDocument(hit.Name, Score(hit.Value))));
        return run;
    }

    private static double Score(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number ? value.GetDouble() : double.Parse(value.GetString()!, System.Globalization.CultureInfo.InvariantCulture);

    private static RelevanceJudgements Judgements(JsonElement golden)
    {
        RelevanceJudgements judgements = new();
        foreach (JsonProperty query in golden.GetProperty("qrels").EnumerateObject())
        {
            foreach (JsonProperty judged in query.Value.EnumerateObject()) Assert.True(judgements.TryAdd(query.Name, judged.Name, judged.Value.GetInt32()));
        }

        return judgements;
    }
}
