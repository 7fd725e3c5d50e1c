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

    /// <summary>
    /// Whether positives also look for their query among all queries, the loss being the mean of both directions. Needs <see cref="InBatchNegatives"/>.
    /// </summary>
    public bool BothDirections { get; init; }

    /// <summary>Whether other places of a query's positive document in the batch are left out, instead of counting as negatives.</summary>
    public bool ExcludeSameDocument { get; init; } = true;

    /// <summary>
    /// Leaves out passages of other queries that score nearly as well as the query's positive, and so are probably right answers: those above positive ·
    /// margin, or above positive − margin where <see cref="MarginIsAbsolute"/>. Null keeps them.
    /// </summary>
    public double? FalseNegativeMargin { get; init; }

    /// <summary>Whether <see cref="FalseNegativeMargin"/> is a difference of scores, before the temperature, instead of a share.</summary>
    public bool MarginIsAbsolute { get; init; }

    /// <summary>
    /// Adds a term for the first features of each vector (Matryoshka representation learning, Kusupati et al. 2022); null takes whole vectors only.
    /// </summary>
    public MatryoshkaOptions? Matryoshka { get; init; }

    /// <summary>Whether vectors that <see cref="Matryoshka"/> cuts are made of unit length again.</summary>
    public bool NormalizeCuts { get; init; } = true;

    /// <summary>Scores held at a time; a larger matrix is made, used and made again for the backward pass in blocks of queries.</summary>
    internal int ScoresAtOnce { get; init; } = 1 << 24;

    /// <exception cref="ArgumentException">Settings contradict each other.</exception>
    internal void Validate()
    {
        if (!(Temperature > 0) || !float.IsFinite(Temperature)) throw new ArgumentException($"the temperature is {Temperature}; it must be positive");
        if (BothDirections && !InBatchNegatives)
            throw new ArgumentException("both directions need in-batch negatives: a passage has no other queries of its own");
        if (FalseNegativeMargin is { } margin && !double.IsFinite(margin))
            throw new ArgumentException($"the margin of false negatives is {margin}; it must be a number");
    }

    /// <summary>The loss of one batch of vectors.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="queries">[B, features]</param>
    /// <param name="passages">
    /// [B · n, features]; the positive of query i is row i · n. In-batch negatives may be followed by passages of queries that are elsewhere.
    /// </param>
    /// <param name="documents">[passages] their identities, or −1.</param>
    /// <param name="passagesPerQuery">n; null: there are no passages but those of the queries.</param>
    /// <returns>[1, 1] mean over queries.</returns>
    public Tensor Compute(Scope f, Tensor queries, Tensor passages, ReadOnlySpan<long> documents, int? passagesPerQuery = null)
    {
        int size = passagesPerQuery ?? (documents.Length / queries.Rows);
        if (Matryoshka is not { } cuts) return Whole(f, queries, passages, documents, size);
        Tensor? total = null;
        for (int i = 0; i < cuts.Dimensions.Count; i++)
        {
            Tensor term = Whole(f, Cut(f, queries, cuts.Dimensions[i]), Cut(f, passages, cuts.Dimensions[i]), documents, size);
            term = f.Scale(term, cuts.Weights.Count == 0 ? 1 : (float)cuts.Weights[i]);
            total = total is null ? term : f.Add(total, term);
        }

        return total!;
    }

    /// <summary>The loss of one batch whose scores have been computed in some other way.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="scores">[B, n], or [B, passages] with in-batch negatives; already divided by the temperature.</param>
    /// <param name="documents">[passages] their identities, or −1.</param>
    /// <param name="passagesPerQuery">n; null: there are no passages but those of the queries.</param>
    /// <returns>[1, 1] mean over queries.</returns>
    public Tensor Compute(Scope f, Tensor scores, ReadOnlySpan<long> documents, int? passagesPerQuery = null)
    {
        if (!InBatchNegatives) return f.CrossEntropy(scores, new int[scores.Rows]);
        int size = passagesPerQuery ?? (documents.Length / scores.Rows);
        int[] positives = Positives(scores.Rows, size);
        return f.CrossEntropy(Candidates(f, scores, positives, positives, documents, size), positives);
    }

    private Tensor Whole(Scope f, Tensor queries, Tensor passages, ReadOnlySpan<long> documents, int size)
    {
        int count = queries.Rows;
        if (!InBatchNegatives) return f.CrossEntropy(f.GroupScores(queries, passages, 1 / Temperature), new int[count]);
        int[] positives = Positives(count, size), own = [.. Enumerable.Range(0, count)];
        Tensor loss = Direction(f, queries, passages, positives, positives, documents, size);
        if (!BothDirections) return loss;
        Tensor found = passages.Rows == count ? passages : f.GatherRows(passages, positives);                               // [B, features]
        return f.Scale(f.Add(loss, Direction(f, found, queries, positives, own, documents, size)), 0.5f);
    }

    /// <summary>
    /// Mean cross-entropy of the label of each row of <paramref name="seekers"/> among <paramref name="candidates"/>, the scores never larger than
    /// <see cref="ScoresAtOnce"/>.
    /// </summary>
    private Tensor Direction(Scope f, Tensor seekers, Tensor candidates, int[] positives, int[] labels, ReadOnlySpan<long> documents, int size)
    {
        int count = seekers.Rows, block = Math.Max(1, ScoresAtOnce / candidates.Rows);
        if (block >= count)
        {
            Tensor scores = Candidates(f, f.Scores(seekers, candidates, 1 / Temperature), positives, labels, documents, size); // [B, candidates]
            return f.CrossEntropy(scores, labels);
        }

        // One tensor holds both sides, because what is computed again for the backward pass may depend on one input.
        Tensor both = f.Concatenate(seekers, candidates);                                                                   // [B + candidates, features]
        int[] others = [.. Enumerable.Range(count, candidates.Rows)];
        long[] identities = documents.ToArray();
        using Scope inner = f.BeginScope();
        Tensor? total = null;
        foreach (int[] rows in Enumerable.Range(0, count).Chunk(block))
        {
            int[] rowPositives = Array.ConvertAll(rows, row => positives[row]), rowLabels = Array.ConvertAll(rows, row => labels[row]);
            Tensor part = inner.Recomputed(both, (g, x) =>
            {
                Tensor scores = g.Scores(g.GatherRows(x, rows), g.GatherRows(x, others), 1 / Temperature);                  // [block, candidates]
                scores = Candidates(g, scores, rowPositives, rowLabels, identities, size, positives);
                return g.Scale(g.CrossEntropy(scores, rowLabels), (float)rows.Length / count);
            });
            total = total is null ? part : inner.Add(total, part);
        }

        return inner.Keep(total!);
    }

    /// <exception cref="ArgumentException">Vectors are too short to be cut.</exception>
    internal static void RequireWidth(int dimensions, int features)
    {
        if (dimensions > features) throw new ArgumentException($"matryoshka.dimensions has {dimensions}, but vectors have {features} features");
    }

    private Tensor Cut(Scope f, Tensor x, int dimensions)
    {
        RequireWidth(dimensions, x.Columns);
        if (dimensions == x.Columns) return x;
        Tensor cut = f.FirstColumns(x, dimensions);
        return NormalizeCuts ? f.NormalizeRows(cut) : cut;
    }

    private static int[] Positives(int queries, int size) => [.. Enumerable.Range(0, queries).Select(query => query * size)];

    /// <summary>Leaves out columns that are, or belong to, the same document as a row's positive or come too near it, except the row's own.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="scores">[rows, candidates]</param>
    /// <param name="positives">[rows] place of each row's positive in <paramref name="documents"/>.</param>
    /// <param name="labels">[rows] column of the right answer.</param>
    /// <param name="documents">[passages] identities.</param>
    /// <param name="size">n: passages of a query.</param>
    /// <param name="columnPositives">Where columns are queries: place of each one's positive; null where rows are all of them.</param>
    private Tensor Candidates(Scope f, Tensor scores, int[] positives, int[] labels, ReadOnlySpan<long> documents, int size, int[]? columnPositives = null)
    {
        if (!ExcludeSameDocument && FalseNegativeMargin is null) return scores;
        columnPositives ??= positives;
        bool columnsArePassages = scores.Columns == documents.Length;
        bool any = false;
        bool[] excluded = new bool[scores.Count];
        float[] row = FalseNegativeMargin is null ? [] : new float[scores.Columns];
        for (int i = 0; i < scores.Rows; i++)
        {
            long document = ExcludeSameDocument ? documents[positives[i]] : -1;
            double most = double.PositiveInfinity;
            if (FalseNegativeMargin is { } margin)
            {
                scores.CopyRowTo(i, row);
                double positive = row[labels[i]] * (double)Temperature;
                most = (MarginIsAbsolute ? positive - margin : positive * margin) / Temperature;
            }

            if (document < 0 && double.IsPositiveInfinity(most)) continue;
            for (int j = 0; j < scores.Columns; j++)
            {
                if (j == labels[i]) continue;
                bool same = document >= 0 && documents[columnsArePassages ? j : columnPositives[j]] == document;
                bool other = !columnsArePassages || j / size != labels[i] / size;
                if (!same && !(other && row.Length > 0 && row[j] > most)) continue;
                excluded[((long)i * scores.Columns) + j] = true;
                any = true;
            }
        }

        return any ? f.ExcludeScores(scores, excluded) : scores;
    }
}
