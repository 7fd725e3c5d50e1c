using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Training;
using Sirocco.Training.Plots;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco plot RUN…</c>: the curves of runs as a picture.</summary>
internal sealed class PlotVerb : Verb
{
    private readonly Argument<string[]> runs = new("RUN") { Description = "Folders of runs, or their training.jsonl", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string?> output = new("--output", "-o") { Description = "The picture", HelpName = "FILE.svg|png", Required = true };
    private readonly Option<string[]> metrics = new("--metric")
    {
        Description = "What to draw, a panel each: loss, grad_norm, lr, tokens_per_second, val_loss, … (default: loss, with val_loss as points)",
        HelpName = "NAME[,NAME…]",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string> axis = CommonOptions.Choice("--x", "step", "What the curves lie over", "step", "tokens", "time");
    private readonly Option<int?> smooth = CommonOptions.Integer(
        "--smooth", "N", 1, 1 << 24, "Steps that the running mean goes over; 1 for none (default: a twentieth of the run, at most 50)");
    private readonly Option<bool> log = new("--log") { Description = "A logarithmic scale for the values" };
    private readonly Option<string?> title = new("--title") { Description = "Above the picture", HelpName = "TEXT" };
    private readonly Option<int?> width = CommonOptions.Integer("--width", "PIXELS", 300, 8192, "How wide (default: 1200)");
    private readonly Option<int?> height = CommonOptions.Integer("--height", "PIXELS", 200, 8192, "How high (default: 700)");

    public PlotVerb()
        : base("plot", "Draws the curves of one or several training runs.",
            new Example("the loss of a run", "./sirocco plot ./checkpoints --output loss.svg"),
            new Example("two runs compared, while they go on", "./sirocco plot ./run-a ./run-b --metric loss,grad_norm,lr,val_mrr --output runs.png"),
            new Example("over tokens, smoother, on a logarithmic scale", "./sirocco plot ./run-a --x tokens --smooth 200 --log --output loss.png"))
    {
        Add(runs);
        foreach (Option option in (Option[])[output, metrics, axis, smooth, log, title, width, height]) Add(option);
    }

    public override int Run(Invocation invocation)
    {
        string path = invocation.Get(output)!;
        bool png = path.EndsWith(".png", StringComparison.OrdinalIgnoreCase);
        if (!png && !path.EndsWith(".svg", StringComparison.OrdinalIgnoreCase))
            throw new UsageException($"--output takes a name that ends in .svg or .png, not '{path}'");
        string[] named =
            [.. (invocation.Get(metrics) ?? []).SelectMany(word => word.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
        RunPlot plot = new()
        {
            Metrics = named.Length > 0 ? named : ["loss"],
            Axis = invocation.Get(axis) switch
            {
                "tokens" => HistoryAxis.Tokens,
                "time" => HistoryAxis.Minutes,
                _ => HistoryAxis.Step,
            },
            Smoothing = invocation.Get(smooth),
            Logarithmic = invocation.Get(log),
            Title = invocation.Get(title),
            Width = invocation.Get(width) ?? 1200,
            Height = invocation.Get(height) ?? 700,
        };
        string[] drawn = invocation.Get(runs);
        Figure figure = plot.Of([.. drawn.Select(RunHistory.Read)]);
        using OutputFile file = OutputFile.Open(path, invocation.Terminal);
        if (png) figure.WritePng(file.Stream);
        else figure.WriteSvg(file.Stream);
        file.Commit();
        if (invocation.Json) new Facts().Add("output", path).Add("runs", drawn).Add("metrics", plot.Metrics).WriteJson(invocation.Terminal.Output);
        return ExitStatus.Success;
    }
}
