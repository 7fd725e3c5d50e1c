namespace Sirocco.Training;

/// <summary>
/// Terms of a distillation that compare vectors of a batch with each other: <c>score_loss</c>, <c>infonce_loss</c>, <c>infonce_distill_loss</c>.
/// </summary>
internal static class CandidateLosses
{
    /// <summary>Σ (softmax(cos(s, s) / τ) − softmax(cos(t, t) / τ))² / rows, of one side of a batch.</summary>
    /// <param name="student">[rows, features]; gets <paramref name="weight"/> times the derivatives.</param>
    /// <param name="teacher">[rows, teacher's features]</param>
    /// <param name="options">τ</param>
    /// <param name="weight">Of the term in the loss.</param>
    /// <returns>The term, unweighted.</returns>
    public static double Score(GradedRows student, GradedRows teacher, ScoreLossOptions options, double weight)
    {
        GradedRows s = student.ToUnitLength(), t = teacher.ToUnitLength();
        CandidateDistribution toFit = new(s, s, null, null, inBatch: true, options.Temperature),
            target = new(t, t, null, null, inBatch: true, options.Temperature);
        double value = Divergence(toFit, target, CandidateDivergence.SquaredError, weight);
        s.PassBack();
        return value;
    }

    /// <summary>−log p of each query's own document among its candidates (van den Oord et al. 2018), mean over queries.</summary>
    /// <param name="vectors">The student's; they get <paramref name="weight"/> times the derivatives.</param>
    /// <param name="isNegative">See <see cref="DistillationBatch.IsNegative"/>.</param>
    /// <param name="options">Temperature, candidates, directions.</param>
    /// <param name="weight">Of the term in the loss.</param>
    /// <returns>The term, unweighted.</returns>
    public static double InfoNce(PooledVectors vectors, IReadOnlyList<bool> isNegative, InfoNceLossOptions options, double weight)
    {
        RequireNegatives(vectors.Negatives is not null, options, "infonce_loss");
        PooledVectors prepared = options.Normalize ? vectors.ToUnitLength() : vectors;
        double value = 0;
        foreach ((CandidateDistribution candidates, double share) in Directions(prepared, isNegative, options))
        {
            double[] gradient = new double[candidates.LogProbabilities.Length];
            double sum = 0, factor = share / candidates.Rows;
            for (int i = 0; i < gradient.Length; i++) gradient[i] = weight * factor * Math.Exp(candidates.LogProbabilities[i]);
            for (int row = 0; row < candidates.Rows; row++)
            {
                int positive = (row * candidates.Columns) + candidates.Positive(row);
                sum -= candidates.LogProbabilities[positive];
                gradient[positive] -= weight * factor;
            }

            candidates.PassBack(gradient);
            value += factor * sum;
        }

        prepared.PassBack();
        return value;
    }

    /// <summary>The divergence of the student's distribution over the candidates of each query from the teacher's, mean over queries.</summary>
    /// <param name="student">Gets <paramref name="weight"/> times the derivatives.</param>
    /// <param name="teacher">The same texts.</param>
    /// <param name="isNegative">See <see cref="DistillationBatch.IsNegative"/>.</param>
    /// <param name="options">Temperature, candidates, directions, divergence.</param>
    /// <param name="weight">Of the term in the loss.</param>
    /// <returns>The term, unweighted.</returns>
    public static double InfoNceDistillation(
        PooledVectors student, PooledVectors teacher, IReadOnlyList<bool> isNegative, InfoNceDistillationLossOptions options, double weight)
    {
        RequireNegatives(student.Negatives is not null, options, "infonce_distill_loss");
        (PooledVectors s, PooledVectors t) = options.Normalize ? (student.ToUnitLength(), teacher.ToUnitLength()) : (student, teacher);
        double value = 0;
        foreach (((CandidateDistribution toFit, double share), (CandidateDistribution target, _)) in Directions(s, isNegative, options)
            .Zip(Directions(t, isNegative, options)))
        {
            value += share * Divergence(toFit, target, options.Divergence, weight * share);
        }
        s.PassBack();
        return value;
    }

    // With softmax p of logits x: d KL/dx = d CE/dx = p_s − p_t; through any dp, dx = p ⊙ (dp − Σ dp · p). Fillings have probability 0 on both sides and add
    // nothing.
    private static double Divergence(CandidateDistribution student, CandidateDistribution teacher, CandidateDivergence divergence, double weight)
    {
        int columns = student.Columns;
        double[] gradient = new double[student.LogProbabilities.Length];
        double value = 0, factor = 1.0 / student.Rows;
        for (int row = 0; row < student.Rows; row++)
        {
            double along = 0;
            for (int i = row * columns; i < (row + 1) * columns; i++)
            {
                double logS = student.LogProbabilities[i], logT = teacher.LogProbabilities[i], s = Math.Exp(logS), t = Math.Exp(logT);
                if (divergence == CandidateDivergence.SquaredError)
                {
                    value += (s - t) * (s - t);
                    gradient[i] = 2 * (s - t);
                    along += gradient[i] * s;
                }
                else
                {
                    if (t > 0) value += t * (divergence == CandidateDivergence.CrossEntropy ? -logS : logT - logS);
                    gradient[i] = s - t;
                }
            }

            for (int i = row * columns; i < (row + 1) * columns; i++)
            {
                if (divergence == CandidateDivergence.SquaredError) gradient[i] = Math.Exp(student.LogProbabilities[i]) * (gradient[i] - along);
                gradient[i] *= weight * factor;
            }
        }

        student.PassBack(gradient);
        return factor * value;
    }

    /// <summary>Queries among documents, documents among queries (without negatives), or half of each.</summary>
    private static IEnumerable<(CandidateDistribution Candidates, double Share)> Directions(
        PooledVectors vectors, IReadOnlyList<bool> isNegative, InfoNceLossOptions options)
    {
        double share = options.Direction == ContrastDirection.Symmetric ? 0.5 : 1;
        if (options.Direction != ContrastDirection.DocumentToQuery)
        {
            yield return (new CandidateDistribution(
                vectors.Queries, vectors.Positives, vectors.Negatives, isNegative, options.InBatchNegatives, options.Temperature), share);
        }
        if (options.Direction != ContrastDirection.QueryToDocument)
            yield return (new CandidateDistribution(vectors.Positives, vectors.Queries, null, null, options.InBatchNegatives, options.Temperature), share);
    }

    /// <exception cref="ArgumentException">A query has no candidate but its own document.</exception>
    public static void RequireNegatives(bool hasNegatives, InfoNceLossOptions options, string section)
    {
        if (!options.InBatchNegatives && !hasNegatives)
            throw new ArgumentException($"{section} has no negatives: set use_in_batch_negatives, or n_passages above 1");
    }
}
