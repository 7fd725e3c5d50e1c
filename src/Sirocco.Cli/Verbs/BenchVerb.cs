using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Cli.Verbs.Bench;
using Sirocco.Formats;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco bench</c>: how fast this machine runs the things that take time.</summary>
internal sealed class BenchVerb : Verb
{
    private readonly Argument<string> kind = new("gemm|embed|train|tokenize") { Description = "What to measure" };

    private readonly Option<string?> shape = new("--shape")
    {
        Description = "gemm: MxKxN [512x3072x9216]; embed: ministral-3b, ministral-8b, ministral-14b, llama-1b, llama-3b, llama-8b or a model folder; "
            + "train: 110m or one of these; tokenize: a tokenizer file or folder [the demo's]. Named shapes get random weights",
        HelpName = "SHAPE|MODEL",
    };

    private readonly Option<int?> tokens = CommonOptions.Integer(
        "--tokens", "N", 1, 1 << 20, "Tokens of each sequence (embed: 512, train: 64 of queries and 128 of passages)");
    private readonly Option<int?> sequences = CommonOptions.Integer("--sequences", "N", 1, 1 << 16, "Sequences at once (embed: 1, train: 8 queries)");
    private readonly Option<int?> passages = CommonOptions.Integer("--passages", "N", 1, 1 << 16, "train: passages for each query [5]");
    private readonly Option<int?> lora = CommonOptions.Integer("--lora", "RANK", 1, 1 << 16, "train: adapters of this rank instead of all weights");
    private readonly Option<bool> recompute = new("--recompute") { Description = "train: layers run again on the way back, which saves memory" };
    private readonly Option<string?> input = new("--input")
    {
        Description = "tokenize: texts, .txt or .jsonl, also .gz [the demo's corpus]",
        HelpName = "FILE",
    };
    private readonly Option<int?> runs = CommonOptions.Integer("--runs", "N", 1, 10_000, "Runs after the warm-up (default: three, more where they are short)");
    private readonly Option<bool> neighbour = new("--neighbour") { Description = "gemm: oneDNN in the same run, where libdnnl.so.2 is installed" };

    private readonly Option<bool> deterministic = new("--deterministic") { Description = "embed: as sirocco embed --deterministic computes" };

    public BenchVerb()
        : base("bench", "Measures speed on this machine. The figure is that of the fastest run; --json has every run.",
            new Example("a 3B encoder on one text of 512 tokens, weights in int8", "./sirocco bench embed --shape ministral-3b --tokens 512 --precision int8"),
            new Example(
                "a LoRA step of the same model, two texts of 512 tokens",
                "./sirocco bench train --shape ministral-3b --lora 16 --sequences 1 --passages 1 --tokens 512"),
            new Example("one matrix product beside oneDNN's", "./sirocco bench gemm --shape 512x3072x9216 --precision bf16 --neighbour --json"))
    {
        Add(kind);
        foreach (Option option in (Option[])[shape, tokens, sequences, passages, lora, recompute, CommonOptions.Precision, CommonOptions.Threads,
            CommonOptions.Device, input, runs, neighbour, deterministic]) Add(option);
    }

    public override int Run(Invocation invocation)
    {
        string what = invocation.Get(kind);
        RequireMeaning(invocation, what);
        BenchSettings settings = new()
        {
            Shape = invocation.Get(shape),
            Tokens = invocation.Get(tokens),
            Sequences = invocation.Get(sequences),
            Passages = invocation.Get(passages),
            Lora = invocation.Get(lora),
            Recompute = invocation.Get(recompute),
            Precision = invocation.Get(CommonOptions.Precision)!,
            Threads = invocation.Compute().Threads,
            Input = invocation.Get(input),
            Runs = invocation.Get(runs),
            Neighbour = invocation.Get(neighbour),
            Deterministic = invocation.Get(deterministic),
            Cancellation = invocation.Cancellation,
        };
        Measurement found = what switch
        {
            "gemm" => GemmBench.Run(settings),
            "embed" => EmbedBench.Run(settings),
            "train" => TrainBench.Run(settings),
            "tokenize" => TokenizeBench.Run(settings),
            _ => throw new UsageException($"there is no benchmark '{what}'; "
                + $"{(NearestWord.Find(what, Kinds) is { } near ? $"did you mean {near}?" : $"there are {string.Join(", ", Kinds)}")}"),
        };
        Facts facts = new Facts().Add("bench", what);
        foreach ((string name, object value) in found.Settings) facts.Add(name, value);
        facts.Add(found.Figure, found.Best).Add("precision", found.Precision).Add("threads", found.Threads).Add("kernel", found.Kernel)
            .Add("seconds", invocation.Json ? found.Seconds : found.DescribeRuns()).Add("peak_rss_bytes", Measurement.PeakResidentBytes());
        foreach ((string name, object value) in found.Beside) facts.Add(name, value);
        if (invocation.Json) facts.WriteJson(invocation.Terminal.Output);
        else facts.WriteText(invocation.Terminal.OutputWriter);
        return ExitStatus.Success;
    }

    /// <summary>Refuses options that the benchmark would not read: its figure would be taken for that of another case.</summary>
    private void RequireMeaning(Invocation invocation, string what)
    {
        (Option Option, string[] Kinds)[] particular =
        [
            (tokens, ["embed", "train"]),
            (sequences, ["embed", "train"]),
            (passages, ["train"]),
            (lora, ["train"]),
            (recompute, ["train"]),
            (input, ["tokenize"]),
            (neighbour, ["gemm"]),
            (deterministic, ["embed"]),
        ];
        foreach ((Option option, string[] kinds) in particular)
        {
            if (invocation.Has(option) && Kinds.Contains(what) && !kinds.Contains(what))
                throw new UsageException($"bench {what} has no use for {option.Name}, which is for {string.Join(" and ", kinds)}; leave it out");
        }
    }

    private static readonly string[] Kinds = ["gemm", "embed", "train", "tokenize"];
}
