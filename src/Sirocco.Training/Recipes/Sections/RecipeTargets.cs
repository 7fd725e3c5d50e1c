namespace Sirocco.Training;

/// <summary>Components that a recipe can name.</summary>
internal enum TargetKind
{
    BiEncoderRecipe,
    CrossEncoderRecipe,
    DistillationRecipe,
    MiningRecipe,
    BiEncoder,
    CrossEncoder,
    Student,
    Teacher,
    NemoTokenizer,
    TransformersTokenizer,
    VisionProcessor,
    Dataset,
    InlineDataset,
    NormalizedDataset,
    BiEncoderCollator,
    CrossEncoderCollator,
    DistillationCollator,
    VisionCollator,
    DataLoader,
    FusedAdam,
    AdamW,
    Adam,
    Sgd,
    FusedAdamConfig,
    AdamWConfig,
    AdamConfig,
    FlashAdamWConfig,
    DionConfig,
    Adapter,
    CosineLoss,
    EmbeddingErrorLoss,
    ScoreLoss,
    IntermediateLoss,
    InfoNceLoss,
    InfoNceDistillationLoss,
    MixedPrecisionPolicy,
}

/// <summary>The closed table from import paths of the original to components here. Nothing is ever looked up by a name from a file.</summary>
internal static class RecipeTargets
{
    private const string Recipes = "nemo_automodel.recipes.retrieval.";
    private const string Retrieval = "nemo_automodel._transformers.retrieval.";
    private const string Datasets = "nemo_automodel.components.datasets.llm.";
    private const string Losses = "nemo_automodel.components.loss.";
    private const string Optimizers = "nemo_automodel.components.optim.optimizer.";

