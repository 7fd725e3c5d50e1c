namespace Sirocco.Models;

/// <summary>One order from the scores of a search and those of a reranker that read what was found.</summary>
public static class BlendedScores
{
    /// <summary>
    /// (1 − share) · search + share · reranker, each side in standard deviations from its mean over the candidates of the query, so that cosines and logits
    /// count alike. A reranker that has seen little errs on other documents than the encoder does, and the two together on fewer. At share 1 the reranker's
    /// scores as they are.
    /// </summary>
    /// <param name="search">[candidates] Of the search, for one query.</param>
    /// <param name="reranker">[candidates] Of the reranker, in the same order.</param>
    /// <param name="share">The reranker's, above 0 and up to 1.</param>
    /// <returns>[candidates]; the higher the better.</returns>
    /// <exception cref="ArgumentException">The sides differ in length.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The share is out of its range.</exception>
    public static float[] Of(ReadOnlySpan<float> search, ReadOnlySpan<float> reranker, double share)
    {
        RequireShare(share);
        if (search.Length != reranker.Length)
            throw new ArgumentException($"{search.Length} scores of the search, but {reranker.Length} of the reranker", nameof(reranker));
        if (share == 1) return reranker.ToArray();
        (double Mean, double Deviation) before = Spread(search), after = Spread(reranker);
        float[] blended = new float[search.Length];
        for (int i = 0; i < blended.Length; i++)
            blended[i] = (float)(((1 - share) * (search[i] - before.Mean) / before.Deviation) + (share * (reranker[i] - after.Mean) / after.Deviation));
        return blended;
    }

    internal static void RequireShare(double share)
    {
        if (share is not (> 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(share), share, "the reranker's share is above 0 and up to 1");
    }

    /// <summary>Mean and standard deviation; 1 for the latter where all scores are equal, which then say nothing.</summary>
    private static (double Mean, double Deviation) Spread(ReadOnlySpan<float> scores)
    {
        double sum = 0, squares = 0;
        foreach (float score in scores) sum += score;
        double mean = sum / scores.Length;
        foreach (float score in scores) squares += (score - mean) * (score - mean);
        return (mean, squares > 0 ? Math.Sqrt(squares / scores.Length) : 1);
    }
}
