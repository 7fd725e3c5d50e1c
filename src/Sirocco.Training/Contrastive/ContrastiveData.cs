namespace Sirocco.Training;

/// <summary>One query with what it should find and what it should not.</summary>
/// <param name="Query">Index into <see cref="ContrastiveData.Queries"/>.</param>
/// <param name="Passages">Indexes into <see cref="ContrastiveData.Passages"/>: the positive first, then negatives.</param>
internal sealed record ContrastiveExample(int Query, IReadOnlyList<int> Passages);

/// <summary>Training data of a bi-encoder, tokenized, special tokens included.</summary>
/// <remarks>A passage is one document: two examples that name the same index share it, which false-negative masking relies on.</remarks>
internal sealed class ContrastiveData
{
    /// <param name="queries">Texts of queries.</param>
    /// <param name="passages">Texts of passages.</param>
    /// <param name="examples">Which belong together; all with the same number of passages.</param>
    /// <exception cref="ArgumentException">There is no example, an index is out of range, a text is empty, or numbers of passages differ.</exception>
    public ContrastiveData(TokenizedTexts queries, TokenizedTexts passages, IReadOnlyList<ContrastiveExample> examples)
    {
        Queries = queries;
        Passages = passages;
        Examples = examples;
        if (examples.Count == 0) throw new ArgumentException("there are no training examples", nameof(examples));
        PassagesPerQuery = examples[0].Passages.Count;
        for (int i = 0; i < examples.Count; i++)
        {
            ContrastiveExample example = examples[i];
            if (example.Passages.Count == 0 || example.Passages.Count != PassagesPerQuery)
            {
                throw new ArgumentException(
                    $"example {i} has {example.Passages.Count} passages, the first one {PassagesPerQuery}; give each the same number, at least one",
                    nameof(examples));
            }
            Check(queries, example.Query, $"example {i}: query");
            foreach (int passage in example.Passages) Check(passages, passage, $"example {i}: passage");
        }
    }

    /// <summary>Texts of queries.</summary>
    public TokenizedTexts Queries { get; }

    /// <summary>Texts of passages.</summary>
    public TokenizedTexts Passages { get; }

    /// <summary>Which belong together.</summary>
    public IReadOnlyList<ContrastiveExample> Examples { get; }

    /// <summary>n: the positive and the negatives of each query.</summary>
    public int PassagesPerQuery { get; }

    private static void Check(TokenizedTexts texts, int index, string what)
    {
        if ((uint)index >= (uint)texts.Count) throw new ArgumentException($"{what} {index} is not among {texts.Count} texts");
        if (texts[index].IsEmpty) throw new ArgumentException($"{what} {index} has no tokens");
    }
}
