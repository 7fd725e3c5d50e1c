namespace Sirocco.Training;

/// <summary>How well a model ranks each query's positive among its own candidates, as the recipes of NeMo AutoModel measure it.</summary>
internal static class CandidateValidation
{
    /// <summary>Scores every batch.</summary>
    /// <typeparam name="TBatch">A collator's batches.</typeparam>
    /// <param name="objective">Gives the scores.</param>
    /// <param name="loader">The validation data; their first epoch's order.</param>
    /// <param name="step">The step just done.</param>
    /// <param name="epoch">Its epoch.</param>
    /// <param name="progress">Told how many queries are done.</param>
    /// <param name="cancellation">Stops between layers.</param>
    /// <exception cref="TrainingDivergedException">The model gives scores that are not finite.</exception>
    public static ValidationRecord Run<TBatch>(
        TrainingObjective<TBatch> objective,
        RetrievalDataLoader<TBatch> loader,
        int step,
        int epoch,
        Action<int>? progress = null,
        CancellationToken cancellation = default)
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
                if (row.ContainsAnyExceptInRange(float.MinValue, float.MaxValue))
                    throw new TrainingDivergedException($"validation after step {step}: a score is no finite number; lower the learning rate or train in f32");
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
            progress?.Invoke(queries);
        }

        return new ValidationRecord(
            step,
            epoch,
            [new(ValidationRecord.LossName, losses / batches), new(ValidationRecord.AccuracyName, correct / queries), new(
                ValidationRecord.ReciprocalRankName, reciprocal / queries)]);
    }
}
