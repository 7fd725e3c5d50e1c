namespace Sirocco.Training;

/// <summary>
/// <c>grad_cache</c>: a micro-batch is encoded in pieces whose activations are never held together, with the gradients of the whole (Gao, Zhang, Han and Callan
/// 2021). The in-batch negatives of a query are then all passages of a micro-batch of any size.
/// </summary>
public sealed record GradientCacheOptions
{
    /// <summary>Queries, with their passages, encoded at a time (micro_batch_size).</summary>
    public int MicroBatchSize { get; init; } = 8;
}

/// <summary><c>matryoshka</c>: the loss is taken over the first features of the vectors too (Kusupati et al. 2022).</summary>
public sealed record MatryoshkaOptions
{
    /// <summary>How many features each term sees (dimensions).</summary>
    public required IReadOnlyList<int> Dimensions { get; init; }

    /// <summary>Their weights (weights), one for each of <see cref="Dimensions"/>; empty gives all the weight 1.</summary>
    public IReadOnlyList<double> Weights { get; init; } = [];

    /// <exception cref="ArgumentException">The message begins with the key.</exception>
    internal void Validate()
    {
        if (Dimensions.Count == 0 || Dimensions.Distinct().Count() < Dimensions.Count || Dimensions.Any(dimension => dimension < 1))
        {
            throw new ArgumentException(
                $"matryoshka.dimensions is [{string.Join(", ", Dimensions)}]; give different numbers of features, such as [576, 256, 128]");
        }
        if (Weights.Count > 0 && Weights.Count != Dimensions.Count)
            throw new ArgumentException($"matryoshka.weights has {Weights.Count} numbers; give {Dimensions.Count}, one for each of dimensions");
        if (Weights.Count > 0 && Weights.All(weight => weight == 0)) throw new ArgumentException("matryoshka.weights has nothing but zeros; leave it out");
    }
}

/// <summary><c>early_stopping</c>: the run ends when a validation metric has not become better for a while.</summary>
public sealed record EarlyStoppingOptions
{
    /// <summary>What is watched (metric): <c>val_loss</c>, <c>val_acc1</c>, <c>val_mrr</c>, or one of <see cref="CorpusEvaluationOptions.Metrics"/>.</summary>
    public string Metric { get; init => field = RetrievalMetric.Canonical(value); } = "val_loss";

    /// <summary>Validations without an improvement before the run ends (patience).</summary>
    public int Patience { get; init; } = 3;

    /// <summary>What counts as an improvement (min_delta).</summary>
    public double LeastImprovement { get; init; }
}

/// <summary><c>evaluation</c>: search of a whole corpus with the model as it is, at every validation.</summary>
public sealed record CorpusEvaluationOptions
{
    /// <summary>The documents (corpus).</summary>
    public required string Corpus { get; init; }

    /// <summary>The questions, with their relevant documents where <see cref="Judgements"/> is null (queries).</summary>
    public required string Queries { get; init; }

    /// <summary>Relevant documents of the questions (qrels), or null.</summary>
    public string? Judgements { get; init; }

    /// <summary>What is measured (metrics), such as <c>ndcg@10</c>, <c>mrr@10</c>, <c>recall@100</c>, <c>map</c>.</summary>
    public IReadOnlyList<string> Metrics { get; init => field = [.. value.Select(RetrievalMetric.Canonical)]; } = ["ndcg@10", "mrr@10", "recall@10"];

    /// <summary>How many questions are asked, the first ones (max_queries); null asks all.</summary>
    public int? MaximumQueries { get; init; }

    /// <summary>How many documents are searched, relevant ones and the first others (max_documents); null searches all.</summary>
    public int? MaximumDocuments { get; init; }

    /// <summary>Tokens of a question that are read (q_max_len); null: as in training.</summary>
    public int? QueryLength { get; init; }

    /// <summary>
    /// Tokens of a document that are read (p_max_len); null: as in training. An encoder trained on the beginnings of passages finds more when it reads them
    /// whole.
    /// </summary>
    public int? PassageLength { get; init; }
}

/// <summary>Which passages of other queries are no negatives of a query.</summary>
public enum FalseNegativeRule
{
    /// <summary>Those with the id of its positive, as the reference has it.</summary>
    Identity,

    /// <summary>Those, and any whose score comes within a margin of the positive's.</summary>
    Margin,

    /// <summary>None: every passage counts.</summary>
    Keep,
}

/// <summary><c>false_negatives</c>: passages that are probably right answers are left out of the candidates of other queries.</summary>
public sealed record FalseNegativeOptions
{
    /// <summary>Which those are (rule).</summary>
    public FalseNegativeRule Rule { get; init; }

    /// <summary>
    /// A candidate is left out when its score exceeds the positive's · margin, or the positive's − margin where <see cref="Absolute"/> (margin).
    /// </summary>
    public double Margin { get; init; } = 0.95;

    /// <summary>Whether the margin is subtracted (margin_type: abs).</summary>
    public bool Absolute { get; init; }
}
