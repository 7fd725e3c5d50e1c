namespace Sirocco.Training;

/// <summary>Which of the reference's loaders reads a dataset.</summary>
public enum RetrievalDatasetKind
{
    /// <summary>RetrievalDatasetConfig: each source by its name and content.</summary>
    Standard,

    /// <summary>retrieval_dataset_inline: every source holds its texts itself; documents have no ids, and shuffling always acts.</summary>
    Inline,

    /// <summary>NormalizedRetrievalDatasetConfig: one Arrow bundle.</summary>
    Normalized,
}

/// <summary>What a dataset is for.</summary>
public enum DatasetUse
{
    /// <summary>Training.</summary>
    Training,

    /// <summary>Validation: the number of negatives may differ, and limits on the number of examples do not act.</summary>
    Evaluation,
}

/// <summary>A file, folder or <c>hf://org/repo[/subset]</c> with training records.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Samples">Take so many records, drawn with the dataset's seed; null for all.</param>
/// <param name="Corpus">
/// A file with the documents (<c>id</c>, <c>text</c>) that the records name by id (<c>query</c>, <c>positive</c>, perhaps <c>negative</c>), or null.
/// </param>
public sealed record RetrievalSource(string Path, int? Samples = null, string? Corpus = null);

/// <summary>Which records train a retrieval model, and what becomes of each.</summary>
public sealed record RetrievalDatasetOptions
{
    /// <summary>Where the records are.</summary>
    public required IReadOnlyList<RetrievalSource> Sources { get; init; }

    /// <summary>How sources are read.</summary>
    public RetrievalDatasetKind Kind { get; init; }

    /// <summary>Training or validation.</summary>
    public DatasetUse Use { get; init; }

    /// <summary>n_passages: one positive and n − 1 negatives.</summary>
    public int PassagesPerQuery { get; init; } = 5;

    /// <summary>eval_negative_size: negatives of a validation record; null: <see cref="PassagesPerQuery"/> − 1.</summary>
    public int? EvaluationNegatives { get; init; }

    /// <summary>Seed of sampling and shuffling; the order of epochs has the recipe's.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>
    /// Whether records are shuffled before <see cref="MaximumExamples"/> takes its share; without a share it acts for <see cref="RetrievalDatasetKind.Inline"/>
    /// only.
    /// </summary>
    public bool Shuffle { get; init; }

    /// <summary>max_train_samples: most records; null for all. Not for validation.</summary>
    public int? MaximumExamples { get; init; }

    /// <summary>train_data_select_offset: the first record of the share.</summary>
    public int FirstExample { get; init; }

    /// <summary>Whether examples carry the instructions of their corpus.</summary>
    public bool UseInstructions { get; init; }

    /// <summary>cycle_positive_docs: whether positives of a training record take turns by epoch.</summary>
    public bool CyclePositives { get; init; }

    /// <summary>Negatives of an example.</summary>
    public int Negatives => Use == DatasetUse.Evaluation && EvaluationNegatives is { } own ? own : PassagesPerQuery - 1;

    /// <summary>Whether records are shuffled before the share is taken.</summary>
    internal bool Shuffles => Use == DatasetUse.Training && Shuffle && (MaximumExamples is not null || Kind == RetrievalDatasetKind.Inline);

    /// <exception cref="InvalidDataException">A value is out of its range.</exception>
    internal void Validate()
    {
        if (Sources.Count == 0) throw new InvalidDataException("data_dir_list is empty; name at least one file, folder or hf:// source");
        if (PassagesPerQuery < 1) throw new InvalidDataException($"n_passages is {PassagesPerQuery}; give 1 (the positive alone) or more");
        if (EvaluationNegatives < 0) throw new InvalidDataException($"eval_negative_size is {EvaluationNegatives}; give 0 or more");
        if (MaximumExamples < 0) throw new InvalidDataException($"max_train_samples is {MaximumExamples}; give 0 or more");
        if (FirstExample < 0) throw new InvalidDataException($"train_data_select_offset is {FirstExample}; give 0 or more");
        if (Seed < 0 && Shuffles) throw NegativeSeed("do_shuffle");
        foreach (RetrievalSource source in Sources)
        {
            if (source.Path.Length == 0) throw new InvalidDataException("data_dir_list names an empty path");
            int least = Kind == RetrievalDatasetKind.Normalized ? 1 : 0;
            if (source.Samples < least) throw new InvalidDataException($"{source.Path}: num_samples is {source.Samples}; give {least} or more");
            if (source.Samples is not null && Kind == RetrievalDatasetKind.Inline)
                throw new InvalidDataException($"{source.Path}: num_samples is not known to the inline dataset; use RetrievalDatasetConfig");
        }
    }

    /// <summary>NumPy's generator, which shuffles here, takes no such seed; Python's, which draws samples elsewhere, does.</summary>
    /// <param name="use">The key that asks for the shuffling.</param>
    internal InvalidDataException NegativeSeed(string use) => new($"the dataset's seed is {Seed}, but {use} shuffles as NumPy does; give a seed of 0 or more");
}