    // The first spelling of a component is the one that messages suggest.
    private static readonly (TargetKind Kind, string[] Spellings)[] Table =
    [
        (TargetKind.BiEncoderRecipe, ["TrainBiEncoderRecipe", Recipes + "train_bi_encoder.TrainBiEncoderRecipe"]),
        (TargetKind.CrossEncoderRecipe, ["TrainCrossEncoderRecipe", Recipes + "train_cross_encoder.TrainCrossEncoderRecipe"]),
        (TargetKind.DistillationRecipe, ["EmbeddingDistillRecipe", Recipes + "distill_bi_encoder.EmbeddingDistillRecipe"]),
        (TargetKind.MiningRecipe, ["MineHardNegativesRecipe", Recipes + "mine_hard_negatives.MineHardNegativesRecipe"]),
        (TargetKind.BiEncoder, AutoModel("NeMoAutoModelBiEncoder.from_pretrained", "auto_model")),
        (TargetKind.CrossEncoder, AutoModel("NeMoAutoModelCrossEncoder.from_pretrained", "auto_model")),
        (TargetKind.Student, [Retrieval + "RetrieverStudentWithProjection.build"]),
        (TargetKind.Teacher, [Retrieval + "RetrieverTeacherEmbeddingEncoder.build"]),
        (TargetKind.NemoTokenizer, AutoModel("NeMoAutoTokenizer.from_pretrained", "auto_tokenizer")),
        (TargetKind.TransformersTokenizer, ["transformers.AutoTokenizer.from_pretrained"]),
        (TargetKind.VisionProcessor, ["nemo_automodel.components.models.llama_nemotron_vl.processor.LlamaNemotronVLProcessor.from_pretrained"]),
        (TargetKind.Dataset, [
            Datasets + "retrieval_dataset.RetrievalDatasetConfig",
            Datasets + "RetrievalDatasetConfig",
            Datasets + "retrieval_dataset.make_retrieval_dataset",
            Datasets + "make_retrieval_dataset"]),
        (TargetKind.InlineDataset, [
            Datasets + "retrieval_dataset_inline.InlineRetrievalDatasetConfig",
            Datasets + "InlineRetrievalDatasetConfig",
            Datasets + "retrieval_dataset_inline.make_retrieval_dataset"]),
        (TargetKind.NormalizedDataset, [
            Datasets + "retrieval_dataset_normalized.NormalizedRetrievalDatasetConfig",
            Datasets + "NormalizedRetrievalDatasetConfig",
            Datasets + "retrieval_dataset_normalized.make_normalized_retrieval_dataset",
            Datasets + "make_normalized_retrieval_dataset"]),
        (TargetKind.BiEncoderCollator, Collator("BiEncoderCollator", "retrieval_collator")),
        (TargetKind.CrossEncoderCollator, Collator("CrossEncoderCollator", "retrieval_collator")),
        (TargetKind.DistillationCollator, Collator("BiEncoderDistillCollator", "retrieval_distill_collator")),
        (TargetKind.VisionCollator, Collator("ProcessorMethodCollator", "retrieval_collator")),
        (TargetKind.DataLoader, ["torchdata.stateful_dataloader.StatefulDataLoader", "torch.utils.data.DataLoader"]),
        (TargetKind.FusedAdam, ["transformer_engine.pytorch.optimizers.fused_adam.FusedAdam", "transformer_engine.pytorch.optimizers.FusedAdam"]),
        (TargetKind.AdamW, ["torch.optim.AdamW", "torch.optim.adamw.AdamW"]),
        (TargetKind.Adam, ["torch.optim.Adam", "torch.optim.adam.Adam"]),
        (TargetKind.Sgd, ["torch.optim.SGD", "torch.optim.sgd.SGD", "sgd"]),
        (TargetKind.FusedAdamConfig, [Optimizers + "FusedAdamConfig", "fused_adam"]),
        (TargetKind.AdamWConfig, [Optimizers + "AdamWConfig", "adamw"]),
        (TargetKind.AdamConfig, [Optimizers + "AdamConfig", "adam"]),
        (TargetKind.FlashAdamWConfig, [Optimizers + "FlashAdamWConfig", "flash_adamw"]),
        (TargetKind.DionConfig, [
            .. ((string[])["MuonConfig", "NorMuonConfig", "DionConfig", "Dion2Config"]).Select(name => Optimizers + name), "muon", "normuon", "dion", "dion2"]),
        (TargetKind.Adapter, ["nemo_automodel.components._peft.lora.PeftConfig"]),
        (TargetKind.CosineLoss, [Losses + "embedding_distill.EmbeddingDistillLoss"]),
        (TargetKind.EmbeddingErrorLoss, [Losses + "embedding_distill.EmbeddingMSELoss"]),
        (TargetKind.ScoreLoss, [Losses + "embedding_distill.ScoreDistillLoss"]),
        (TargetKind.IntermediateLoss, [Losses + "intermediate_distill.IntermediateDistillLoss"]),
        (TargetKind.InfoNceLoss, [Losses + "infonce.InfoNCELoss"]),
        (TargetKind.InfoNceDistillationLoss, [Losses + "infonce.InfoNCEDistillLoss"]),
        (TargetKind.MixedPrecisionPolicy, ["torch.distributed.fsdp.MixedPrecisionPolicy"]),
    ];

    private static readonly Dictionary<string, TargetKind> Kinds = Table.SelectMany(entry => entry.Spellings.Select(spelling => (spelling, entry.Kind)))
        .ToDictionary(StringComparer.Ordinal);

    /// <summary>The component of an import path, or null where there is none.</summary>
    public static TargetKind? Find(string path) => Kinds.TryGetValue(path, out TargetKind kind) ? kind : null;

    /// <summary>All import paths of a component.</summary>
    public static IEnumerable<string> Spellings(TargetKind kind) => Table.First(entry => entry.Kind == kind).Spellings;

    /// <summary>The import path to write.</summary>
    public static string Spelling(TargetKind kind) => Spellings(kind).First();

    private static string[] AutoModel(string name, string module) =>
        [$"nemo_automodel.{name}", $"nemo_automodel._transformers.{name}", $"nemo_automodel._transformers.{module}.{name}"];

    private static string[] Collator(string name, string module) => [Datasets + name, $"{Datasets}{module}.{name}"];
}
