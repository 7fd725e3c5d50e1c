namespace Sirocco.Training;

/// <summary>Batches of a distillation: queries, positives and negatives apart.</summary>
internal sealed class DistillationCollator : Collator<DistillationBatch>, IDisposable
{
    private readonly DistillationCollatorOptions options;
    private readonly TeacherEmbeddingCache? teacher;

    /// <exception cref="InvalidDataException">A length is not positive, or the teacher's cache is damaged.</exception>
    /// <exception cref="FileNotFoundException">The teacher's cache lacks a file.</exception>
    public DistillationCollator(TrainingTokenizer tokenizer, DistillationCollatorOptions options)
        : base(tokenizer)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        this.options = options;
        teacher = options.TeacherCache is { Length: > 0 } folder ? TeacherEmbeddingCache.Open(folder) : null;
    }

    /// <inheritdoc/>
    public override DistillationBatch Collate(IReadOnlyList<RetrievalExample> examples)
    {
        int negativesPerQuery = DocumentsPerQuery(examples) - 1;
        List<(string Text, RetrievalExample From)> queries = [], positives = [], negatives = [];
        foreach (RetrievalExample example in examples)
        {
            queries.Add((Prefixed(Chosen(example.QueryInstruction, options.QueryPrefix), example.Question), example));
            string prefix = Chosen(example.PassageInstruction, options.PassagePrefix);
            positives.Add((Prefixed(prefix, example.Documents[0].Text), example));
            negatives.AddRange(example.Documents.Skip(1).Select(document => (Prefixed(prefix, document.Text), example)));
        }

        bool[] isNegative = new bool[examples.Count * negativesPerQuery];
        Array.Fill(isNegative, true);
        return new DistillationBatch(
            examples,
            Tokenize(queries, options.QueryLength, options.Padding, options.PadToMultipleOf),
            Tokenize(positives, options.PassageLength, options.Padding, options.PadToMultipleOf),
            Tokenize(negatives, options.PassageLength, options.Padding, options.PadToMultipleOf),
            isNegative)
        {
            Teacher = teacher is null ? null : LookUp(teacher, examples, queries, positives, negatives),
        };
    }

    /// <summary>Closes the teacher's cache.</summary>
    public void Dispose() => teacher?.Dispose();

    private string Chosen(string instruction, string prefix) => options.UseDatasetInstruction && instruction.Length > 0 ? instruction : prefix;

    private TeacherEmbeddings LookUp(
        TeacherEmbeddingCache cache,
        IReadOnlyList<RetrievalExample> examples,
        List<(string Text, RetrievalExample From)> queries,
        List<(string Text, RetrievalExample From)> positives,
        List<(string Text, RetrievalExample From)> negatives)
    {
        if (!options.LookUpWithPrefixes)
        {
            queries = [.. examples.Select(example => (example.Question, example))];
            positives = [.. examples.Select(example => (example.Documents[0].Text, example))];
            negatives = [.. examples.SelectMany(example => example.Documents.Skip(1).Select(document => (document.Text, example)))];
        }

        return new TeacherEmbeddings(cache.Dimensions, cache.Queries(queries), cache.Documents(positives), cache.Negatives(negatives));
    }
}
