using System.CommandLine;
using System.Text.RegularExpressions;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco rerank</c>: documents in the order of their fitness for a query.</summary>
internal sealed partial class RerankVerb : Verb
{
    private readonly Argument<string> model = new("MODEL") { Description = "A reranker's folder or hub id" };
    private readonly Option<string> query = new("--query") { Description = "What the documents are judged by", HelpName = "Q", Required = true };
    private readonly Option<string> input = new("--input")
    {
        Description = "Documents: .txt (one a line) or .jsonl (text, or title and text), also .gz",
        HelpName = "FILE",
        DefaultValueFactory = _ => "-",
    };
    private readonly Option<int?> top = CommonOptions.Integer("--top", "N", 1, int.MaxValue, "Write the best N only");
    private readonly Option<string?> promptName = new("--prompt-name")
    {
        Description = "Put the model's prompt of that name before the query [the model's default prompt]",
        HelpName = "NAME",
    };
    private readonly Option<string?> prompt = new("--prompt") { Description = "Put this before the query", HelpName = "STR" };
    private readonly Option<int?> maxLength = CommonOptions.Integer(
        "--max-length", "N", 1, 1 << 24, "Cut pairs at N tokens, if the model does not cut them before");
    private readonly Option<bool> raw = new("--raw") { Description = "Scores as the head gives them, without the folder's activation" };
    private readonly Option<string?> template = new("--template")
    {
        Description = "How query and document become one text, with {query} and {passage}",
        HelpName = "STR",
    };
    private readonly Option<bool> deterministic = new("--deterministic")
    {
        Description = "Not one bit of a score depends on what it was batched with (slower)",
    };

    public RerankVerb()
        : base("rerank", "Orders documents by how well they answer a query, best first: {\"index\", \"score\", \"text\"} a line.",
            new Example(
                "the three best of a file", """./sirocco rerank nvidia/llama-nemotron-rerank-1b-v2 --query "list open ports" --input documents.txt --top 3"""),
            new Example("documents from another program", """cat documents.jsonl | ./sirocco rerank ./reranker --query "list open ports" """.TrimEnd()))
    {
        Add(model);
        foreach (Option option in (Option[])[query, input, top, promptName, prompt, maxLength, template, raw, deterministic, CommonOptions.Adapter,
            CommonOptions.Precision, CommonOptions.Threads, CommonOptions.Device]) Add(option);
    }

    public override int Run(Invocation invocation)
    {
        ComputeChoice compute = invocation.Compute();
        if (invocation.Get(prompt) is not null && invocation.Get(promptName) is not null) throw new UsageException("give --prompt or --prompt-name, not both");
        if (invocation.Get(template) is { } pattern) CheckTemplate(pattern);
        using TextSource source = new(invocation.Get(input)!, cancellation: invocation.Cancellation);
        string[] documents = [.. source.Read().Select(record => record.Text)];
        string folder = invocation.Model(invocation.Get(model));
        using Reranker reranker = Invocation.Load(() => Reranker.FromPretrained(folder, new RerankerOptions
        {
            Precision = compute.Precision,
            Threads = compute.Threads,
            Deterministic = invocation.Get(deterministic),
            MaxLength = invocation.Get(maxLength),
            PromptName = invocation.Get(promptName),
            Prompt = invocation.Get(prompt),
            Raw = invocation.Get(raw),
            Template = invocation.Get(template),
            Adapter = invocation.Adapter(),
        }));
        using RecordWriter writer = new(invocation.Terminal.Output);
        foreach (RankedDocument document in reranker.Rank(invocation.Get(query)!, documents, invocation.Get(top), invocation.Cancellation))
        {
            writer.Write(json =>
            {
                json.WriteNumber("index", document.Index);
                json.WriteNumber("score", document.Score);
                json.WriteString("text", document.Text);
            });
        }

        writer.Flush();
        if (reranker.PairsCut > 0) invocation.Notice($"note: {reranker.PairsCut} pairs were longer than {reranker.MaxLength} tokens and were cut");
        return ExitStatus.Success;
    }

    private static void CheckTemplate(string template)
    {
        string[] names = [.. PlaceNames().Matches(template).Select(match => match.Value)];
        if (names.FirstOrDefault(name => name is not ("{query}" or "{passage}")) is { } unknown)
            throw new UsageException($"--template has {{query}} and {{passage}} only, not {unknown}");
        if (!names.Contains("{query}") || !names.Contains("{passage}")) throw new UsageException("--template needs both {query} and {passage}");
    }

    [GeneratedRegex(@"\{\w+\}")]
    private static partial Regex PlaceNames();
}
