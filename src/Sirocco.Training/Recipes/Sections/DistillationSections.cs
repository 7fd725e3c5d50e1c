namespace Sirocco.Training;

/// <summary>The losses of a distillation and their weights, which stand at the top of the recipe.</summary>
internal static class DistillationSections
{
    private static readonly (string, LossReduction)[] MeanOrSum = [("mean", LossReduction.Mean), ("sum", LossReduction.Sum)];

    public static DistillationLosses Losses(SectionReader top)
    {
        double scoreTemperature = top.Number("score_temperature", 0.02, 0, above: true);
        IReadOnlyList<(int, int)> pairs = LayerPairs(top, "layer_pairs");
        DistillationLosses losses = new()
        {
            CosineWeight = top.Number("distill_loss_weight", 1),
            EmbeddingErrorWeight = top.Number("mse_loss_weight", 0),
            ScoreWeight = top.Number("score_loss_weight", 0),
            IntermediateWeight = top.Number("intermediate_loss_weight", 0),
            InfoNceWeight = top.Number("nce_loss_weight", 0),
            InfoNceDistillationWeight = top.Number("nce_distill_loss_weight", 0),
            Cosine = Cosine(top.Section("distill_loss")),
            EmbeddingError = EmbeddingError(top.Section("mse_loss")),
            Score = Score(top.Section("score_loss"), scoreTemperature),
            Intermediate = Intermediate(top.Section("intermediate_loss"), pairs),
            InfoNce = InfoNce(top.Section("infonce_loss")),
            InfoNceDistillation = InfoNceDistillation(top.Section("infonce_distill_loss")),
        };
        if (losses.IntermediateWeight > 0 && pairs.Count == 0)
        {
            throw top.Wrong(
                "layer_pairs",
                "pairs of student and teacher layers, such as [[0, 0], [1, 2]], whatever intermediate_loss has: intermediate_loss_weight is above 0");
        }
        return losses;
    }

    private static CosineLossOptions Cosine(SectionReader? section)
    {
        if (section is null) return new CosineLossOptions();
        section.Target(TargetKind.CosineLoss);
        CosineLossOptions options = new() { Reduction = section.Choice("reduction", LossReduction.Mean, MeanOrSum) };
        section.Finish();
        return options;
    }

    private static EmbeddingErrorLossOptions EmbeddingError(SectionReader? section)
    {
        if (section is null) return new EmbeddingErrorLossOptions();
        section.Target(TargetKind.EmbeddingErrorLoss);
        EmbeddingErrorLossOptions options = new()
        {
            Normalize = section.Bool("normalize", false),
            Reduction = section.Choice("reduction", LossReduction.Mean, [.. MeanOrSum, ("batchmean", LossReduction.BatchMean)]),
        };
        section.Finish();
        return options;
    }

    private static ScoreLossOptions Score(SectionReader? section, double temperature)
    {
        if (section is null) return new ScoreLossOptions { Temperature = temperature };
        section.Target(TargetKind.ScoreLoss);
        ScoreLossOptions options = new() { Temperature = section.Number("temperature", temperature, 0, above: true) };
        section.Finish();
        return options;
    }

    private static IntermediateLossOptions? Intermediate(SectionReader? section, IReadOnlyList<(int, int)> pairs)
    {
        if (section is null) return pairs.Count == 0 ? null : new IntermediateLossOptions { LayerPairs = pairs };
        section.Target(TargetKind.IntermediateLoss);
        IReadOnlyList<(int, int)> own = LayerPairs(section, "layer_pairs");
        IntermediateLossOptions options = new()
        {
            LayerPairs = own.Count > 0 ? own : pairs,
            Distance = section.Choice(
                "loss_type",
                StateDistance.SquaredError,
                ("mse", StateDistance.SquaredError),
                ("smooth_l1", StateDistance.SmoothL1),
                ("cosine", StateDistance.Cosine)),
            Normalize = section.Bool("normalize", false),
            LayerWeights = section.Numbers("layer_weights", 0),
            Reduction = section.Choice("reduction", LossReduction.Mean, MeanOrSum),
        };
        section.Finish();
        return options;
    }

    private static InfoNceLossOptions InfoNce(SectionReader? section)
    {
        if (section is null) return new InfoNceLossOptions();
        section.Target(TargetKind.InfoNceLoss);
        InfoNceLossOptions options = Contrast(section, new InfoNceLossOptions());
        section.Finish();
        return options;
    }

    private static InfoNceDistillationLossOptions InfoNceDistillation(SectionReader? section)
    {
        if (section is null) return new InfoNceDistillationLossOptions();
        section.Target(TargetKind.InfoNceDistillationLoss);
        InfoNceDistillationLossOptions options = Contrast(section, new InfoNceDistillationLossOptions()) with
        {
            Divergence = section.Choice(
                "divergence",
                CandidateDivergence.KullbackLeibler,
                ("kl", CandidateDivergence.KullbackLeibler),
                ("ce", CandidateDivergence.CrossEntropy),
                ("mse", CandidateDivergence.SquaredError)),
        };
        section.Finish();
        return options;
    }

    private static TOptions Contrast<TOptions>(SectionReader section, TOptions options)
        where TOptions : InfoNceLossOptions => (TOptions)(options with
        {
            Temperature = section.Number("temperature", options.Temperature, 0, above: true),
            LearnsTemperature = section.Bool("learnable_temperature", options.LearnsTemperature),
            Direction = section.Choice(
                "direction",
                options.Direction,
                ("q2d", ContrastDirection.QueryToDocument),
                ("d2q", ContrastDirection.DocumentToQuery),
                ("symmetric", ContrastDirection.Symmetric)),
            InBatchNegatives = section.Bool("use_in_batch_negatives", options.InBatchNegatives),
            Normalize = section.Bool("normalize", options.Normalize),
            CrossDeviceNegatives = section.Bool("cross_device_negatives", options.CrossDeviceNegatives),
        });

    private static IReadOnlyList<(int, int)> LayerPairs(SectionReader section, string key) =>
        [.. section.List<(int, int)?>(key, "pairs of layers, such as [[0, 0], [1, 2]]", [], item => item is RecipeSequence { Items: [
            RecipeScalar { Value: long and >= 0 and <= int.MaxValue and var student },
            RecipeScalar { Value: long and >= 0 and <= int.MaxValue and var teacher }] } ? ((int)student, (int)teacher) : null)
            .Select(pair => pair!.Value)];
}
