using System.CommandLine;
using System.Globalization;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Training.Demo;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco demo</c>: trains an encoder on the shipped data, shows what it learnt, and searches with it.</summary>
internal sealed class DemoVerb : Verb
{
    private const int QueryHits = 5;

    private readonly Option<double?> minutes = CommonOptions.Number("--minutes", "N", "Time spent training, 2 if not given; 4 are enough");
    private readonly Option<int?> steps = CommonOptions.Integer(
        "--steps", "N", 1, int.MaxValue, "Steps of training instead of minutes: the same seed and threads then give the same weights each time");
    private readonly Option<string?> query = new("--query") { Description = "Search with the last demo's model at once, without training", HelpName = "TEXT" };
    private readonly Option<string?> model = new("--model") { Description = "Start from this model folder instead of random weights", HelpName = "DIR" };
    private readonly Option<int?> documents = CommonOptions.Integer(
        "--documents", "N", 1, int.MaxValue, "Search only so many documents (default: all 35,629, with --model 2,000)");
    private readonly Option<string> output =
        new("--output", "-o") { Description = "Folder for the model, its index and the plot", HelpName = "DIR", DefaultValueFactory = _ => "demo-output" };

    public DemoVerb()
        : base("demo", "Trains a small search model for two minutes on 24,069 package descriptions, compares it with BM25, and searches with it.",
            new Example("train, measure, search", "./sirocco demo"),
            new Example("search again with what it left", "./sirocco demo --query \"play chess against the computer\""),
            new Example("four minutes, into a folder of your own", "./sirocco demo --minutes 4 --output ./package-search"))
    {
        foreach (Option option in (Option[])[minutes, steps, query, model, documents, output, CommonOptions.Precision, CommonOptions.Threads,
            CommonOptions.Seed]) Add(option);
    }

    /// <summary>The data beside the program, where the build puts it.</summary>
    private static string DataFolder => Path.Combine(AppContext.BaseDirectory, "demo");

    public override int Run(Invocation invocation)
    {
        string folder = invocation.Get(output)!;
        if (invocation.Get(query) is { } text)
        {
            invocation.Refuse("has no use with --query, which trains nothing; leave it out", minutes, steps, model, documents);
            Search(invocation, folder, text);
            return ExitStatus.Success;
        }

        if (invocation.Get(minutes) is not null && invocation.Get(steps) is not null) throw new UsageException("give --minutes or --steps, not both");
        double duration = invocation.Get(minutes) ?? 2;
        if (duration is not (> 0 and <= 24 * 60))
            throw new UsageException($"--minutes takes a number above 0, at most a day, not {duration.ToString(CultureInfo.InvariantCulture)}");
        ComputeChoice compute = invocation.Compute();
        compute.RequireGradients("demo");
        DemonstrationReport report = Train(invocation, new DemonstrationOptions
        {
            DataFolder = DataFolder,
            OutputFolder = folder,
            Duration = TimeSpan.FromMinutes(duration),
            Steps = invocation.Get(steps),
            Model = invocation.Get(model),
            Documents = invocation.Get(documents),
            Precision = compute.Precision ?? Precision.BF16,
            Threads = compute.Threads,
            Seed = (ulong)(invocation.Seed ?? 42),
        });
        if (invocation.Json) WriteJson(invocation, report, folder);
        else WriteText(invocation.Terminal.OutputWriter, report, folder);
        return ExitStatus.Success;
    }

    private static DemonstrationReport Train(Invocation invocation, DemonstrationOptions options)
    {
        ProgressLine? line = null;
        long tokens = 0;
        try
        {
            return Demonstration.Run(options, new DemonstrationObserver
            {
                Stage = stage =>
                {
                    line?.Dispose();
                    line = null;
                    tokens = 0;
                    invocation.Notice(stage);
                },
                Encoded = (done, all) => (line ??= invocation.Progress("  reading", "documents", all)).Report(done),
                Step = step =>
                {
                    tokens += step.Tokens;
                    (line ??= invocation.Progress("  training", "tokens"))
                        .Report(tokens, string.Create(CultureInfo.InvariantCulture, $"step {step.Step}, loss {step.Loss:0.000}"), step.Progress);
                },
            }, invocation.Cancellation);
        }
        finally
        {
            line?.Dispose();
        }
    }

