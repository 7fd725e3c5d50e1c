using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sirocco.Formats;

namespace Sirocco.Training.Tests;

/// <summary>The same data in each form that the reference takes gives the same examples.</summary>
public class RecordedExampleTests
{
    [Theory]
    [InlineData("DebianInteger", "{0}.json")]
    [InlineData("DebianInteger", "{0}-scalar-ids.json")]
    [InlineData("DebianInteger", "{0}-inline.jsonl")]
    [InlineData("DebianSynopsis", "{0}.json")]
    [InlineData("DebianSynopsis", "{0}-scalar-ids.json")]
    [InlineData("DebianSynopsis", "{0}-inline.jsonl")]
    public void A_file_gives_the_examples_of_the_reference(string set, string file)
    {
        string folder = GoldenFile.Path("datasets/retrieval/" + set);
        Same(
            folder,
            Load(Path.Combine(folder, file.Replace("{0}", set, StringComparison.Ordinal))),
            hasIds: file.EndsWith(".json", StringComparison.Ordinal),
            isWhole: !file.Contains("scalar", StringComparison.Ordinal));
    }

    [Fact]
    public void A_folder_in_the_layout_of_the_collection_gives_the_examples_of_the_reference()
    {
        string hub = GoldenFile.Path("datasets/retrieval/hub");
        Same(GoldenFile.Path("datasets/retrieval/DebianInteger"), Load(Path.Combine(hub, "DebianInteger")), hasIds: true);
    }

