namespace Sirocco.Training;

/// <summary>
/// <c>grad_cache</c>: a micro-batch is encoded in pieces whose activations are never held together, with the gradients of the whole (Gao, Zhang, Han and Callan 2021). The in-batch
/// negatives of a query are then all passages of a micro-batch of any size.
/// </summary>
public sealed record GradientCacheOptions
{
    /// <summary>micro_batch_size: queries, with their passages, encoded at a time.</summary>
    public int MicroBatchSize { get; init; } = 8;
}

/// <summary><c>matryoshka</c>: the loss is taken over the first features of the vectors too (Kusupati et al. 2022).</summary>
public sealed record MatryoshkaOptions
{
    /// <summary>dimensions: how many features each term sees.</summary>
    public required IReadOnlyList<int> Dimensions { get; init; }

    /// <summary>weights: one for each of <see cref="Dimensions"/>; empty gives all the weight 1.</summary>
    public IReadOnlyList<double> Weights { get; init; } = [];
}

/// <summary><c>early_stopping</c>: the run ends when a validation metric has not become better for a while.</summary>
public sealed record EarlyStoppingOptions
{
    /// <summary>metric: <c>val_loss</c>, <c>val_acc1</c>, <c>val_mrr</c>, or one of <see cref="CorpusEvaluationOptions.Metrics"/>.</summary>
    public string Metric { get; init; } = "val_loss";

    /// <summary>patience: validations without an improvement before the run ends.</summary>
    public int Patience { get; init; } = 3;

    /// <summary>min_delta: what counts as an improvement.</summary>
    public double LeastImprovement { get; init; }
}

/// <summary><c>evaluation</c>: search of a whole corpus with the model as it is, at every validation.</summary>
public sealed record CorpusEvaluationOptions
{
    /// <summary>corpus: the documents.</summary>
    public required string Corpus { get; init; }

    /// <summary>queries: the questions, with their relevant documents where <see cref="Judgements"/> is null.</summary>
    public required string Queries { get; init; }

    /// <summary>qrels: relevant documents of the questions, or null.</summary>
    public string? Judgements { get; init; }

    /// <summary>metrics: such as <c>ndcg@10</c>, <c>mrr@10</c>, <c>recall@100</c>, <c>map</c>.</summary>
    public IReadOnlyList<string> Metrics { get; init; } = ["ndcg@10", "mrr@10", "recall@10"];

    /// <summary>max_queries: the first so many questions are asked; null asks all.</summary>
    public int? MaximumQueries { get; init; }

    /// <summary>max_documents: relevant documents and the first others up to so many are searched; null searches all.</summary>
    public int? MaximumDocuments { get; init; }
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
    /// <summary>rule</summary>
    public FalseNegativeRule Rule { get; init; }

    /// <summary>margin: a candidate is left out when its score exceeds the positive's · margin (or the positive's − margin, see <see cref="Absolute"/>).</summary>
    public double Margin { get; init; } = 0.95;

    /// <summary>margin_type: abs</summary>
    public bool Absolute { get; init; }
}
