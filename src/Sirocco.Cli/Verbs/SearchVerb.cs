using System.CommandLine;
using System.Globalization;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco search</c>: the records of an index that fit a query best.</summary>
internal sealed class SearchVerb : Verb
{
    private const int QueriesAtOnce = 256;

    private readonly Argument<string> index = new("INDEX") { Description = "A folder that `sirocco index` or `sirocco demo` made" };
    private readonly Argument<string[]> queries = new("QUERY") { Description = "What to search for; without any, --input is read", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<string?> input = new("--input") { Description = "Queries: .txt (one a line) or .jsonl (query or text); - is standard input", HelpName = "FILE" };
    private readonly Option<int?> top = CommonOptions.Integer("--top", "N", 1, 1 << 20, "Records for each query [10]");
    private readonly Option<string?> rerank = new("--rerank") { Description = "Order what was found with this reranker", HelpName = "MODEL" };
    private readonly Option<int?> candidates = CommonOptions.Integer("--candidates", "N", 1, 1 << 20, "Records that the reranker reads [the larger of 50 and --top]");
    private readonly Option<string?> model = new("--model") { Description = "Where the model of the index lies now, if it has moved", HelpName = "MODEL" };
    private readonly Option<bool> deterministic = new("--deterministic") { Description = "Not one bit of a score depends on what it was computed together with (slower)" };

    public SearchVerb()
        : base("search", "Finds the records of an index that fit a query best; every record is scored. On a terminal a list, otherwise a JSON object for each query.",
            new Example("one question", """./sirocco search ./my-index "show what fills the disk" """.TrimEnd()),
            new Example("many, for a program", "./sirocco search ./my-index --input queries.jsonl --top 100 --json"),
            new Example("with a reranker reading the best fifty", """./sirocco search ./my-index "list open ports" --rerank nvidia/llama-nemotron-rerank-1b-v2"""))
    {
        Add(index);
        Add(queries);
        foreach (Option option in (Option[])[input, top, rerank, candidates, model, deterministic, CommonOptions.Precision, CommonOptions.Threads, CommonOptions.Device]) Add(option);
    }

    public override int Run(Invocation invocation)
    {
        string[] words = invocation.Get(queries);
        string? from = invocation.Get(input) ?? (words.Length == 0 ? DataFiles.Standard : null);
        if (from is not null && words.Length > 0) throw new UsageException("give queries or --input, not both");
        ComputeChoice compute = invocation.Compute();
        string place = invocation.Get(index);
        using VectorIndex vectors = VectorIndex.Open(place);
        using TextSource source = from is null ? new TextSource(words) : new TextSource(from, record => record.OptionalText("query") ?? record.Text("text"), invocation.Cancellation);
        using Embedder embedder = OpenModel(invocation, vectors.Description, place, compute);
        using Reranker? reranker = invocation.Get(rerank) is { } judge
            ? Reranker.FromPretrained(invocation.Model(judge), new RerankerOptions { Precision = compute.Precision, Threads = compute.Threads, Deterministic = invocation.Get(deterministic) })
            : null;
        int wanted = invocation.Get(top) ?? 10;
        int found = reranker is null ? wanted : Math.Max(wanted, invocation.Get(candidates) ?? 50);
        bool forPeople = !invocation.Json && !Console.IsOutputRedirected;
        using RecordWriter writer = new(invocation.Terminal.Output);
        foreach (TextRecord[] batch in TextBatches.Of(source.Read(), from is DataFiles.Standard ? 1 : QueriesAtOnce))
        {
            string[] texts = [.. batch.Select(record => record.Text)];
            float[][] asked = embedder.Embed(texts, prompt: vectors.Description.QueryPrompt, cancellation: invocation.Cancellation);
            IReadOnlyList<IReadOnlyList<SearchHit>> answers = vectors.Search(asked.SelectMany(vector => vector).ToArray(), found, compute.Threads, invocation.Cancellation);
            if (answers.Any(hits => hits.Any(hit => !float.IsFinite(hit.Score)))) throw new InvalidDataException($"{place} gives scores that are no numbers, so its vectors are damaged; make the index again");
            for (int i = 0; i < texts.Length; i++)
            {
                IReadOnlyList<SearchHit> hits = reranker is null ? answers[i] : Rerank(reranker, texts[i], answers[i], wanted, invocation.Cancellation);
                if (forPeople) SearchListing.Write(invocation.Terminal, texts[i], hits);
                else Write(writer, texts[i], hits);
            }

            writer.Flush();
            invocation.Terminal.Output.Flush();
        }

        return ExitStatus.Success;
    }

    private static SearchHit[] Rerank(Reranker reranker, string query, IReadOnlyList<SearchHit> hits, int top, CancellationToken cancellation) =>
        [.. reranker.Rank(query, [.. hits.Select(hit => hit.Text)], top, cancellation).Select(judged => hits[judged.Index] with { Score = judged.Score })];

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

    private Embedder OpenModel(Invocation invocation, IndexDescription description, string place, ComputeChoice compute)
    {
        string named = invocation.Get(model) ?? description.Model;
        if (named.Length == 0) throw new InvalidDataException($"{place}: index.json names no model; say which with --model");
        string besideIndex = Path.GetFullPath(named, Path.GetFullPath(place));
        bool beside = invocation.Get(model) is null && !Path.IsPathRooted(named) && Directory.Exists(besideIndex);
        if (Path.IsPathRooted(named) && !Path.Exists(named)) throw new FileNotFoundException($"{named}, the model of {place}, does not exist any more; say where it is now with --model", named);
        string folder = beside ? besideIndex : invocation.Model(named);
        if (description.Fingerprint.Length > 0 && ModelFingerprint.Of(folder) != description.Fingerprint)
        {
            throw new InvalidDataException($"{place} was made with another model than {folder} is now; make the index again or name its model with --model");
        }

        Embedder embedder = Embedder.FromPretrained(folder, IndexSettings.Read(description.Settings, place, compute.Precision, compute.Threads) with { Deterministic = invocation.Get(deterministic) });
        if (embedder.Dimensions == description.Dimensions) return embedder;
        embedder.Dispose();
        throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{place} has vectors of {description.Dimensions} features, its model gives {embedder.Dimensions}; make the index again"));
    }
}
