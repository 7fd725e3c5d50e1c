namespace Sirocco.Training;

/// <summary>Makes a micro-batch of examples. A pure function of its input, safe on many threads.</summary>
/// <typeparam name="TBatch">What the objective takes.</typeparam>
internal abstract class Collator<TBatch>
    where TBatch : ExampleBatch
{
    private protected Collator(TrainingTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        Tokenizer = tokenizer;
    }

    /// <summary>The tokenizer of every text.</summary>
    public TrainingTokenizer Tokenizer { get; }

    /// <summary>Makes a batch.</summary>
    /// <param name="examples">At least one; all with the same number of documents.</param>
    /// <exception cref="InvalidDataException">A text gives no tokens, or numbers of documents differ; the message names the record.</exception>
    public abstract TBatch Collate(IReadOnlyList<RetrievalExample> examples);

    private protected static int DocumentsPerQuery(IReadOnlyList<RetrievalExample> examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentOutOfRangeException.ThrowIfZero(examples.Count, nameof(examples));
        int count = examples[0].Documents.Count;
        foreach (RetrievalExample example in examples)
        {
            if (example.Documents.Count != count || count == 0)
            {
                throw new InvalidDataException($"{example.Place}: has {example.Documents.Count} documents where the first record of the batch has {count}; "
                    + "every record of a batch needs the same number");
            }
        }

        return count;
    }

    private protected static string Prefixed(string prefix, string text) => prefix.Length == 0 ? text : $"{prefix} {text}";

    private protected TokenizedBatch Tokenize(IReadOnlyList<(string Text, RetrievalExample From)> texts, int maxLength, PaddingWidth padding, int? multiple)
    {
        int[][] ids = new int[texts.Count][];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = Tokenizer.Encode(texts[i].Text, maxLength);
            if (ids[i].Length == 0)
            {
                throw new InvalidDataException(
                    $"{texts[i].From.Place}: a text of this record gives no tokens; remove the record, or use a tokenizer that adds a begin or end token");
            }
        }

        int longest = ids.Length == 0 ? 0 : ids.Max(row => row.Length);
        if (padding == PaddingWidth.MaxLength && Tokenizer.MaxLength is { } most) longest = Math.Max(longest, most);
        int unit = padding == PaddingWidth.None ? 1 : multiple ?? 1;
        long columns = ((long)longest + unit - 1) / unit * unit;
        if (columns > BiEncoderCollatorOptions.MostColumns)
        {
            throw new InvalidDataException($"texts would be padded to {columns} tokens, more than {BiEncoderCollatorOptions.MostColumns}; "
                + "give another padding, pad_to_multiple_of or model_max_length");
        }
        return new TokenizedBatch(ids, (int)columns, Tokenizer.PaddingSide, Tokenizer.PaddingId);
    }
}
