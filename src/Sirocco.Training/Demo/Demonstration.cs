using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;
using Sirocco.Text;
using Sirocco.Training.Plots;

namespace Sirocco.Training.Demo;

/// <summary>
/// Trains an encoder on the shipped package descriptions, measures what it learnt, and leaves a model with an index of all documents in one folder.
/// </summary>
public sealed class Demonstration
{
    /// <summary>In the folder that a demonstration leaves; says that it may be replaced.</summary>
    public const string ReportFile = "demo.json";

    /// <summary>Drawing of the loss, in the same folder.</summary>
    public const string PlotFile = "loss.svg";

    /// <summary>The index, in the same folder.</summary>
    public const string IndexFolder = "index";

    private const int Cutoff = 10;
    private const int ExampleHits = 3;
    private static readonly string[] ExampleQueries = [
        "play chess against the computer", "find duplicate photos on disk", "show network traffic in a terminal"];

    private readonly DemonstrationOptions options;
    private readonly DemonstrationObserver observer;
    private readonly DemonstrationRecipe recipe;
    private readonly CancellationToken cancellation;

    private Demonstration(DemonstrationOptions options, DemonstrationObserver observer, CancellationToken cancellation)
    {
        this.options = options;
        this.observer = observer;
        this.cancellation = cancellation;
        recipe = options.Model is null ? DemonstrationRecipe.FromRandom : DemonstrationRecipe.FromPretrained;
    }

    /// <summary>Runs it.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="observer">Told how far it is.</param>
    /// <param name="cancellation">Ends it; the output folder is then as it was.</param>
    /// <exception cref="IOException">The output folder holds something else, or cannot be written.</exception>
    /// <exception cref="InvalidDataException">The shipped data or the given model is damaged.</exception>
    public static DemonstrationReport Run(DemonstrationOptions options, DemonstrationObserver? observer = null, CancellationToken cancellation = default)
    {
        RequireOwnFolder(options.OutputFolder);
        return new Demonstration(options, observer ?? new DemonstrationObserver(), cancellation).Run();
    }

    private DemonstrationReport Run()
    {
        // 1. Texts and tokens.
        observer.Stage?.Invoke("reading the data");
        PackageSearchData data = PackageSearchData.Load(options.DataFolder);
        Tokenizer tokenizer = ModelTokenizer.Load(options.Model ?? data.TokenizerPath);
        TokenizedTexts descriptions = PackageSearchData.Tokenize(tokenizer, data.Documents.Select(document => document.Text));
        ContrastiveData pairs = data.Pairs(data.TrainQueries, descriptions, tokenizer);
        PackageSearchTask task = PackageSearchTask.Create(data, tokenizer, descriptions, options.Documents ?? recipe.Documents);

        // 2. The encoder.
        using ComputeContext context = new(new ComputeOptions { Threads = options.Threads });
        using BiEncoder model = OpenModel(tokenizer);

        // 3. Everything is made in a folder of its own, which takes its name at the very end.
        using AtomicFolder staged = AtomicFolder.Create(options.OutputFolder);
        using PackageSearchEvaluation evaluation = new(context, model, task, recipe, options.Precision, staged.TemporaryFolder);

        // 4. Before.
        observer.Stage?.Invoke($"searching {task.Documents.Count:N0} documents before training");
        SearchQuality untrained = evaluation.Measure("", observer.Encoded, cancellation);

        // 5. Training.
        observer.Stage?.Invoke(options.Steps is { } steps ? $"training for {steps:N0} steps" : $"training for {options.Duration.TotalMinutes:0.##} minutes");
        ContrastiveTrainer trainer = new(context, model, pairs, recipe.Training(options));
        List<double> minutes = [];
        List<double> losses = [];
        trainer.Run(step =>
        {
            minutes.Add(trainer.State.Elapsed.TotalMinutes);
            losses.Add(step.Loss);
            observer.Step?.Invoke(step);
        }, cancellation);

        // 6. After: the model and its index, as they are left behind.
        observer.Stage?.Invoke($"searching {task.Documents.Count:N0} documents after training");
        model.Save(
            staged.TemporaryFolder, new ExportOptions { Tokenizer = options.Model ?? data.TokenizerPath, MaxLength = recipe.IndexedLength }, cancellation);
        SearchQuality trained = evaluation.Measure(Path.GetFullPath(options.OutputFolder), observer.Encoded, cancellation);
        IReadOnlyList<ExampleSearch> examples = evaluation.Search(tokenizer, ExampleQueries, ExampleHits, cancellation);

        // 7. BM25 on the same documents.
        observer.Stage?.Invoke("searching with BM25");
        DemonstrationReport report = new()
        {
            Untrained = untrained,
            Trained = trained,
            Bm25 = task.MeasureBm25(Cutoff, cancellation),
            Queries = task.Queries.Count,
            Documents = task.Documents.Count,
            Parameters = model.Parameters.Sum(parameter => parameter.Count),
            Steps = trainer.State.Step,
            Epochs = trainer.State.Epoch + ((double)trainer.State.Position / pairs.Examples.Count),
            Tokens = trainer.State.Tokens,
            TrainingSeconds = trainer.State.Elapsed.TotalSeconds,
            FinalLoss = losses.TakeLast(Math.Max(1, losses.Count / 20)).Average(),
            Examples = examples,
        };
        Figure plot = new()
        {
            Title = $"Contrastive loss, {report.Steps:N0} steps, {report.Tokens / 1e6:0.0} million tokens",
            HorizontalTitle = "minutes of training",
            Panels = [new Panel("loss", [new Curve { Name = "loss", X = minutes, Y = losses, Smoothing = Curve.SmoothingFor(losses.Count) }])],
        };
        AtomicFile.WriteAllText(staged.PathOf(PlotFile), plot.ToSvg());
        AtomicFile.WriteAllBytes(staged.PathOf(ReportFile), report.ToJson());
        evaluation.Dispose();
        cancellation.ThrowIfCancellationRequested();
        ExportedFiles.Commit(staged);
        return report;
    }

    private BiEncoder OpenModel(Tokenizer tokenizer)
    {
        if (options.Model is not { } folder)
        {
            ModelConfig config = DemonstrationRecipe.SmallEncoder(tokenizer);
            return new BiEncoder(new Decoder(config, new IdentityBlocks(new RandomParameters(config, options.Seed))), new EncoderSettings());
        }

        EncoderModel model = EncoderModel.FromPretrained(folder, new ModelOptions { Precision = options.Precision, IsCausal = false });
        if (model is BiEncoder encoder) return encoder;
        model.Dispose();
        throw new NotSupportedException($"{folder} is a reranker; give a language model or an embedding model to start from");
    }

    /// <summary>A folder that is not a demonstration's is never written into.</summary>
    private static void RequireOwnFolder(string folder)
    {
        bool foreign = Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any() && !File.Exists(Path.Combine(folder, ReportFile));
        if (foreign) throw new IOException($"{folder}: holds files that no demonstration made; name another folder with --output");
    }
}
