namespace Sirocco.Training;

/// <summary>What every micro-batch knows of where it came from.</summary>
internal abstract class ExampleBatch
{
    private protected ExampleBatch(IReadOnlyList<RetrievalExample> examples)
    {
        Records = [.. examples.Select(example => example.Record)];
        QuestionIds = [.. examples.Select(example => example.QuestionId)];
    }

    /// <summary>[queries] number of each record in its file, from 0.</summary>
    public IReadOnlyList<int> Records { get; }

    /// <summary>[queries] id of each query.</summary>
    public IReadOnlyList<string> QuestionIds { get; }

    /// <summary>Queries in the batch.</summary>
    public int Count => Records.Count;

    /// <summary>Tokens in the batch, padding not counted.</summary>
    public abstract int TokenCount { get; }
}

/// <summary>A micro-batch of a bi-encoder.</summary>
internal sealed class RetrievalBatch : ExampleBatch
{
    internal RetrievalBatch(IReadOnlyList<RetrievalExample> examples, TokenizedBatch queries, TokenizedBatch passages, long[]? documentIds)
        : base(examples)
    {
        Queries = queries;
        Passages = passages;
        DocumentIds = documentIds;
        PassagesPerQuery = passages.Rows / queries.Rows;
    }

    /// <summary>[queries]</summary>
    public TokenizedBatch Queries { get; }

    /// <summary>[queries · n]: the first query's positive, its negatives, the second query's positive, …</summary>
    public TokenizedBatch Passages { get; }

    /// <summary>n: documents of each query.</summary>
    public int PassagesPerQuery { get; }

    /// <summary>[queries · n] a hash of each document's id, for masking documents that are the positive; null unless every document has an id.</summary>
    public IReadOnlyList<long>? DocumentIds { get; }

    /// <inheritdoc/>
    public override int TokenCount => Queries.TokenArray.Length + Passages.TokenArray.Length;
}

/// <summary>A micro-batch of a cross-encoder.</summary>
internal sealed class RerankingBatch : ExampleBatch
{
    internal RerankingBatch(IReadOnlyList<RetrievalExample> examples, TokenizedBatch pairs)
        : base(examples)
    {
        Pairs = pairs;
        PassagesPerQuery = pairs.Rows / examples.Count;
    }

    /// <summary>
    /// [queries · n] query and document as one text: the first query with its positive, with its negatives, the second query with its positive, …
    /// </summary>
    public TokenizedBatch Pairs { get; }

    /// <summary>n: documents of each query.</summary>
    public int PassagesPerQuery { get; }

    /// <inheritdoc/>
    public override int TokenCount => Pairs.TokenArray.Length;
}

/// <summary>A micro-batch of a distillation.</summary>
internal sealed class DistillationBatch : ExampleBatch
{
    internal DistillationBatch(
        IReadOnlyList<RetrievalExample> examples, TokenizedBatch queries, TokenizedBatch positives, TokenizedBatch negatives, bool[] isNegative)
        : base(examples)
    {
        Queries = queries;
        Positives = positives;
        Negatives = negatives;
        IsNegative = isNegative;
        NegativesPerQuery = isNegative.Length / examples.Count;
    }

    /// <summary>[queries]</summary>
    public TokenizedBatch Queries { get; }

    /// <summary>[queries]</summary>
    public TokenizedBatch Positives { get; }

    /// <summary>[queries · K]; the empty text where a query has fewer negatives than K.</summary>
    public TokenizedBatch Negatives { get; }

    /// <summary>K: the most negatives that a query of the batch has.</summary>
    public int NegativesPerQuery { get; }

    /// <summary>[queries · K] whether the row is a negative (n_mask), and not the filling of a shorter list.</summary>
    public IReadOnlyList<bool> IsNegative { get; }

    /// <summary>Embeddings of a teacher that is not there, where a cache is given.</summary>
    public TeacherEmbeddings? Teacher { get; init; }

    /// <inheritdoc/>
    public override int TokenCount => Queries.TokenArray.Length + Positives.TokenArray.Length + Negatives.TokenArray.Length;
}

/// <summary>A teacher's embeddings of a batch.</summary>
/// <param name="Dimensions">Width of the teacher.</param>
/// <param name="Queries">[queries, dimensions]</param>
/// <param name="Positives">[queries, dimensions]</param>
/// <param name="Negatives">[queries · K, dimensions]; zero where there is no negative.</param>
internal sealed record TeacherEmbeddings(int Dimensions, float[] Queries, float[] Positives, float[] Negatives);
