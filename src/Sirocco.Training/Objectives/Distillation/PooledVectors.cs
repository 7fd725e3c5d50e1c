namespace Sirocco.Training;

/// <summary>Pooled vectors of one network for a batch.</summary>
/// <param name="Queries">[queries, features]</param>
/// <param name="Positives">[queries, features]</param>
/// <param name="Negatives">[queries · K, features], or null where there are none.</param>
internal sealed record PooledVectors(GradedRows Queries, GradedRows Positives, GradedRows? Negatives)
{
    /// <summary>K</summary>
    public int NegativesPerQuery => Negatives is null ? 0 : Negatives.Rows / Queries.Rows;

    /// <summary>
    /// The batches of several ranks as one, in the order of the ranks, as all_gather has them. Where a rank has fewer negatives than another, zeros fill its
    /// queries' up. <see cref="PassBack"/> takes derivatives to the ranks.
    /// </summary>
    public static PooledVectors OfRanks(IReadOnlyList<PooledVectors> ranks)
    {
        if (ranks is [var alone]) return alone;
        int k = ranks.Max(rank => rank.NegativesPerQuery);
        return new PooledVectors(
            Joined(ranks, rank => rank.Queries, 1), Joined(ranks, rank => rank.Positives, 1), k == 0 ? null : Joined(ranks, rank => rank.Negatives, k));
    }

    /// <summary>Which rows of <see cref="OfRanks"/>'s negatives are negatives, and not fillings.</summary>
    /// <param name="ranks">The vectors.</param>
    /// <param name="isNegative">The same of each rank, [queries · K].</param>
    public static IReadOnlyList<bool> NegativesOfRanks(IReadOnlyList<PooledVectors> ranks, IReadOnlyList<IReadOnlyList<bool>> isNegative)
    {
        if (ranks.Count == 1) return isNegative[0];
        int k = ranks.Max(rank => rank.NegativesPerQuery);
        return [.. ranks.Zip(isNegative).SelectMany(rank => Enumerable.Range(0, rank.First.Queries.Rows * k)
            .Select(i => i % k < rank.First.NegativesPerQuery && rank.Second[(i / k * rank.First.NegativesPerQuery) + (i % k)]))];
    }

    /// <summary>All of them at unit length.</summary>
    public PooledVectors ToUnitLength() => new(Queries.ToUnitLength(), Positives.ToUnitLength(), Negatives?.ToUnitLength());

    /// <summary>Adds derivatives to those of the vectors that these were made from.</summary>
    public void PassBack()
    {
        Queries.PassBack();
        Positives.PassBack();
        Negatives?.PassBack();
    }

    /// <param name="ranks">The vectors.</param>
    /// <param name="part">Queries, positives or negatives.</param>
    /// <param name="k">Rows for each query.</param>
    private static GradedRows Joined(IReadOnlyList<PooledVectors> ranks, Func<PooledVectors, GradedRows?> part, int k)
    {
        List<(GradedRows? From, int Row)> places = [];
        foreach (PooledVectors rank in ranks)
        {
            int own = part(rank) is { } rows ? rows.Rows / rank.Queries.Rows : 0;
            for (int query = 0; query < rank.Queries.Rows; query++)
            {
                for (int i = 0; i < k; i++) places.Add(i < own ? (part(rank), (query * own) + i) : (null, 0));
            }
        }

        return new GradedRows(places, ranks[0].Queries.Width);
    }
}
