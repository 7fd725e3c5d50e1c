namespace Sirocco.Formats.Tests;

public sealed class HubTests : IDisposable
{
    private readonly TemporaryFolder scratch = new();
    private readonly HubServer server = new();

    public void Dispose()
    {
        server.Dispose();
        scratch.Dispose();
    }

    private HubOptions Options => new()
    {
        CacheFolder = scratch.File("hub"),
        Endpoint = server.Address,
        FirstRetryDelay = TimeSpan.FromMilliseconds(1),
        StallTimeout = TimeSpan.FromSeconds(20),
    };

    private string Snapshot => Path.Combine(scratch.File("hub"), "models--org--name", "snapshots", HubServer.Commit);

    private string Partial => Assert.Single(Directory.GetFiles(scratch.File("hub"), "*.sirocco-partial", SearchOption.AllDirectories));

    private async Task<string> Download(HubOptions? options = null, CancellationToken cancellation = default) =>
        await HubModel.ResolveAsync("org/name", options ?? Options, null, cancellation);

    private void AssertWhole()
    {
        Assert.Equal(server.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(Snapshot, "model.safetensors")));
        Assert.Equal(server.Files["config.json"], File.ReadAllBytes(Path.Combine(Snapshot, "config.json")));
        Assert.Empty(Directory.GetFiles(scratch.File("hub"), "*.sirocco-partial", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_model_arrives_in_the_layout_of_the_hub_cache()
    {
        Assert.Equal(Snapshot, await Download());
        AssertWhole();
        string folder = Path.Combine(scratch.File("hub"), "models--org--name");
        Assert.Equal(HubServer.Commit, File.ReadAllText(Path.Combine(folder, "refs", "main")));
        Assert.Equal(2, Directory.GetFiles(Path.Combine(folder, "blobs")).Length);
        Assert.Equal(["config.json", "model.safetensors"], Directory.GetFiles(Snapshot).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        string? link = new FileInfo(Path.Combine(Snapshot, "config.json")).LinkTarget;
        if (link is not null) Assert.StartsWith("../../blobs/", link, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_wanted_files_of_a_data_set_arrive_beside_models_and_need_no_network_again()
    {
        using HubServer hub = new() { HoldsDataset = true };
        HubOptions options = Options with { Endpoint = hub.Address };
        Task<string> Fetch(HubOptions from) =>
            HubDataset.ResolveAsync("org/name", file => file == "README.md", snapshot => File.Exists(Path.Combine(snapshot, "README.md")), from);
        string folder = await Fetch(options);
        Assert.Equal(Path.Combine(scratch.File("hub"), "datasets--org--name", "snapshots", HubServer.Commit), folder);
        Assert.Equal("README.md", Path.GetFileName(Assert.Single(Directory.GetFiles(folder))));
        int requests = hub.Requests.Count;
        Assert.Equal(folder, await Fetch(options));
        Assert.Equal(folder, await Fetch(options with { Offline = true }));
        Assert.Equal(requests, hub.Requests.Count);
        await Assert.ThrowsAsync<FileNotFoundException>(() => Fetch(options with { Offline = true, CacheFolder = scratch.File("empty") }));
    }

    [Fact]
    public async Task A_model_in_the_cache_needs_no_network()
    {
        await Download();
        int requests = server.Requests.Count;
        Assert.Equal(Snapshot, await Download());
        Assert.Equal(Snapshot, await Download(Options with { Offline = true }));
        Assert.Equal(Snapshot, await HubModel.ResolveAsync($"org/name@{HubServer.Commit}", Options));
        Assert.Equal(requests, server.Requests.Count);
    }

    /// <summary>A snapshot as huggingface_hub leaves it for a program that asked for some of its files.</summary>
    private void Cache(params string[] files)
    {
        foreach (string file in files) scratch.Write($"hub/models--org--name/snapshots/{HubServer.Commit}/{file}", server.Files[file]);
        scratch.Write("hub/models--org--name/refs/main", HubServer.Commit);
    }

    [Fact]
    public async Task What_another_program_left_out_of_a_snapshot_is_fetched_once_and_its_weights_are_not_fetched_again()
    {
        foreach (string file in new[] { "tokenizer.json", "modules.json", "1_Pooling/config.json", "2_Dense/model.safetensors", "x.gguf" })
            server.Files[file] = [1, 2, 3];
        Cache("config.json", "model.safetensors");
        Assert.Equal(Snapshot, await Download());
        foreach (string file in new[] { "tokenizer.json", "modules.json", "1_Pooling/config.json", "2_Dense/model.safetensors" })
            Assert.Equal([1, 2, 3], File.ReadAllBytes(Path.Combine(Snapshot, file)));
        Assert.False(File.Exists(Path.Combine(Snapshot, "x.gguf")));
        Assert.DoesNotContain(server.Requests, request => request.Contains($"{HubServer.Commit}/model.safetensors", StringComparison.Ordinal));
        int requests = server.Requests.Count;
        await Download();
        Assert.Equal(requests, server.Requests.Count);

        File.Delete(Path.Combine(Snapshot, "modules.json"));
        await Download();
        Assert.True(File.Exists(Path.Combine(Snapshot, "modules.json")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_snapshot_of_another_program_is_taken_as_it_is_where_the_hub_cannot_be_asked(bool offline)
    {
        server.Files["tokenizer.json"] = [1, 2, 3];
        Cache("config.json", "model.safetensors");
        server.Busy = 3;
        Assert.Equal(Snapshot, await Download(Options with { Offline = offline }));
        Assert.Equal(offline ? 0 : 1, server.Requests.Count);
        Assert.Equal(Snapshot, HubModel.FindCached(new HubModelId("org/name"), Options));
    }

    [Fact]
    public async Task Offline_a_model_that_is_not_in_the_cache_is_named_with_the_remedy()
    {
        var error = await Assert.ThrowsAsync<FileNotFoundException>(() => Download(Options with { Offline = true }));
        Assert.Equal($"org/name: no such folder, and not in the hub cache {Options.CacheFolder}; unset HF_HUB_OFFLINE to download it", error.Message);
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task A_connection_that_keeps_dropping_is_resumed_where_it_stopped()
    {
        server.DropAfter = 30_000;
        await Download();
        AssertWhole();
        Assert.Equal(
            ["", "bytes=30000-", "bytes=60000-", "bytes=90000-", "bytes=120000-", "bytes=150000-", "bytes=180000-"],
            server.Requests.Where(r => r.StartsWith("GET", StringComparison.Ordinal) && r.Contains("model.safetensors", StringComparison.Ordinal))
                .Select(r => r.Split(' ').ElementAtOrDefault(2) ?? ""));
    }

    [Fact]
    public async Task A_server_that_ignores_ranges_is_read_from_the_start()
    {
        using var cancellation = new CancellationTokenSource();
        server.DropAfter = 30_000;
        await Assert.ThrowsAsync<IOException>(() => Download(Options with { MaximumAttempts = 1 }));
        Assert.Equal(30_000, new FileInfo(Partial).Length);
        (server.DropAfter, server.IgnoreRanges) = (null, true);
        await Download();
        AssertWhole();
    }

    [Fact]
    public async Task A_connection_that_never_brings_the_rest_is_given_up_and_what_came_is_kept()
    {
        server.DropAfter = 0;
        var error = await Assert.ThrowsAsync<IOException>(() => Download());
        Assert.StartsWith("org/name: model.safetensors cannot be fetched from " + Options.Endpoint, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Null(HubModel.FindCached(new HubModelId("org/name"), Options));
    }

    [Fact]
    public async Task A_cancelled_download_goes_on_the_next_time()
    {
        using var cancellation = new CancellationTokenSource();
        server.DropAfter = 50_000;
        var progress = new Watch(p => { if (p.Bytes >= 50_000) cancellation.Cancel(); });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => HubModel.ResolveAsync("org/name", Options, progress, cancellation.Token));
        long kept = new FileInfo(Partial).Length;
        server.DropAfter = null;
        server.Requests.Clear();
        await Download();
        AssertWhole();
        Assert.Contains(server.Requests, r => r.Contains($"bytes={kept}-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_token_is_not_sent_to_the_host_of_a_redirect()
    {
        using var storage = new HubServer();
        storage.Files["model.safetensors"] = server.Files["model.safetensors"];
        server.RedirectTo = storage.Address;
        await Download(Options with { Token = "hf_secret" });
        AssertWhole();
        Assert.All(server.Requests, r => Assert.EndsWith("Bearer hf_secret", r, StringComparison.Ordinal));
        Assert.NotEmpty(storage.Requests);
        Assert.All(storage.Requests, r => Assert.DoesNotContain("hf_secret", r, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_without_head_is_asked_by_get()
    {
        server.RefuseHead = true;
        await Download();
        AssertWhole();
    }

    [Fact]
    public async Task A_busy_server_is_asked_again()
    {
        server.Busy = 3;
        await Download();
        AssertWhole();
    }

    [Fact]
    public async Task Bytes_with_another_hash_are_fetched_again_and_then_refused()
    {
        byte[] damaged = [.. server.Files["model.safetensors"]];
        damaged[17] ^= 1;
        server.Corrupt = name => name == "model.safetensors" ? damaged : null;
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => Download());
        Assert.StartsWith("org/name: model.safetensors arrived twice with a hash other than ", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(Snapshot, "model.safetensors")));

        server.Corrupt = name => name == "config.json" ? """{"model_type": "LLAMA"}"""u8.ToArray() : null;
        await Assert.ThrowsAsync<InvalidDataException>(() => Download(Options with { CacheFolder = scratch.File("other") }));
    }

    [Fact]
    public async Task A_damaged_rest_of_an_earlier_attempt_is_thrown_away()
    {
        server.DropAfter = 30_000;
        await Assert.ThrowsAsync<IOException>(() => Download(Options with { MaximumAttempts = 1 }));
        File.WriteAllBytes(Partial, new byte[30_000]);
        server.DropAfter = null;
        await Download();
        AssertWhole();
    }

    [Theory]
    [InlineData(401, "GatedRepo", null, "org/name: is gated; accept its terms at {0}org/name and set HF_TOKEN")]
    [InlineData(403, "GatedRepo", "wrong", "org/name: is gated; accept its terms at {0}org/name and check that HF_TOKEN is valid and may read it")]
    [InlineData(401, "RepoNotFound", null, "org/name: is private or does not exist at {0}; check the id, and set HF_TOKEN")]
    [InlineData(403, null, "wrong", "org/name: access is refused by {0}; ask for access at {0}org/name, and check that HF_TOKEN is valid and may read it")]
    public async Task A_refusal_says_what_to_do(int status, string? code, string? token, string expected)
    {
        server.Gate = ("right", status, code);
        var error = await Assert.ThrowsAsync<UnauthorizedAccessException>(() => Download(Options with { Token = token }));
        Assert.Equal(expected.Replace("{0}", server.Address.ToString(), StringComparison.Ordinal), error.Message);
        await Download(Options with { Token = "right" });
        AssertWhole();
    }

    [Fact]
    public async Task A_revision_that_does_not_exist_is_named()
    {
        var error = await Assert.ThrowsAsync<FileNotFoundException>(() => HubModel.ResolveAsync("org/name@v9", Options));
        Assert.StartsWith("org/name@v9: has no revision 'v9'; see ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_that_does_not_exist_is_named()
    {
        var error = await Assert.ThrowsAsync<FileNotFoundException>(() => HubModel.ResolveAsync("org/other", Options));
        Assert.StartsWith("org/other: the list of files was not found at ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../../../etc/model.safetensors")]
    [InlineData("/etc/model.safetensors")]
    [InlineData("a\\..\\model.safetensors")]
    public async Task File_names_that_leave_the_folder_are_refused(string name)
    {
        server.Listed = ["config.json", name];
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => Download());
        Assert.Contains("does not stay inside a folder; nothing was downloaded", error.Message, StringComparison.Ordinal);
        Assert.Empty(scratch.Files());
    }

    [Fact]
    public async Task Two_downloads_at_once_bring_the_model_once()
    {
        await Task.WhenAll(Download(), Download(), Download());
        AssertWhole();
    }

    [Fact]
    public async Task What_is_neither_a_path_nor_an_id_is_refused_without_the_network()
    {
        foreach (string model in new[] { "no/such/folder", "./model", "name", "org/name@../x", "org/na--me" })
            await Assert.ThrowsAsync<DirectoryNotFoundException>(() => HubModel.ResolveAsync(model, Options));
        Assert.Equal(scratch.Path, await HubModel.ResolveAsync(scratch.Path, Options));
        Assert.Empty(server.Requests);
    }

    [Fact]
    public void The_environment_chooses_cache_endpoint_and_token()
    {
        HubOptions options = HubOptions.From(
            name => name switch { "HF_HOME" => "/h", "HF_ENDPOINT" => "http://mirror:8080/hf/", "HF_TOKEN" => " t ", "HF_HUB_OFFLINE" => "1", _ => null });
        Assert.Equal(
            (Path.Combine("/h", "hub"), "http://mirror:8080/hf", "t", true),
            (options.CacheFolder, options.Endpoint.AbsoluteUri, options.Token, options.Offline));
        Assert.Equal("/c", HubOptions.From(name => name switch { "HF_HOME" => "/h", "HF_HUB_CACHE" => "/c", _ => null }).CacheFolder);
        string user = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        Assert.Equal(
            user + "/fast/it/$LEFT/hub",
            HubOptions.From(name => name switch { "HF_HUB_CACHE" => "~/$DISK/${JOB}/$LEFT/hub", "DISK" => "fast", "JOB" => "it", _ => null }).CacheFolder);
        Assert.Equal(Path.Combine("/fast/x", "hub"), HubOptions.From(name => name switch { "HF_HOME" => "$DISK/x", "DISK" => "/fast", _ => null }).CacheFolder);
        Assert.Throws<InvalidDataException>(() => HubOptions.From(name => name == "HF_ENDPOINT" ? "ftp://x" : null));
    }

    [Fact]
    public void Weights_come_last_and_in_one_form()
    {
        List<string> chosen = HubFileFilter.Choose(new HubModelId("org/name"),
        [
            "model-00001-of-00002.safetensors", "consolidated.safetensors", "config.json", "tekken.json", "onnx/model.onnx", "original/params.json",
            "1_Pooling/config.json", "2_Dense/model.safetensors", "model.safetensors.index.json", "model-00002-of-00002.safetensors", "pytorch_model.bin",
            "x.gguf", "chat_template.jinja", "additional_chat_templates/reranking.jinja", ".gitattributes",
        ]);
        Assert.Equal(
            ["1_Pooling/config.json", "additional_chat_templates/reranking.jinja", "chat_template.jinja", "config.json", "model.safetensors.index.json",
                "tekken.json",
                "2_Dense/model.safetensors", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"], chosen);
        Assert.Equal(
            ["params.json", "tekken.json", "consolidated.safetensors"],
            HubFileFilter.Choose(new HubModelId("org/name"), ["README.md", "config.json", "consolidated.safetensors", "params.json", "tekken.json"]));
        Assert.Equal(["x.gguf"], HubFileFilter.Choose(new HubModelId("org/name"), ["x.gguf", "mmproj-x.gguf"]));
        Assert.Throws<InvalidDataException>(() => HubFileFilter.Choose(new HubModelId("org/name"), ["x.gguf", "y.gguf"]));
        Assert.Throws<InvalidDataException>(() => HubFileFilter.Choose(new HubModelId("org/name"), ["pytorch_model.bin"]));
    }

    [Theory]
    [InlineData("epoch_0_step_3\n", "LATEST", true)]
    [InlineData("epoch_0_step_3", "LOWEST_VAL", true)]
    [InlineData("../run/epoch_0_step_3", "LATEST", false)]
    [InlineData("epoch_0_step_9", "LATEST", false)]
    [InlineData("..", "LATEST", false)]
    [InlineData("", "LATEST", false)]
    public void A_checkpoint_that_a_text_names_in_place_of_a_link_is_found(string text, string tracker, bool isFound)
    {
        string run = scratch.File("run"), model = Path.Combine(run, "epoch_0_step_3", "model", "consolidated");
        Directory.CreateDirectory(model);
        File.WriteAllText(Path.Combine(run, tracker + ".txt"), text);
        string? found = HubModel.FindLocal(Path.Combine(run, tracker, "model", "consolidated"));
        Assert.Equal(isFound ? Path.GetFullPath(model) : null, found is null ? null : Path.GetFullPath(found));
    }

    private sealed class Watch(Action<HubProgress> report) : IProgress<HubProgress>
    {
        public void Report(HubProgress value) => report(value);
    }
}
