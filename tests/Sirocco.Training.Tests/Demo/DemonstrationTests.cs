using System.IO.Compression;
using System.Text.Json;
using Sirocco.Compute;
using Sirocco.Models;
using Sirocco.Training.Demo;

namespace Sirocco.Training.Tests.Demo;

public sealed class DemonstrationTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_shipped_data_is_complete()
    {
        PackageSearchData data = PackageSearchData.Load(Shipped);
        Assert.Equal((35_629, 24_069, 794, 880), (data.Documents.Count, data.TrainQueries.Count, data.DevelopmentQueries.Count, data.TestQueries.Count));
        Assert.All(data.TestQueries, query => Assert.InRange(data.PositiveOf(query), 0, data.Documents.Count - 1));
    }

    [Fact]
    public void It_leaves_a_model_with_an_index_that_find_documents()
    {
        DemonstrationOptions options = Options(SmallData());
        DemonstrationReport report = Demonstration.Run(options);
        Assert.Equal((4, 160, 40), (report.Steps, report.Documents, report.Queries));
        Assert.True(report.Bm25.MrrAt10 > 0.5);
        Assert.Equal(3, report.Examples.Count);
        Assert.True(File.Exists(Path.Combine(options.OutputFolder, Demonstration.PlotFile)));

        using Embedder embedder = Embedder.FromPretrained(options.OutputFolder);
        using VectorIndex index = VectorIndex.Open(Path.Combine(options.OutputFolder, Demonstration.IndexFolder));
        Assert.Equal(160, index.Count);
        Assert.Equal(Path.GetFullPath(options.OutputFolder), index.Description.Model);
        Assert.Equal(index.Description.Fingerprint, ModelFingerprint.Of(options.OutputFolder));
        ExampleSearch example = report.Examples[0];
        Assert.Equal(example.Hits.Select(hit => hit.Id), index.Search(embedder.Embed(example.Query), example.Hits.Count)[0].Select(hit => hit.Id));
    }

    [Fact]
    public void A_second_run_replaces_the_first_and_gives_the_same_figures_for_the_same_seed()
    {
        DemonstrationOptions options = Options(SmallData());
        DemonstrationReport first = Demonstration.Run(options);
        string[] files = [.. Files()];
        DemonstrationReport second = Demonstration.Run(options);
        Assert.Equal(first.Trained, second.Trained);
        Assert.Equal(first.FinalLoss, second.FinalLoss);
        Assert.Equal(files, Files());
        using VectorIndex index = VectorIndex.Open(options.OutputFolder);
        Assert.Equal(160, index.Count);

        IEnumerable<string> Files() => Directory.EnumerateFiles(options.OutputFolder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal);
    }

    [Fact]
    public void An_interrupted_run_leaves_nothing_and_a_foreign_folder_is_not_touched()
    {
        DemonstrationOptions options = Options(SmallData());
        using CancellationTokenSource stop = new();
        Assert.ThrowsAny<OperationCanceledException>(() => Demonstration.Run(options, new DemonstrationObserver { Step = _ => stop.Cancel() }, stop.Token));
        Assert.False(Directory.Exists(options.OutputFolder));
        Assert.DoesNotContain(Directory.GetDirectories(folder.Path), path => Path.GetFileName(path) != "data");

        Directory.CreateDirectory(options.OutputFolder);
        File.WriteAllText(Path.Combine(options.OutputFolder, "thesis.txt"), "mine");
        Assert.Contains(
            "holds files that no demonstration made", Assert.Throws<IOException>(() => Demonstration.Run(options)).Message, StringComparison.Ordinal);
        Assert.Single(Directory.GetFileSystemEntries(options.OutputFolder));
    }

    private static string Shipped
    {
        get
        {
            DirectoryInfo? place = new(AppContext.BaseDirectory);
            while (place is not null && !File.Exists(Path.Combine(place.FullName, "Sirocco.slnx"))) place = place.Parent;
            return Path.Combine(place!.FullName, "demo");
        }
    }

    private DemonstrationOptions Options(string data, string output = "out") => new()
    {
        DataFolder = data,
        OutputFolder = folder.File(output),
        Steps = 4,
        Threads = 2,
        Precision = Precision.F32,
    };

    /// <summary>The first documents and queries of the shipped data.</summary>
    private string SmallData()
    {
        string small = folder.File("data");
        Directory.CreateDirectory(small);
        File.Copy(Path.Combine(Shipped, "tokenizer.json"), Path.Combine(small, "tokenizer.json"), overwrite: true);
        string[] train = Lines("queries.train"), documents = Lines("corpus");
        Dictionary<string, string> byId = documents.ToDictionary(Id);
        string[] queries = [.. train.Take(160)];
        Write("corpus", queries.Select(query => byId[Positive(query)]));
        Write("queries.train", queries);
        Write("queries.dev", queries.Take(4));
        Write("queries.test", queries.Take(40));
        return small;

        string[] Lines(string name)
        {
            using StreamReader reader = new(new GZipStream(File.OpenRead(Path.Combine(Shipped, name + ".jsonl.gz")), CompressionMode.Decompress));
            return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }

        void Write(string name, IEnumerable<string> lines)
        {
            using StreamWriter writer = new(new GZipStream(File.Create(Path.Combine(small, name + ".jsonl.gz")), CompressionLevel.Fastest));
            foreach (string line in lines) writer.WriteLine(line);
        }

        static string Id(string line) => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()!;

        static string Positive(string line) => JsonDocument.Parse(line).RootElement.GetProperty("positive").GetString()!;
    }
}
