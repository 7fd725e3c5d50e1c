namespace Sirocco.Training;

/// <summary>Batches of a cross-encoder: each query with each of its documents as one text.</summary>
public sealed class CrossEncoderCollator : Collator<RerankingBatch>
{
    private readonly CrossEncoderCollatorOptions options;
    private readonly PairTemplate template;

    /// <exception cref="InvalidDataException">A length is not positive, or the template has other fields.</exception>
    public CrossEncoderCollator(TrainingTokenizer tokenizer, CrossEncoderCollatorOptions options)
        : base(tokenizer)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        this.options = options;
        template = PairTemplate.Parse(options.Template);
    }

    /// <inheritdoc/>
    public override RerankingBatch Collate(IReadOnlyList<RetrievalExample> examples)
    {
        DocumentsPerQuery(examples);
        List<(string, RetrievalExample)> pairs = [];
        foreach (RetrievalExample example in examples)
        {
            foreach (RetrievalDocument document in example.Documents) pairs.Add((template.Fill(example.Question, document.Text), example));
        }

        return new RerankingBatch(examples, Tokenize(pairs, options.MaxLength, PaddingWidth.Longest, options.PadToMultipleOf));
    }
}
