using System.CommandLine;
using System.Globalization;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco index</c>: a corpus to vectors on disk that <c>search</c> scans.</summary>
internal sealed class IndexVerb : Verb
{
    private readonly Argument<string> model = new("MODEL") { Description = "A model folder, a .gguf file or a hub id" };
    private readonly Argument<string> corpus = new("CORPUS")
    {
        Description = "Records with text, or title and text, and if wanted id: .jsonl, or .txt with a text a line, also .gz; - is standard input",
    };
    private readonly Argument<string> index = new("INDEX") { Description = "Folder to make; an index of that name is replaced when the new one is complete" };
    private readonly Option<string> store = CommonOptions.Choice(
        "--store", "f32", "How vectors are kept: exact, a byte a feature, or bits to choose candidates that bytes then score", "f32", "int8", "binary");
    private readonly Option<string?> promptName = new("--prompt-name")
    {
        Description = "Name of the model's prompt for documents [document or passage, where it has one]",
        HelpName = "NAME",
    };
    private readonly Option<string?> prompt = new("--prompt") { Description = "Put this before each text", HelpName = "STR" };
    private readonly Option<string?> queryPrompt = new("--query-prompt")
    {
        Description = "Put this before each query of a search [the model's prompt for queries]",
        HelpName = "STR",
    };
    private readonly EncoderOptions encoder = new();

    public IndexVerb()
        : base("index", "Embeds a corpus and keeps vectors and texts in a folder that `sirocco search` answers from.",
            new Example("a corpus of JSON records", "./sirocco index nvidia/Nemotron-3-Embed-1B corpus.jsonl ./my-index"),
            new Example("a quarter of the space", "./sirocco index ./demo-output corpus.jsonl.gz ./small-index --store int8"))
    {
        Add(model);
        Add(corpus);
        Add(index);
        foreach (Option option in (Option[])[store, promptName, prompt, queryPrompt]) Add(option);
        encoder.AddTo(this);
    }

    public override int Run(Invocation invocation)
    {
        if (invocation.Get(prompt) is not null && invocation.Get(promptName) is not null) throw new UsageException("give --prompt or --prompt-name, not both");
        string place = DataFiles.RequirePlace("INDEX", invocation.Get(index), "folder");
        EmbedderOptions options = encoder.Read(invocation);
        string given = invocation.Get(model);
        string folder = invocation.Model(given);
        using TextSource source = new(invocation.Get(corpus), cancellation: invocation.Cancellation);
        using Embedder embedder = Invocation.Load(() => Embedder.FromPretrained(folder, options));
        if (embedder.Notice is { } notice) invocation.Notice("note: " + notice);
        using ProgressLine progress = invocation.Progress("indexing", "texts");
        IndexBuild build = SemanticIndex.Build(embedder, given, Records(source), place, new IndexOptions
        {
            Store = invocation.Get(store) switch { "int8" => VectorStore.Int8, "binary" => VectorStore.Binary, _ => VectorStore.F32 },
            DocumentPrompt = invocation.Get(prompt) ?? (invocation.Get(promptName) is { } name ? PromptNamed(embedder, name) : null),
            QueryPrompt = invocation.Get(queryPrompt),
        }, new Callback<int>(count => progress.Report(count, part: source.PartOf(count))), invocation.Cancellation);
        progress.Dispose();
        invocation.Notice(string.Create(CultureInfo.InvariantCulture, $"{build.Records:N0} records of {embedder.Dimensions} features are in {place}"));
        if (build.FirstRepeatedId is { } repeated)
        {
            invocation.Notice($"note: {build.RepeatedIds} records have the id of an earlier one, '{Failure.OneLine(repeated)}' first; "
                + "a search gives each of them, under the same id");
        }
        if (embedder.TextsCut > 0) invocation.Notice($"note: {embedder.TextsCut} texts were longer than {embedder.MaxLength} tokens and were cut");
        if (invocation.Json)
        {
            new Facts()
                .Add("index", place)
                .Add("records", build.Records)
                .Add("dimensions", embedder.Dimensions)
                .Add("store", invocation.Get(store))
                .Add("repeated_ids", build.RepeatedIds)
                .Add("texts_cut", embedder.TextsCut)
                .WriteJson(invocation.Terminal.Output);
        }

        return ExitStatus.Success;
    }

    /// <summary>A record without an id gets its place in the corpus.</summary>
    private static IEnumerable<IndexRecord> Records(TextSource source) =>
        source.Read().Select((record, place) => new IndexRecord(record.Id ?? place.ToString(CultureInfo.InvariantCulture), record.Text));

    private static string PromptNamed(Embedder embedder, string name) => embedder.Prompts.TryGetValue(name, out string? found) ? found
        : throw new UsageException(
            $"--prompt-name {name}: the model has {(embedder.Prompts.Count == 0 ? "no prompts" : "the prompts " + string.Join(", ", embedder.Prompts.Keys))}");
}
