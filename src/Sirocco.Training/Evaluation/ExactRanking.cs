using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>The best documents for many queries, by comparing each query with every document.</summary>
public static class ExactRanking
{
    /// <summary>Bytes of scores held at a time.</summary>
    private const long ScoreBytes = 64 << 20;

    /// <summary>Documents with the highest inner products.</summary>
    /// <param name="context">The device.</param>
    /// <param name="queries">[queries · features]</param>
    /// <param name="documents">[documents · features]</param>
    /// <param name="features">Length of a vector.</param>
    /// <param name="top">Documents wanted for each query.</param>
    /// <returns>For each query, indexes of documents, best first; of equal scores the lower index first.</returns>
    public static int[][] Best(ComputeContext context, float[] queries, float[] documents, int features, int top)
    {
        int queryCount = queries.Length / features, documentCount = documents.Length / features;
        int[][] best = new int[queryCount][];
        int block = (int)Math.Clamp(ScoreBytes / (sizeof(float) * (long)Math.Max(1, documentCount)), 1, 1024);
        using Scope outer = context.BeginScope();
        Tensor all = outer.Upload(documents, documentCount, features);
        for (int start = 0; start < queryCount; start += block)
        {
            int count = Math.Min(block, queryCount - start);
            using Scope f = outer.BeginScope();
            float[] scores = f.Scores(f.Upload(queries.AsSpan(start * features, count * features), count, features), all).ToArray();
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = context.Threads }, row => best[start + row] = Top(scores.AsSpan(row * documentCount, documentCount), top));
        }

        return best;
    }

    /// <summary>Indexes of the highest scores, best first; of equal scores the lower index first.</summary>
    private static int[] Top(ReadOnlySpan<float> scores, int top)
    {
        BestRows best = new(Math.Max(1, Math.Min(top, scores.Length)));
        for (int i = 0; i < scores.Length; i++) best.Add(i, scores[i]);
        return [.. best.Ranked().Select(hit => hit.Row)];
    }
}
