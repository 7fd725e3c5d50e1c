using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco embed</c>: texts to vectors.</summary>
internal sealed class EmbedVerb : Verb
{
    private readonly Argument<string> model = new("MODEL") { Description = "A model folder, a .gguf file or a hub id" };
    private readonly Argument<string[]> texts = new("TEXT") { Description = "Texts to embed; without any, --input is read", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<string?> input = new("--input")
    {
        Description = ".txt (a text a line) or .jsonl (text, or title and text), also .gz; - is standard input",
        HelpName = "FILE",
    };
    private readonly Option<string?> output = new("--output")
    {
        Description = ".jsonl (the record and its embedding), .npy or .safetensors; - is standard output as .jsonl",
        HelpName = "FILE",
    };
    private readonly Option<string?> promptName = new("--prompt-name")
    {
        Description = "Put the model's prompt of that name before each text, such as query or document",
        HelpName = "NAME",
    };
    private readonly Option<string?> prompt = new("--prompt") { Description = "Put this before each text", HelpName = "STR" };
    private readonly Option<string> embeddingType = CommonOptions.Choice(
        "--embedding-type", "float", "Type of the features", "float", "int8", "uint8", "binary", "ubinary");
    private readonly Option<bool> resume = new("--resume") { Description = "Keep what is done in OUTPUT.partial, and go on from there when it exists" };
    private readonly EncoderOptions encoder = new();

    public EmbedVerb()
        : base("embed", "Turns texts into vectors whose inner products say how alike they are.",
            new Example("two texts, vectors as JSON Lines", """./sirocco embed ./demo-output "disk usage analyser" "show what fills the disk" """.TrimEnd()),
            new Example(
                "a corpus to a NumPy matrix, going on after an interruption",
                "./sirocco embed nvidia/Nemotron-3-Embed-1B --input corpus.jsonl --output corpus.npy --prompt-name document --resume"),
            new Example(
                "any causal checkpoint as a bidirectional encoder, int8 weights",
                "./sirocco embed ./ministral-3b --input texts.txt --pooling avg --precision int8 --output -"))
    {
        Add(model);
        Add(texts);
        foreach (Option option in (Option[])[input, output, promptName, prompt, embeddingType, resume, CommonOptions.Adapter]) Add(option);
        encoder.AddTo(this);
    }

    public override int Run(Invocation invocation)
    {
        string[] words = invocation.Get(texts);
        string? from = invocation.Get(input) ?? (words.Length == 0 ? DataFiles.Standard : null);
        if (from is not null && words.Length > 0) throw new UsageException("give texts or --input, not both");
        if (invocation.Get(prompt) is not null && invocation.Get(promptName) is not null) throw new UsageException("give --prompt or --prompt-name, not both");
        string? to = invocation.Get(output);
        bool resuming = invocation.Get(resume);
        if (resuming && (from is null or DataFiles.Standard || to is null or DataFiles.Standard))
            throw new UsageException("--resume needs --input FILE and --output FILE");

        EmbedderOptions options =
            encoder.Read(invocation) with { PromptName = invocation.Get(promptName), Prompt = invocation.Get(prompt), Adapter = invocation.Adapter() };
        string folder = invocation.Model(invocation.Get(model));
        using TextSource source = from is null ? new TextSource(words) : new TextSource(from, cancellation: invocation.Cancellation);
        using Embedder embedder = Invocation.Load(() => Embedder.FromPretrained(folder, options));
        if (embedder.Notice is { } notice) invocation.Notice("note: " + notice);
        using VectorOutput vectors = VectorOutput.Open(to, embedder.Dimensions, Type(invocation.Get(embeddingType)!), invocation.Terminal);
        using PartialVectors? partial = resuming
            ? PartialVectors.Open(to + ".partial", PartialVectors.Describe(folder, from!, options), embedder.Dimensions)
            : null;
        if (partial is { Count: > 0 }) invocation.Notice($"{partial.Count} texts are embedded already");
        long count = Write(invocation, embedder, source, vectors, partial);
        vectors.Commit();
        partial?.Remove();
        if (embedder.TextsCut > 0) invocation.Notice($"note: {embedder.TextsCut} texts were longer than {embedder.MaxLength} tokens and were cut");
        if (invocation.Json && to is not (null or DataFiles.Standard))
        {
            new Facts()
                .Add("output", to)
                .Add("texts", count)
                .Add("dimensions", embedder.Dimensions)
                .Add("embedding_type", invocation.Get(embeddingType))
                .Add("texts_cut", embedder.TextsCut)
                .WriteJson(invocation.Terminal.Output);
        }

        return ExitStatus.Success;
    }

    /// <returns>How many texts there are.</returns>
    private static long Write(Invocation invocation, Embedder embedder, TextSource source, VectorOutput vectors, PartialVectors? partial)
    {
        using ProgressLine progress = invocation.Progress("embedding", "texts", source.Count);
        long done = 0;
        foreach (TextRecord[] batch in TextBatches.Of(source.Read(), partial is null ? TextBatches.Most : PartialVectors.TextsAtOnce))
        {
            int known = (int)Math.Clamp((partial?.Count ?? 0) - done, 0, batch.Length);
            for (int i = 0; i < known; i++) vectors.Add(batch[i], partial!.Read(done + i));
            long before = done + known;
            if (known > 0) progress.GoOnFrom(before, source.PartOf(before));
            float[][] fresh = known == batch.Length ? [] : embedder.Embed(
                [.. batch.Skip(known).Select(record => record.Text)],
                progress: new Callback<int>(count => progress.Report(before + count, part: source.PartOf(before + count))),
                cancellation: invocation.Cancellation);
            partial?.Append(fresh);
            for (int i = 0; i < fresh.Length; i++) vectors.Add(batch[known + i], fresh[i]);
            done += batch.Length;
        }

        return done;
    }

    private static FeatureType Type(string word) => word switch
    {
        "int8" => FeatureType.Int8,
        "uint8" => FeatureType.UInt8,
        "binary" => FeatureType.Binary,
        "ubinary" => FeatureType.UBinary,
        _ => FeatureType.Float,
    };
}
