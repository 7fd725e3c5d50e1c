using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco search</c>: the records of an index that fit a query best.</summary>
internal sealed class SearchVerb : Verb
{
    private const int QueriesAtOnce = 256;

    private readonly Argument<string> index = new("INDEX") { Description = "A folder that `sirocco index` or `sirocco demo` made" };
    private readonly Argument<string[]> queries = new("QUERY")
    {
        Description = "What to search for; without any, --input is read",
        Arity = ArgumentArity.ZeroOrMore,
    };
    private readonly Option<string?> input = new("--input")
    {
        Description = "Queries: .txt (one a line) or .jsonl (query or text); - is standard input",
        HelpName = "FILE",
    };
    private readonly Option<int?> top = CommonOptions.Integer("--top", "N", 1, 1 << 20, "Records for each query [10]");
    private readonly Option<string?> rerank = new("--rerank") { Description = "Order what was found with this reranker", HelpName = "MODEL" };
    private readonly Option<int?> candidates = CommonOptions.Integer(
        "--candidates", "N", 1, 1 << 20, "Records that the reranker reads [the larger of 50 and --top]");
    private readonly Option<string?> model = new("--model") { Description = "Where the model of the index lies now, if it has moved", HelpName = "MODEL" };
    private readonly Option<bool> deterministic = new("--deterministic")
    {
        Description = "Not one bit of a score depends on what it was computed together with (slower)",
    };

    public SearchVerb()
        : base("search", "Finds the records of an index that fit a query best; "
            + "every record is scored. On a terminal a list, otherwise a JSON object for each query.",
            new Example("one question", """./sirocco search ./my-index "show what fills the disk" """.TrimEnd()),
            new Example("many, for a program", "./sirocco search ./my-index --input queries.jsonl --top 100 --json"),
            new Example(
                "with a reranker reading the best fifty", """./sirocco search ./my-index "list open ports" --rerank nvidia/llama-nemotron-rerank-1b-v2"""))
    {
        Add(index);
        Add(queries);
        foreach (Option option in (Option[])[input, top, rerank, candidates, CommonOptions.RerankShare, model, deterministic, CommonOptions.Precision,
            CommonOptions.Threads, CommonOptions.Device]) Add(option);
    }

    public override int Run(Invocation invocation)
    {
        string[] words = invocation.Get(queries);
        string? from = invocation.Get(input) ?? (words.Length == 0 ? DataFiles.Standard : null);
        if (from is not null && words.Length > 0) throw new UsageException("give queries or --input, not both");
        if (invocation.Get(rerank) is null) invocation.Refuse("needs --rerank MODEL", candidates, CommonOptions.RerankShare);
        ComputeChoice compute = invocation.Compute();
        string place = invocation.Get(index);
        using TextSource source = from is null ? new TextSource(words)
            : new TextSource(from, record => record.OptionalText("query") ?? record.Text("text"), invocation.Cancellation);
        using SemanticIndex asked = SemanticIndex.Open(place, new SearchOptions
        {
            Model = invocation.Get(model),
            Locate = invocation.Model,
            Precision = compute.Precision,
            Threads = compute.Threads,
            Deterministic = invocation.Get(deterministic),
        });
        using Reranker? reranker = invocation.Get(rerank) is { } judge
            ? Reranker.FromPretrained(
                invocation.Model(judge),
                new RerankerOptions { Precision = compute.Precision, Threads = compute.Threads, Deterministic = invocation.Get(deterministic) })
            : null;
        int wanted = invocation.Get(top) ?? 10;
        double share = invocation.Get(CommonOptions.RerankShare) ?? 1;
        bool forPeople = !invocation.Json && !Console.IsOutputRedirected;
        using RecordWriter writer = new(invocation.Terminal.Output);
        foreach (TextRecord[] batch in TextBatches.Of(source.Read(), from is DataFiles.Standard ? 1 : QueriesAtOnce))
        {
            string[] texts = [.. batch.Select(record => record.Text)];
            IReadOnlyList<IReadOnlyList<SearchHit>> answers = asked.Search(texts, wanted, reranker, invocation.Get(candidates), share, invocation.Cancellation);
            if (answers.Any(hits => hits.Any(hit => !float.IsFinite(hit.Score))))
                throw new InvalidDataException($"{place} gives scores that are no numbers, so its vectors are damaged; make the index again");
            for (int i = 0; i < texts.Length; i++)
            {
                if (forPeople) SearchListing.Write(invocation.Terminal, texts[i], answers[i]);
                else Write(writer, texts[i], answers[i]);
            }

            writer.Flush();
            invocation.Terminal.Output.Flush();
        }

        return ExitStatus.Success;
    }

    private static void Write(RecordWriter writer, string query, IReadOnlyList<SearchHit> hits) => writer.Write(json =>
    {
        json.WriteString("query", query);
        json.WriteStartArray("results");
        foreach (SearchHit hit in hits)
        {
            json.WriteStartObject();
            json.WriteString("id", hit.Id);
            json.WriteNumber("score", hit.Score);
            json.WriteString("text", hit.Text);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
