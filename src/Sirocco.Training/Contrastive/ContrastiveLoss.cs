using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>
/// InfoNCE (van den Oord et al. 2018): cross-entropy of each query's positive among candidates, on scores q·p / temperature.
/// </summary>
public sealed record ContrastiveLoss
{
    /// <summary>What scores are divided by.</summary>
    public float Temperature { get; init; } = 0.02f;

    /// <summary>Whether candidates are all passages of the batch; otherwise each query's own only.</summary>
    public bool InBatchNegatives { get; init; }

    /// <summary>Whether positives also look for their query among all queries, the loss being the mean of both directions. Needs <see cref="InBatchNegatives"/>.</summary>
    public bool BothDirections { get; init; }

    /// <summary>Whether other places of a query's positive document in the batch are left out, instead of counting as negatives.</summary>
    public bool ExcludeSameDocument { get; init; } = true;

    /// <exception cref="ArgumentException">Settings contradict each other.</exception>
    internal void Validate()
    {
        if (!(Temperature > 0)) throw new ArgumentException($"the temperature is {Temperature}; it must be positive");
        if (BothDirections && !InBatchNegatives) throw new ArgumentException("both directions need in-batch negatives: a passage has no other queries of its own");
    }

    /// <summary>The loss of one batch.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="queries">[B, features]</param>
    /// <param name="passages">[B · n, features]; the positive of query i is row i · n.</param>
    /// <param name="documents">[B · n] identities of the passages, or −1.</param>
    /// <returns>[1, 1] mean over queries.</returns>
    public Tensor Compute(Scope f, Tensor queries, Tensor passages, ReadOnlySpan<int> documents)
    {
        int count = queries.Rows, size = passages.Rows / count;
        if (!InBatchNegatives) return f.CrossEntropy(f.GroupScores(queries, passages, 1 / Temperature), new int[count]);

        int[] positives = new int[count];
        for (int i = 0; i < count; i++) positives[i] = i * size;
        Tensor scores = Candidates(f, f.Scores(queries, passages, 1 / Temperature), positives, positives, documents);       // [B, B·n]
        Tensor loss = f.CrossEntropy(scores, positives);
        if (!BothDirections) return loss;

        int[] own = new int[count];
        for (int i = 0; i < count; i++) own[i] = i;
        Tensor found = size == 1 ? passages : f.GatherRows(passages, positives);                                             // [B, features]
        Tensor back = Candidates(f, f.Scores(found, queries, 1 / Temperature), positives, own, documents);                   // [B, B]
        return f.Scale(f.Add(loss, f.CrossEntropy(back, own)), 0.5f);
    }

    /// <summary>Leaves out columns that are, or belong to, the same document as a row's positive, except the row's own label.</summary>
    private Tensor Candidates(Scope f, Tensor scores, int[] positives, int[] labels, ReadOnlySpan<int> documents)
    {
        if (!ExcludeSameDocument) return scores;
        bool any = false;
        bool[] excluded = new bool[scores.Count];
        for (int i = 0; i < scores.Rows; i++)
        {
            int document = documents[positives[i]];
            if (document < 0) continue;
            for (int j = 0; j < scores.Columns; j++)
            {
                int other = documents[scores.Columns == documents.Length ? j : positives[j]];
                if (j == labels[i] || other != document) continue;
                excluded[(i * scores.Columns) + j] = true;
                any = true;
            }
        }

        return any ? f.ExcludeScores(scores, excluded) : scores;
    }
}
