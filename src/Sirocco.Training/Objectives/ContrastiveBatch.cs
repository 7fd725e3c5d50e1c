using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>Queries and passages of one micro-batch, as token matrices without padding.</summary>
public sealed class ContrastiveBatch
{
    /// <param name="queryIds">Tokens of all queries.</param>
    /// <param name="queries">One sequence for each query.</param>
    /// <param name="passageIds">Tokens of all passages.</param>
    /// <param name="passages">n sequences for each query, in the order of the queries, the positive first.</param>
    /// <param name="documents">Identity of each passage, or −1 where it is unknown: passages of one identity are the same document.</param>
    public ContrastiveBatch(int[] queryIds, Segments queries, int[] passageIds, Segments passages, long[] documents)
    {
        if (queries.Count == 0 || passages.Count % queries.Count != 0)
            throw new ArgumentException($"{passages.Count} passages are not the same number for each of {queries.Count} queries", nameof(passages));
        if (documents.Length != passages.Count) throw new ArgumentException($"{documents.Length} identities for {passages.Count} passages", nameof(documents));
        QueryIds = queryIds;
        Queries = queries;
        PassageIds = passageIds;
        Passages = passages;
        Documents = documents;
    }

    /// <summary>Tokens of all queries.</summary>
    public int[] QueryIds { get; }

    /// <summary>One sequence for each query.</summary>
    public Segments Queries { get; }

    /// <summary>Tokens of all passages.</summary>
    public int[] PassageIds { get; }

    /// <summary>n sequences for each query, the positive first.</summary>
    public Segments Passages { get; }

    /// <summary>Identity of each passage, or −1.</summary>
    public long[] Documents { get; }

    /// <summary>Ranks that the batch is of; each has as many queries, and they follow each other.</summary>
    public int Ranks { get; private init; } = 1;

    /// <summary>n: the positive and the negatives of each query.</summary>
    public int PassagesPerQuery => Passages.Count / Queries.Count;

    /// <summary>Tokens of queries and passages.</summary>
    public int Tokens => QueryIds.Length + PassageIds.Length;

    /// <summary>The batch that a collator made.</summary>
    /// <param name="batch">Queries and passages of a data loader.</param>
    /// <param name="positions">What positions count.</param>
    internal static ContrastiveBatch Of(RetrievalBatch batch, PositionCount positions)
    {
        ArgumentNullException.ThrowIfNull(batch);
        long[] documents = batch.DocumentIds is { } ids ? [.. ids] : [.. Enumerable.Repeat(-1L, batch.Passages.Rows)];
        return new ContrastiveBatch(
            batch.Queries.TokenArray, batch.Queries.Segments(positions), batch.Passages.TokenArray, batch.Passages.Segments(positions), documents);
    }

    /// <summary>The batches that ranks have at the same time as one, whose passages are candidates of all queries.</summary>
    /// <param name="ranks">In the order of the ranks; all of one size.</param>
    /// <exception cref="ArgumentException">Their sizes differ.</exception>
    public static ContrastiveBatch OfRanks(IReadOnlyList<ContrastiveBatch> ranks)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        if (ranks is [var alone]) return alone;
        if (ranks.Any(batch => batch.Queries.Count != ranks[0].Queries.Count || batch.Passages.Count != ranks[0].Passages.Count))
            throw new ArgumentException("in-batch negatives across ranks need micro-batches of one size on all of them", nameof(ranks));
        return new ContrastiveBatch(
            [.. ranks.SelectMany(batch => batch.QueryIds)],
            Join(ranks.Select(batch => batch.Queries)),
            [.. ranks.SelectMany(batch => batch.PassageIds)],
            Join(ranks.Select(batch => batch.Passages)),
            [.. ranks.SelectMany(batch => batch.Documents)])
        {
            Ranks = ranks.Count,
        };

        static Segments Join(IEnumerable<Segments> parts)
        {
            List<int> lengths = [], positions = [];
            foreach (Segments part in parts)
            {
                for (int s = 0; s < part.Count; s++) lengths.Add(part.Length(s));
                positions.AddRange(part.Positions);
            }

            return Segments.FromLengths([.. lengths], [.. positions]);
        }
    }

    /// <summary>Some of the queries, with their passages.</summary>
    /// <param name="first">The first query.</param>
    /// <param name="count">Queries.</param>
    public ContrastiveBatch Slice(int first, int count)
    {
        int size = PassagesPerQuery;
        (int[] queryIds, Segments queries) = Cut(QueryIds, Queries, first, count);
        (int[] passageIds, Segments passages) = Cut(PassageIds, Passages, first * size, count * size);
        return new ContrastiveBatch(queryIds, queries, passageIds, passages, Documents[(first * size)..((first + count) * size)]);
    }

    /// <summary>Gathers examples, each text cut at its maximum length.</summary>
    /// <param name="data">Where the texts are.</param>
    /// <param name="examples">Indexes into <see cref="ContrastiveData.Examples"/>.</param>
    /// <param name="queryLength">Most tokens of a query.</param>
    /// <param name="passageLength">Most tokens of a passage.</param>
    internal static ContrastiveBatch Gather(ContrastiveData data, ReadOnlySpan<int> examples, int queryLength, int passageLength)
    {
        int[] queries = new int[examples.Length], passages = new int[examples.Length * data.PassagesPerQuery];
        for (int i = 0; i < examples.Length; i++)
        {
            ContrastiveExample example = data.Examples[examples[i]];
            queries[i] = example.Query;
            for (int j = 0; j < data.PassagesPerQuery; j++) passages[(i * data.PassagesPerQuery) + j] = example.Passages[j];
        }

        (int[] queryIds, Segments querySegments) = Concatenate(data.Queries, queries, queryLength);
        (int[] passageIds, Segments passageSegments) = Concatenate(data.Passages, passages, passageLength);
        return new ContrastiveBatch(queryIds, querySegments, passageIds, passageSegments, Array.ConvertAll(passages, passage => (long)passage));
    }

    private static (int[] Ids, Segments Segments) Cut(int[] ids, Segments segments, int first, int count)
    {
        ReadOnlySpan<int> starts = segments.QueryStarts.Slice(first, count + 1);
        int[] lengths = new int[count];
        for (int i = 0; i < count; i++) lengths[i] = starts[i + 1] - starts[i];
        return (ids[starts[0]..starts[^1]], Segments.FromLengths(lengths, segments.Positions[starts[0]..starts[^1]]));
    }

    private static (int[] Ids, Segments Segments) Concatenate(TokenizedTexts texts, int[] chosen, int length)
    {
        int[] lengths = Array.ConvertAll(chosen, text => Math.Min(texts[text].Length, length));
        int[] ids = new int[lengths.Sum()];
        int start = 0;
        for (int i = 0; i < chosen.Length; i++)
        {
            texts[chosen[i]][..lengths[i]].CopyTo(ids.AsSpan(start));
            start += lengths[i];
        }

        return (ids, Segments.FromLengths(lengths));
    }
}
