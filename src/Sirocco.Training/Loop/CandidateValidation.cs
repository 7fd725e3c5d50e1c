namespace Sirocco.Training;

/// <summary>How well a model ranks each query's positive among its own candidates: a line of <c>validation.jsonl</c>.</summary>
/// <param name="Step">The step just done, from 0.</param>
/// <param name="Epoch">Its epoch, from 0.</param>
/// <param name="Loss">Mean of the batches' mean cross-entropies.</param>
/// <param name="Accuracy">Share of queries whose positive scores highest.</param>
/// <param name="ReciprocalRank">Mean of 1 / rank of the positive.</param>
public sealed record ValidationRecord(int Step, int Epoch, double Loss, double Accuracy, double ReciprocalRank)
{
    /// <summary>Metrics of a search of a whole corpus, where one is asked for, such as <c>ndcg@10</c>.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Metrics { get; init; } = [];
}

/// <summary>Validation on candidate groups, as the recipes of NeMo AutoModel do it.</summary>
public static class CandidateValidation
{
    /// <summary>Scores every batch.</summary>
    /// <typeparam name="TBatch">A collator's batches.</typeparam>
    /// <param name="objective">Gives the scores.</param>
    /// <param name="loader">The validation data; their first epoch's order.</param>
    /// <param name="step">The step just done.</param>
    /// <param name="epoch">Its epoch.</param>
    /// <param name="cancellation">Stops between layers.</param>
    public static ValidationRecord Run<TBatch>(TrainingObjective<TBatch> objective, RetrievalDataLoader<TBatch> loader, int step, int epoch, CancellationToken cancellation = default)
        where TBatch : ExampleBatch
    {
        ArgumentNullException.ThrowIfNull(objective);
        ArgumentNullException.ThrowIfNull(loader);
        double losses = 0, correct = 0, reciprocal = 0;
        int batches = 0, queries = 0;
        foreach (TBatch batch in loader.Epoch(0, cancellation: cancellation))
        {
            CandidateScores scores = objective.Score(batch, cancellation);
            double sum = 0;
            for (int query = 0; query < scores.Queries; query++)
            {
                ReadOnlySpan<float> row = scores[query];
                double most = double.NegativeInfinity, total = 0;
                int better = 0;
                foreach (float score in row) most = Math.Max(most, score);
                foreach (float score in row) total += Math.Exp(score - most);
                foreach (float score in row[1..])
                {
                    if (score > row[0]) better++;
                }

                sum += most + Math.Log(total) - row[0];
                if (better == 0) correct++;
                reciprocal += 1.0 / (better + 1);
            }

            losses += sum / scores.Queries;
            batches++;
            queries += scores.Queries;
        }

        return new ValidationRecord(step, epoch, losses / batches, correct / queries, reciprocal / queries);
    }
}
