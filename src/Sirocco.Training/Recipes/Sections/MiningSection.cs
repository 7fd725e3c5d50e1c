namespace Sirocco.Training;

/// <summary>The <c>mining</c> section.</summary>
internal static class MiningSection
{
    public static MiningRecipe Read(SectionReader section)
    {
        string marginType = section.Text("hard_neg_margin_type", "perc");
        double? margin = section.OptionalNumber("hard_neg_margin", 0.95, double.NegativeInfinity);
        bool absolute = string.Equals(marginType, "abs", StringComparison.OrdinalIgnoreCase);
        if (margin is not null && !absolute && !string.Equals(marginType, "perc", StringComparison.OrdinalIgnoreCase))
            throw section.Wrong("hard_neg_margin_type", "perc or abs");
        MiningRecipe recipe = new()
        {
            Input = section.RequiredText("train_qa_file_path", "a training file, as --mining.train_qa_file_path FILE"),
            Corpus = section.OptionalText("corpus"),
            Index = section.OptionalText("index"),
            Output = section.RequiredText("train_file_output_path", "a file to write, as --mining.train_file_output_path FILE"),
            Model = section.RequiredText("model_name_or_path", "a model folder, as --mining.model_name_or_path DIR"),
            Tokenizer = section.OptionalText("tokenizer_name_or_path"),
            CacheFolder = section.OptionalText("cache_embeddings_dir"),
            LoadFromCache = section.Bool("load_embeddings_from_cache", false),
            Negatives = section.Int("hard_negatives_to_mine", 20, 1),
            Margin = margin,
            MarginType = absolute ? MiningMargin.Absolute : MiningMargin.Share,
            MarginTypeText = marginType,
            QueriesAtOnce = section.Int("mining_batch_size", 128, 1),
            QueryBatchSize = section.Int("query_embedding_batch_size", 16, 1),
            DocumentBatchSize = section.Int("document_embedding_batch_size", 16, 1),
            ChunkSize = section.Int("corpus_chunk_size", 50_000, 1),
            KeepInputNegatives = section.Bool("use_negatives_from_file", false),
            QueryPrefix = section.Text("query_prefix", ""),
            PassagePrefix = section.Text("passage_prefix", ""),
            QueryLength = section.Int("query_max_length", 512, 1),
            PassageLength = section.Int("passage_max_length", 512, 1),
            AddBeginToken = section.OptionalBool("add_bos_token"),
            AddEndToken = section.OptionalBool("add_eos_token"),
            TrustRemoteCode = section.Bool("trust_remote_code", false),
            ForceDefaultTokenizer = section.Bool("tokenizer_force_default", false),
            FiniteOnly = section.Bool("finite_only", false),
            DropEqualTexts = section.Bool("drop_equal_texts", false),
            Reranker = section.OptionalText("reranker"),
            RerankerMargin = section.Number("reranker_margin", 0, double.NegativeInfinity),
        };
        if (section.Has("multimodal_encoder")) throw section.Wrong("multimodal_encoder", "none: encoders of images are not supported yet");
        section.Ignore("attn_implementation", "multimodal_encoder");
        if (recipe.CacheFolder is null) section.Ignore("load_embeddings_from_cache");
        if (recipe.Reranker is null) section.Ignore("reranker_margin");
        section.Finish();
        return recipe;
    }
}
