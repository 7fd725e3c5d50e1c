using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>How near the positive a mined passage may come.</summary>
public enum MiningMargin
{
    /// <summary>Below the lowest score of the positives · margin (perc).</summary>
    Share,

    /// <summary>Below the lowest score of the positives − margin (abs).</summary>
    Absolute,
}

/// <summary>Hard-negative mining: the passages that a model ranks highest and that are not the answer.</summary>
public sealed record MiningRecipe
{
    /// <summary>What to mine for (train_qa_file_path): corpus-id JSON, inline records, or queries that name documents of <see cref="Corpus"/>.</summary>
    public required string Input { get; init; }

    /// <summary>
    /// A file of documents (<c>id</c>, <c>text</c>) that the queries name by id (corpus, an own option); null: the input says where its documents are.
    /// </summary>
    public string? Corpus { get; init; }

    /// <summary>
    /// A folder of <c>sirocco index</c> with the documents and their vectors by the same model, prefix and length, which are then not embedded again; null:
    /// they are (an own option, index).
    /// </summary>
    public string? Index { get; init; }

    /// <summary>The file with mined negatives (train_file_output_path).</summary>
    public required string Output { get; init; }

    /// <summary>The encoder that searches (model_name_or_path).</summary>
    public required string Model { get; init; }

    /// <summary>Its tokenizer (tokenizer_name_or_path); null: the model's own.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>Where vectors are kept (cache_embeddings_dir), or null.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>Whether those of an earlier run are used (load_embeddings_from_cache).</summary>
    public bool LoadFromCache { get; init; }

    /// <summary>Most negatives for a question (hard_negatives_to_mine).</summary>
    public int Negatives { get; init; } = 20;

    /// <summary>How far below the positives a negative must score (hard_neg_margin); null: no passage is too near.</summary>
    public double? Margin { get; init; } = 0.95;

    /// <summary>What the margin is (hard_neg_margin_type).</summary>
    public MiningMargin MarginType { get; init; }

    /// <summary>The same as it was written, for the output file.</summary>
    public string MarginTypeText { get; init; } = "perc";

    /// <summary>Questions scored at a time (mining_batch_size).</summary>
    public int QueriesAtOnce { get; init; } = 128;

    /// <summary>Questions encoded at a time (query_embedding_batch_size).</summary>
    public int QueryBatchSize { get; init; } = 16;

    /// <summary>Documents encoded at a time (document_embedding_batch_size).</summary>
    public int DocumentBatchSize { get; init; } = 16;

    /// <summary>Documents encoded between two saves of the cache (corpus_chunk_size).</summary>
    public int ChunkSize { get; init; } = 50_000;

    /// <summary>Whether the input's negatives come first (use_negatives_from_file).</summary>
    public bool KeepInputNegatives { get; init; }

    /// <summary>Put before a question without a space (query_prefix).</summary>
    public string QueryPrefix { get; init; } = "";

    /// <summary>Put before a passage without a space (passage_prefix).</summary>
    public string PassagePrefix { get; init; } = "";

    /// <summary>Most tokens of a question (query_max_length).</summary>
    public int QueryLength { get; init; } = 512;

    /// <summary>Most tokens of a passage (passage_max_length).</summary>
    public int PassageLength { get; init; } = 512;

    /// <summary>Whether a begin token comes first (add_bos_token); null: as the tokenizer does.</summary>
    public bool? AddBeginToken { get; init; }

    /// <summary>Whether an end token comes last (add_eos_token); null: as the tokenizer does.</summary>
    public bool? AddEndToken { get; init; }

    /// <summary>What the output file repeats of trust_remote_code; it has no meaning here.</summary>
    public bool TrustRemoteCode { get; init; }

    /// <summary>The Hugging Face tokenizer for Mistral families too (tokenizer_force_default).</summary>
    public bool ForceDefaultTokenizer { get; init; }

    /// <summary>
    /// Whether lists are left short where the original completes them with documents that the margin removed, at score −∞ (finite_only, an own option).
    /// </summary>
    public bool FiniteOnly { get; init; }

    /// <summary>Whether a document with the text of a positive, apart from case and white space, is no negative (drop_equal_texts, an own option).</summary>
    public bool DropEqualTexts { get; init; }

    /// <summary>
    /// A model that reads question and document together; candidates that it scores above the positives are no negatives (reranker, an own option).
    /// </summary>
    public string? Reranker { get; init; }

    /// <summary>How far below the lowest of the positives the reranker must score a negative, in its raw scores (reranker_margin, an own option).</summary>
    public double RerankerMargin { get; init; }

    /// <summary>Precision of matrix products (precision, an own top-level key); null: as the model's file.</summary>
    public Precision? Precision { get; init; }

    /// <summary>What positions count: columns of the padded batch as in the original, or tokens (data.positions, an own key).</summary>
    public PositionCount Positions { get; init; }
}
