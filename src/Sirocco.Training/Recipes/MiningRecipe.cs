using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>How near the positive a mined passage may come.</summary>
public enum MiningMargin
{
    /// <summary>perc: below the lowest score of the positives · margin.</summary>
    Share,

    /// <summary>abs: below the lowest score of the positives − margin.</summary>
    Absolute,
}

/// <summary>Hard-negative mining: the passages that a model ranks highest and that are not the answer.</summary>
public sealed record MiningRecipe
{
    /// <summary>train_qa_file_path: corpus-id JSON, inline records, or queries that name documents of <see cref="Corpus"/>.</summary>
    public required string Input { get; init; }

    /// <summary>corpus, an own option: a file of documents (<c>id</c>, <c>text</c>) that the queries name by id; null: the input says where its documents are.</summary>
    public string? Corpus { get; init; }

    /// <summary>train_file_output_path: the file with mined negatives.</summary>
    public required string Output { get; init; }

    /// <summary>model_name_or_path</summary>
    public required string Model { get; init; }

    /// <summary>tokenizer_name_or_path; null: the model's own.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>cache_embeddings_dir: where vectors are kept, or null.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>load_embeddings_from_cache</summary>
    public bool LoadFromCache { get; init; }

    /// <summary>hard_negatives_to_mine: most for a question.</summary>
    public int Negatives { get; init; } = 20;

    /// <summary>hard_neg_margin; null: no passage is too near.</summary>
    public double? Margin { get; init; } = 0.95;

    /// <summary>hard_neg_margin_type</summary>
    public MiningMargin MarginType { get; init; }

    /// <summary>hard_neg_margin_type as it was written, for the output file.</summary>
    public string MarginTypeText { get; init; } = "perc";

    /// <summary>mining_batch_size: questions scored at a time.</summary>
    public int QueriesAtOnce { get; init; } = 128;

    /// <summary>query_embedding_batch_size</summary>
    public int QueryBatchSize { get; init; } = 16;

    /// <summary>document_embedding_batch_size</summary>
    public int DocumentBatchSize { get; init; } = 16;

    /// <summary>corpus_chunk_size: documents encoded between two saves of the cache.</summary>
    public int ChunkSize { get; init; } = 50_000;

    /// <summary>use_negatives_from_file: whether the input's negatives come first.</summary>
    public bool KeepInputNegatives { get; init; }

    /// <summary>query_prefix, put before a question without a space.</summary>
    public string QueryPrefix { get; init; } = "";

    /// <summary>passage_prefix, put before a passage without a space.</summary>
    public string PassagePrefix { get; init; } = "";

    /// <summary>query_max_length in tokens.</summary>
    public int QueryLength { get; init; } = 512;

    /// <summary>passage_max_length in tokens.</summary>
    public int PassageLength { get; init; } = 512;

    /// <summary>add_bos_token; null: as the tokenizer does.</summary>
    public bool? AddBeginToken { get; init; }

    /// <summary>add_eos_token; null: as the tokenizer does.</summary>
    public bool? AddEndToken { get; init; }

    /// <summary>trust_remote_code, which the output file repeats; it has no meaning here.</summary>
    public bool TrustRemoteCode { get; init; }

    /// <summary>tokenizer_force_default: the Hugging Face tokenizer for Mistral families too.</summary>
    public bool ForceDefaultTokenizer { get; init; }

    /// <summary>finite_only, an own option: lists are not completed with documents that the margin removed (score −∞ in the original's files).</summary>
    public bool FiniteOnly { get; init; }

    /// <summary>drop_equal_texts, an own option: a document with the text of a positive, apart from case and white space, is no negative.</summary>
    public bool DropEqualTexts { get; init; }

    /// <summary>reranker, an own option: a model that reads question and document together; candidates that it scores above the positives are no negatives.</summary>
    public string? Reranker { get; init; }

    /// <summary>reranker_margin, an own option: how far below the lowest of the positives the reranker must score a negative, in its raw scores.</summary>
    public double RerankerMargin { get; init; }

    /// <summary>precision of matrix products, an own top-level key; null: as the model's file.</summary>
    public Precision? Precision { get; init; }

    /// <summary>data.positions, an own key: what positions count, columns of the padded batch as in the original, or tokens.</summary>
    public PositionCount Positions { get; init; }
}
