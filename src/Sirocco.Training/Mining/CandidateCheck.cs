using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>
/// A second opinion on candidates: a reranker reads question and document together, and what it scores above the question's positives is taken for an answer.
/// </summary>
/// <param name="reranker">Gives one score for a pair.</param>
/// <param name="task">Texts of questions and documents.</param>
/// <param name="margin">A candidate is kept when its score is at most the lowest of the positives − margin.</param>
internal sealed class CandidateCheck(Reranker reranker, MiningTask task, double margin)
{
    /// <summary>Candidates read in this run.</summary>
    public long Read { get; private set; }

    /// <summary>Candidates that were taken for answers.</summary>
    public long Rejected { get; private set; }

    /// <summary>The candidates that are no answers, in their order.</summary>
    public (int Document, float Score)[] Filter(int question, (int Document, float Score)[] candidates, CancellationToken cancellation)
    {
        int[] positives = [.. task.Positives(question).Distinct()];
        (int Document, float Score)[] finite = [.. candidates.Where(candidate => float.IsFinite(candidate.Score))];
        if (positives.Length == 0 || finite.Length == 0) return candidates;
        string query = task.Question(question);
        float[][] scores = reranker.Score(
            [.. positives.Concat(finite.Select(candidate => candidate.Document)).Select(document => (query, task.DocumentText(document)))], null, cancellation);
        double most = scores[..positives.Length].Min(score => score[0]) - margin;
        (int Document, float Score)[] kept = [.. finite.Where((_, i) => scores[positives.Length + i][0] <= most)];
        Read += finite.Length;
        Rejected += finite.Length - kept.Length;
        return [.. kept, .. candidates[finite.Length..]];
    }
}
