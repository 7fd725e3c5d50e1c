using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>Sections that the original does not have; all may be left out.</summary>
internal static class ExtensionSections
{
    /// <summary>Of matrix products; null, or auto, follows from the weights.</summary>
    public static Precision? Precision(SectionReader top) =>
        top.OptionalChoice<ValueTuple<Precision?>>(
            "precision", null, ("auto", new(null)), ("f32", new(Compute.Precision.F32)), ("bf16", new(Compute.Precision.BF16)))?.Item1;

    public static PositionCount Positions(SectionReader top)
    {
        if (top.Section("data") is not { } section) return PositionCount.Columns;
        PositionCount positions = section.Choice("positions", PositionCount.Columns, ("columns", PositionCount.Columns), ("tokens", PositionCount.Tokens));
        section.Finish();
        return positions;
    }

    public static GradientCacheOptions? GradientCache(SectionReader? section)
    {
        if (section is null) return null;
        GradientCacheOptions options = new() { MicroBatchSize = section.Int("micro_batch_size", new GradientCacheOptions().MicroBatchSize, 1) };
        section.Finish();
        return options;
    }

    public static MatryoshkaOptions? Matryoshka(SectionReader? section)
    {
        if (section is null) return null;
        MatryoshkaOptions options = new() { Dimensions = section.Ints("dimensions", 1), Weights = section.Numbers("weights", 0) };
        section.Finish();
        return options;
    }

    public static FalseNegativeOptions FalseNegatives(SectionReader top)
    {
        const string Key = "false_negatives";
        FalseNegativeOptions defaults = new();
        if (!top.Has(Key) || top.Raw(Key) is not RecipeMapping) return defaults with { Rule = Rule(top, Key) };
        SectionReader section = top.RequiredSection(Key);
        FalseNegativeOptions options = new()
        {
            Rule = Rule(section, "rule"),
            Margin = section.Number("margin", defaults.Margin, double.NegativeInfinity),
            Absolute = section.Choice("margin_type", false, ("perc", false), ("abs", true)),
        };
        section.Finish();
        return options;
    }

    public static EarlyStoppingOptions? EarlyStopping(SectionReader? section)
    {
        if (section is null) return null;
        EarlyStoppingOptions defaults = new();
        EarlyStoppingOptions options = new()
        {
            Metric = section.Text("metric", defaults.Metric),
            Patience = section.Int("patience", defaults.Patience, 1),
            LeastImprovement = section.Number("min_delta", defaults.LeastImprovement),
        };
        section.Finish();
        return options;
    }

    public static CorpusEvaluationOptions? Evaluation(SectionReader? section)
    {
        if (section is null) return null;
        CorpusEvaluationOptions options = new()
        {
            Corpus = section.RequiredText("corpus", "a file or folder of documents"),
            Queries = section.RequiredText("queries", "a file of questions"),
            Judgements = section.OptionalText("qrels"),
            MaximumQueries = section.OptionalInt("max_queries", null, 1),
            MaximumDocuments = section.OptionalInt("max_documents", null, 1),
            QueryLength = section.OptionalInt("q_max_len", null, 1),
            PassageLength = section.OptionalInt("p_max_len", null, 1),
        };
        options = options with { Metrics = section.Texts("metrics", options.Metrics) };
        foreach (string metric in options.Metrics)
        {
            try
            {
                RetrievalMetric.Parse(metric);
            }
            catch (ArgumentException)
            {
                throw section.Wrong("metrics", $"names such as {string.Join(", ", RetrievalMetric.Examples)}");
            }
        }

        section.Finish();
        return options;
    }

    private static FalseNegativeRule Rule(SectionReader section, string key) =>
        section.Choice(
            key, FalseNegativeRule.Identity, ("identity", FalseNegativeRule.Identity), ("margin", FalseNegativeRule.Margin), ("keep", FalseNegativeRule.Keep));
}
