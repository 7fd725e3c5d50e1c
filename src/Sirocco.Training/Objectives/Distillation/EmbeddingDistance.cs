namespace Sirocco.Training;

/// <summary>How far a student's projected vectors are from a teacher's, of one side of a batch: <c>distill_loss</c> and <c>mse_loss</c>.</summary>
internal static class EmbeddingDistance
{
    /// <summary>Σ_i (1 − cos(s_i, t_i)), or its mean over rows.</summary>
    /// <param name="student">[rows, features]; gets <paramref name="weight"/> times the derivatives.</param>
    /// <param name="teacher">[rows, features]</param>
    /// <param name="options">Mean or sum.</param>
    /// <param name="weight">Of the term in the loss.</param>
    /// <returns>The term, unweighted.</returns>
    public static double Cosine(GradedRows student, GradedRows teacher, CosineLossOptions options, double weight)
    {
        double factor = options.Reduction == LossReduction.Sum ? 1 : 1.0 / student.Rows, sum = 0;
        GradedRows s = student.ToUnitLength(), t = teacher.ToUnitLength();
        for (int i = 0; i < s.Values.Length; i++)
        {
            sum += s.Values[i] * t.Values[i];
            s.Gradient[i] = -weight * factor * t.Values[i];
        }

        s.PassBack();
        return factor * (s.Rows - sum);
    }

    /// <summary>Σ (s − t)² over all elements, divided by their number (mean) or by the rows (batchmean).</summary>
    /// <param name="student">[rows, features]; gets <paramref name="weight"/> times the derivatives.</param>
    /// <param name="teacher">[rows, features]</param>
    /// <param name="options">Unit lengths first or not, and the division.</param>
    /// <param name="weight">Of the term in the loss.</param>
    /// <returns>The term, unweighted.</returns>
    public static double Squared(GradedRows student, GradedRows teacher, EmbeddingErrorLossOptions options, double weight)
    {
        (GradedRows s, GradedRows t) = options.Normalize ? (student.ToUnitLength(), teacher.ToUnitLength()) : (student, teacher);
        double factor = options.Reduction switch { LossReduction.Mean => 1.0 / s.Values.Length, LossReduction.BatchMean => 1.0 / s.Rows, _ => 1 }, sum = 0;
        for (int i = 0; i < s.Values.Length; i++)
        {
            double difference = s.Values[i] - t.Values[i];
            sum += difference * difference;
            s.Gradient[i] += weight * factor * 2 * difference;
        }

        s.PassBack();
        return factor * sum;
    }
}
