using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Sirocco.Training;

/// <summary>Batches of a bi-encoder: queries and documents tokenized on their own, each side padded to its own longest text.</summary>
internal sealed class BiEncoderCollator : Collator<RetrievalBatch>
{
    private readonly BiEncoderCollatorOptions options;

    /// <exception cref="InvalidDataException">A length is not positive.</exception>
    public BiEncoderCollator(TrainingTokenizer tokenizer, BiEncoderCollatorOptions options)
        : base(tokenizer)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        this.options = options;
    }

    /// <inheritdoc/>
    public override RetrievalBatch Collate(IReadOnlyList<RetrievalExample> examples)
    {
        DocumentsPerQuery(examples);
        List<(string, RetrievalExample)> queries = [], passages = [];
        foreach (RetrievalExample example in examples)
        {
            queries.Add((Prefixed(options.UseDatasetInstruction ? example.QueryInstruction : options.QueryPrefix, example.Question), example));
            string prefix = options.UseDatasetInstruction ? example.PassageInstruction : options.PassagePrefix;
            foreach (RetrievalDocument document in example.Documents) passages.Add((Prefixed(prefix, document.Text), example));
        }

        return new RetrievalBatch(
            examples,
            Tokenize(queries, options.QueryLength, options.Padding, options.PadToMultipleOf),
            Tokenize(passages, options.PassageLength, options.Padding, options.PadToMultipleOf),
            DocumentIds(examples));
    }

    private static long[]? DocumentIds(IReadOnlyList<RetrievalExample> examples)
    {
        List<long> ids = [];
        foreach (RetrievalDocument document in examples.SelectMany(example => example.Documents))
        {
            if (document.Id.Length == 0) return null;
            ids.Add(DocumentId(document.Id));
        }

        return [.. ids];
    }

    /// <summary>
    /// The reference's hash of an id: the low 63 bits of the first 8 bytes, little-endian, of the MD5 of its UTF-8. Ids are hashed without the corpus.
    /// </summary>
    [SuppressMessage("Security", "CA5351", Justification = "The reference's hash; it only tells documents apart")]
    internal static long DocumentId(string id) =>
        (long)(BinaryPrimitives.ReadUInt64LittleEndian(MD5.HashData(Encoding.UTF8.GetBytes(id))) & long.MaxValue);
}
