using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Models;
using Sirocco.Training;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco mine</c>: hard negatives by the mining configuration of NeMo AutoModel, as published.</summary>
internal sealed class MineVerb : Verb, ITakesOverrides
{
    private readonly RecipeOptions recipe = new(
        "mine",
        "configuration",
        "A YAML configuration with a section mining; then overrides such as --mining.hard_neg_margin 0.9",
        ". Beyond the original: mining.corpus (a file of documents that queries name by id), mining.index (their vectors, made by sirocco index), "
            + "mining.finite_only, mining.drop_equal_texts (no negatives with a positive's text), mining.reranker and mining.reranker_margin, "
            + "data.positions columns|tokens, and inline records (.jsonl) as mining.train_qa_file_path");

    public MineVerb()
        : base("mine", "Mines hard negatives: for each question of a training file, documents that the model ranks high and that are no answers.",
            new Example(
                "a configuration as published, on a model and data of your own",
                "./sirocco mine mining_config.yaml --mining.model_name_or_path ./encoder"
                    + " --mining.train_qa_file_path train.json --mining.train_file_output_path mined.json"),
            new Example(
                "resumable, with a second opinion on what is too good to be a negative",
                "./sirocco mine mining_config.yaml --mining.cache_embeddings_dir cache"
                    + " --mining.reranker ./reranker --mining.drop_equal_texts true"),
            new Example(
                "no more negatives than there are; the original completes lists with scores of -Infinity",
                "./sirocco mine mining_config.yaml --mining.finite_only true --json"))
    {
        recipe.AddTo(this, CommonOptions.Precision, CommonOptions.Threads, CommonOptions.Device);
    }

    public Option<string[]> Overrides => recipe.Overrides;

    public override int Run(Invocation invocation)
    {
        ResolvedRecipe<MiningRecipe> resolved = recipe.Read(invocation, (path, overrides) => RecipeFile.ReadMining(path, overrides));
        ComputeChoice choice = invocation.Compute();
        using Display display = new(invocation);
        HardNegativeMiner miner = new(new ModelOptions { Precision = choice.Precision, Threads = choice.Threads }, display) { Locate = invocation.Model };
        MiningReport report = miner.Run(resolved.Recipe, invocation.Cancellation);
        display.Dispose();
        Facts facts = Describe(report);
        if (invocation.Json) facts.WriteJson(invocation.Terminal.Output);
        else facts.WriteText(invocation.Terminal.OutputWriter);
        return ExitStatus.Success;
    }

    private static Facts Describe(MiningReport report)
    {
        Facts facts = new Facts()
            .Add("queries", report.Queries)
            .Add("documents", report.Documents)
            .Add("negatives", report.Negatives)
            .Add("negatives_per_query", Math.Round(report.NegativesPerQuery, 2))
            .Add("queries_without_negatives", report.QueriesWithoutNegatives)
            .Add("removed_by_margin_but_listed", report.Fillers > 0 ? report.Fillers : null)
            .Add("rejected_by_reranker", report.Rejected > 0 ? report.Rejected : null);
        if (report.Margins is { } margins)
        {
            facts.Add("positive_minus_hardest_negative", new Facts()
                .Add("mean", margins.Mean).Add("least", margins.Least).Add("p10", margins.Tenth).Add("median", margins.Median)
                .Add("p90", margins.NinetiethPercentile).Add("greatest", margins.Greatest)
                .Add("share_below_zero", margins.NegativeShare));
        }

        if (report.Reused > 0) facts.Add("vectors_from_cache", report.Reused);
        if (report.Tokens > 0)
            facts.Add("tokens_encoded", report.Tokens).Add("tokens_per_second", Math.Round(report.Tokens / report.EncodingTime.TotalSeconds, 1));
        return facts.Add("output", report.Output);
    }

    /// <summary>A progress line for each phase.</summary>
    private sealed class Display(Invocation invocation) : MiningObserver, IDisposable
    {
        private ProgressLine? line;
        private MiningPhase current;

        public override void Advanced(MiningPhase phase, long done, long total) => Line(phase, total).Report(done);

        public override void Reused(MiningPhase phase, long done, long total) => Line(phase, total).GoOnFrom(done);

        private ProgressLine Line(MiningPhase phase, long total)
        {
            if (line is not null && phase == current) return line;
            line?.Dispose();
            current = phase;
            return line = phase switch
            {
                MiningPhase.Questions => invocation.Progress("encoding questions", "texts", total),
                MiningPhase.Documents => invocation.Progress("encoding documents", "texts", total),
                MiningPhase.Search => invocation.Progress("searching", "pairs", total),
                _ => invocation.Progress("reranking", "questions", total),
            };
        }

        public override void Warned(string message)
        {
            if (line is null) invocation.Notice($"warning: {Failure.OneLine(message)}");
            else line.Notice($"warning: {Failure.OneLine(message)}");
        }

        public void Dispose()
        {
            line?.Dispose();
            line = null;
        }
    }
}