    private static void WriteText(TextWriter output, DemonstrationReport report, string folder)
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        output.WriteLine();
        output.WriteLine(string.Create(invariant,
            $"{report.Steps:N0} steps, {report.Epochs:0.0} epochs, {report.Tokens / 1e6:0.0} million tokens in {report.TrainingSeconds:0} s "
                + $"({report.Tokens / report.TrainingSeconds:N0} tokens/s); {report.Parameters / 1e6:0.0} million parameters"));
        output.WriteLine();
        output.WriteLine(string.Create(invariant, $"{report.Queries:N0} test queries, {report.Documents:N0} documents"));
        output.WriteLine("                     MRR@10  Recall@10  nDCG@10");
        foreach ((string name, SearchQuality quality) in new[]
        {
            ("encoder, untrained", report.Untrained),
            ("encoder, trained", report.Trained),
            ("BM25", report.Bm25),
        })
        {
            output.WriteLine(string.Create(invariant, $"{name,-20} {quality.MrrAt10,6:0.000} {quality.RecallAt10,10:0.000} {quality.NdcgAt10,8:0.000}"));
        }

        foreach (ExampleSearch example in report.Examples)
        {
            output.WriteLine();
            output.WriteLine(example.Query);
            WriteHits(output, example.Hits);
        }

        output.WriteLine();
        output.WriteLine($"The loss is drawn in {Path.Combine(folder, Demonstration.PlotFile)}; search again with: ./sirocco demo --query \"…\"");
        output.WriteLine($"Model and index are in {folder}; use them with: ./sirocco search {Quoted(folder)} \"{report.Examples[0].Query}\"");
    }

    private static void WriteJson(Invocation invocation, DemonstrationReport report, string folder)
    {
        Facts Quality(SearchQuality quality) =>
            new Facts().Add("mrr@10", quality.MrrAt10).Add("recall@10", quality.RecallAt10).Add("ndcg@10", quality.NdcgAt10);
        new Facts()
            .Add("folder", folder)
            .Add("index", Path.Combine(folder, Demonstration.IndexFolder))
            .Add("untrained", Quality(report.Untrained))
            .Add("trained", Quality(report.Trained))
            .Add("bm25", Quality(report.Bm25))
            .Add("queries", report.Queries)
            .Add("documents", report.Documents)
            .Add("parameters", report.Parameters)
            .Add("steps", report.Steps)
            .Add("epochs", report.Epochs)
            .Add("tokens", report.Tokens)
            .Add("seconds", report.TrainingSeconds)
            .Add("tokens_per_second", report.Tokens / report.TrainingSeconds)
            .Add("loss", report.FinalLoss)
            .WriteJson(invocation.Terminal.Output);
    }

    private static void Search(Invocation invocation, string folder, string text)
    {
        if (!Directory.Exists(Path.Combine(folder, Demonstration.IndexFolder)))
            throw new DirectoryNotFoundException($"{folder}: holds no demo's model yet; run `sirocco demo` first, or name its folder with --output");
        using SemanticIndex index = SemanticIndex.Open(folder, new SearchOptions { Model = folder, Threads = invocation.Threads ?? 0 });
        IReadOnlyList<SearchHit> hits = index.Search([text], QueryHits, cancellation: invocation.Cancellation)[0];
        if (invocation.Json)
        {
            new Facts()
                .Add("query", text)
                .Add("results", hits.Select(hit => new Facts().Add("id", hit.Id).Add("score", hit.Score).Add("text", hit.Text)).ToList())
                .WriteJson(invocation.Terminal.Output);
        }
        else WriteHits(invocation.Terminal.OutputWriter, hits);
    }

    private static void WriteHits(TextWriter output, IReadOnlyList<SearchHit> hits)
    {
        const int Shown = 90;
        foreach (SearchHit hit in hits)
        {
            string text = hit.Text.Length <= Shown ? hit.Text : string.Concat(hit.Text.AsSpan(0, Math.Max(1, hit.Text.LastIndexOf(' ', Shown))), " …");
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {hit.Score:0.000}  {hit.Id,-24} {text.ReplaceLineEndings(" ")}"));
        }
    }

    private static string Quoted(string path) => path.Contains(' ', StringComparison.Ordinal) ? $"\"{path}\"" : path;
}
