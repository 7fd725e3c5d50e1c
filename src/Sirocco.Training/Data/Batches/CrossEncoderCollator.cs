using Sirocco.Text;

namespace Sirocco.Training;

/// <summary>Batches of a cross-encoder: each query with each of its documents as one text.</summary>
internal sealed class CrossEncoderCollator : Collator<RerankingBatch>
{
    private readonly CrossEncoderCollatorOptions options;
    private readonly PairTemplate template;

    /// <exception cref="InvalidDataException">
    /// A length is not positive, the template has other fields or another end, or the tokenizer cannot be described beside an export.
    /// </exception>
    public CrossEncoderCollator(TrainingTokenizer tokenizer, CrossEncoderCollatorOptions options)
        : base(tokenizer)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        this.options = options;
        template = PairTemplate.Parse(options.Template);
        RequireCuttableEnd(tokenizer);
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

    /// <summary>sentence-transformers' template of an export can say special tokens before and after a pair, and cuts long ones at their end.</summary>
    private static void RequireCuttableEnd(TrainingTokenizer tokenizer)
    {
        const string Probe = "a";
        if (tokenizer.TruncationSide != TextSide.Right)
            throw new InvalidDataException("tokenizer.truncation_side is left; give right: pairs of a cross-encoder are cut at their end");
        int[] bare = tokenizer.Tokenizer.EncodeIds(Probe, addSpecialTokens: false);
        if (bare.Length == 0 || tokenizer.Encode(Probe).AsSpan().IndexOf(bare) < 0)
            throw new InvalidDataException("tokenizer puts special tokens inside a text; pairs of a cross-encoder need one that puts them before and after it");
    }
}
