namespace Sirocco.Training;

/// <summary>What a judged query counts for which the run has no results.</summary>
public enum MissingQueries
{
    /// <summary>0, as in ir_measures and <c>trec_eval -c</c>.</summary>
    Zero,

    /// <summary>Nothing: means are over the other queries, as in pytrec_eval and trec_eval without -c.</summary>
    LeftOut,
}

/// <summary>Metrics of a run: a value for each judged query and their means. Queries without judgements are never evaluated.</summary>
public sealed class RetrievalScores
{
    private readonly double[][] values;

    private RetrievalScores(IReadOnlyList<RetrievalMetric> metrics, IReadOnlyList<string> queries, double[][] values)
    {
        Metrics = metrics;
        Queries = queries;
        this.values = values;
    }

    /// <summary>What was measured.</summary>
    public IReadOnlyList<RetrievalMetric> Metrics { get; }

    /// <summary>The evaluated queries.</summary>
    public IReadOnlyList<string> Queries { get; }

    /// <summary>Measures a run.</summary>
    public static RetrievalScores Of(
        RetrievalRun run, RelevanceJudgements judgements, IReadOnlyList<RetrievalMetric> metrics, MissingQueries missing = MissingQueries.Zero)
    {
        string[] queries = [.. judgements.Queries.Where(query => missing == MissingQueries.Zero || run.Contains(query))];
        double[][] values = [.. metrics.Select(_ => new double[queries.Length])];
        ResultOrder[] orders = [.. metrics.Select(metric => metric.Order).Distinct()];
        for (int q = 0; q < queries.Length; q++)
        {
            IReadOnlyDictionary<string, int> grades = judgements.Of(queries[q]);
            foreach (ResultOrder order in orders)
            {
                string[] ranking = [.. run.Ranking(queries[q], order).Select(result => result.Document)];
                JudgedRanking judged = JudgedRanking.Of(ranking, grades);
                for (int m = 0; m < metrics.Count; m++)
                {
                    if (metrics[m].Order == order) values[m][q] = metrics[m].Of(judged);
                }
            }
        }

        return new RetrievalScores(metrics, queries, values);
    }

    /// <summary>The values of a metric, one for each of <see cref="Queries"/>.</summary>
    public IReadOnlyList<double> Values(int metric) => values[metric];

    /// <summary>The mean of a metric over queries; 0 without any.</summary>
    public double Mean(int metric) => Queries.Count == 0 ? 0 : values[metric].Sum() / Queries.Count;
}