    [Fact]
    public void A_hub_source_is_read_from_the_cache_without_a_network()
    {
        using TemporaryFolder temporary = new();
        string snapshot = HubCache(temporary);
        HubOptions options = new() { CacheFolder = temporary.Path, Offline = true };
        Same(GoldenFile.Path("datasets/retrieval/DebianInteger"), Load("hf://org/set/DebianInteger", options), hasIds: true);

        // Without a subset: all of them, in the order of their names.
        RetrievalDataset all = Load("hf://org/set", options);
        Assert.Equal(HubLayout.Subsets(snapshot).Sum(subset => Load("hf://org/set/" + subset, options).Count), all.Count);
        Assert.Equal("DebianInteger", all.Corpora.First().Description.Id);
        Assert.Contains("HF_HUB_OFFLINE", Assert.Throws<FileNotFoundException>(() => Load("hf://org/other/set", options)).Message, StringComparison.Ordinal);
        Assert.Contains("hf://org", Assert.Throws<InvalidDataException>(() => Load("hf://org", options)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("---\ntags: [a]\ntags: [b]\n---\n")]
    [InlineData("---\ntags: \u0001\n---\n")]
    public void A_card_that_cannot_be_read_counts_as_none(string card)
    {
        using TemporaryFolder temporary = new();
        string hub = temporary.Copy(GoldenFile.Path("datasets/retrieval/hub"));
        File.WriteAllText(Path.Combine(hub, "README.md"), card);
        Same(GoldenFile.Path("datasets/retrieval/DebianInteger"), Load(Path.Combine(hub, "DebianInteger")), hasIds: true);
    }

    [Fact]
    public void A_run_names_the_revision_of_a_hub_source_and_what_it_held()
    {
        using TemporaryFolder temporary = new();
        string snapshot = HubCache(temporary);
        RetrievalDatasetOptions options = new() { Sources = [new RetrievalSource("hf://org/set/DebianInteger")], PassagesPerQuery = 4 };
        JsonNode described = RunFile.Describe("train", options, RetrievalDataset.Load(options, new HubOptions { CacheFolder = temporary.Path, Offline = true }))
            .First();
        Assert.Equal(Path.GetFileName(snapshot), (string?)described["revision"]);
        Assert.Equal(DataFingerprint.Of(snapshot)!.Sha256, (string?)described["sha256"]);
        Assert.True((int?)described["rows"] > 0);
    }

    [Fact]
    public async Task A_download_that_is_cancelled_stops_in_the_middle_of_a_file_and_goes_on_from_there()
    {
        string hub = GoldenFile.Path("datasets/retrieval/hub"), corpus = "DebianSynopsis/corpus.parquet";
        using TemporaryFolder temporary = new();
        using HubServer server = new() { HoldsDataset = true, DropAfter = 20_000, Stalls = true };
        server.Files.Clear();
        foreach (string file in Directory.GetFiles(hub, "*", SearchOption.AllDirectories))
            server.Files[Path.GetRelativePath(hub, file).Replace('\\', '/')] = await File.ReadAllBytesAsync(file);
        HubOptions options = new() { CacheFolder = temporary.Path, Endpoint = server.Address };
        using CancellationTokenSource cancellation = new();
        Task<RetrievalDataset> load = Task.Run(() => Load("hf://org/name/DebianSynopsis", options, cancellation: cancellation.Token));
        bool IsAsked() => server.Requests.Any(
            request => request.StartsWith("GET", StringComparison.Ordinal) && request.Contains(corpus, StringComparison.Ordinal));
        while (!load.IsCompleted && !IsAsked()) await Task.Delay(5);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => load);
        string part = Assert.Single(Directory.GetFiles(temporary.Path, "*.sirocco-partial", SearchOption.AllDirectories));

        (server.DropAfter, server.Stalls) = (null, false);
        long there = new FileInfo(part).Length;
        Told told = new();
        Assert.Equal(Load(hub + "/DebianSynopsis").Count, Load("hf://org/name/DebianSynopsis", options, progress: told).Count);
        Assert.False(File.Exists(part));
        HubProgress[] ofCorpus = [.. told.Reports.Where(report => report.File == corpus)];
        Assert.Equal(there, ofCorpus[0].Bytes); // what was there is told before what comes
        Assert.Equal(server.Files[corpus].Length, ofCorpus[^1].Bytes);
    }

    /// <summary>The recorded collection as a download leaves it; returns the snapshot's folder.</summary>
    private static string HubCache(TemporaryFolder temporary)
    {
        string hub = GoldenFile.Path("datasets/retrieval/hub"), snapshot = "datasets--org--set/snapshots/abc";
        temporary.Write("datasets--org--set/refs/main", "abc");
        foreach (string file in Directory.GetFiles(hub, "*", SearchOption.AllDirectories))
            temporary.Write(Path.Combine(snapshot, Path.GetRelativePath(hub, file)), File.ReadAllBytes(file));
        return temporary.File(snapshot);
    }

    private static RetrievalDataset Load(
        string path, HubOptions? hub = null, IProgress<HubProgress>? progress = null, CancellationToken cancellation = default) => RetrievalDataset.Load(
        new RetrievalDatasetOptions { Sources = [new RetrievalSource(path)], PassagesPerQuery = 4 },
        hub ?? new HubOptions { CacheFolder = "", Offline = true },
        progress,
        cancellation);

    private sealed class Told : IProgress<HubProgress>
    {
        public List<HubProgress> Reports { get; } = [];

        public void Report(HubProgress value) => Reports.Add(value);
    }

    private static void Same(string folder, RetrievalDataset dataset, bool hasIds, bool isWhole = true)
    {
        JsonElement expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "expected.json"))).RootElement;
        JsonElement examples = expected.GetProperty("examples");
        // The file with bare ids holds the first records only.
        Assert.Equal(isWhole ? examples.GetArrayLength() : 6, dataset.Count);
        if (hasIds) Assert.Equal(expected.GetProperty("documents").GetInt32(), dataset.Corpora.Single().Count);
        for (int i = 0; i < dataset.Count; i++)
        {
            RetrievalExample example = dataset.Get(i);
            Assert.Equal(examples[i].GetProperty("question").GetString(), example.Question);
            Assert.Equal(
                Strings(examples[i], "doc_sha256"),
                example.Documents.Select(document => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(document.Text)))[..16]));
            if (!hasIds) continue;
            Assert.Equal(examples[i].GetProperty("question_id").GetString(), example.QuestionId);
            Assert.Equal(Strings(examples[i], "doc_id"), example.Documents.Select(document => document.Id));
            Assert.Equal(
                examples[i].GetProperty("hash_id").EnumerateArray().Select(id => id.GetInt64()),
                example.Documents.Select(document => BiEncoderCollator.DocumentId(document.Id)));
        }
    }

    private static string?[] Strings(JsonElement element, string key) => [.. element.GetProperty(key).EnumerateArray().Select(text => text.GetString())];
}
