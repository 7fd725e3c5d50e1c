using System.Diagnostics;

namespace Sirocco.EndToEnd;

public sealed class InterruptionTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [SkippableTheory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public void A_signal_ends_with_status_130_and_leaves_no_half_file(string signal)
    {
        string earlier = folder.Write("out.jsonl", "earlier");
        using Process process = SiroccoProcess.Start(["tokenize", Golden.Encoder, "--output", earlier]);
        Feed(process);
        WaitForTemporaryFile();
        SiroccoProcess.Signal(process, signal);
        Outcome outcome = SiroccoProcess.Finish(process);
        Assert.Equal(130, outcome.Status);
        Assert.Equal(["interrupted"], outcome.ErrorLines);
        Assert.Equal([earlier], Directory.GetFileSystemEntries(folder.Path));
        Assert.Equal("earlier", File.ReadAllText(earlier));
    }

    [SkippableTheory]
    [InlineData("embed", "--output", "vectors.npy")]
    [InlineData("embed", "--output", "vectors.jsonl")]
    [InlineData("index", "-", "index")]
    public void A_verb_that_waits_for_texts_leaves_nothing_behind(params string[] words)
    {
        string earlier = folder.Write("earlier.txt", "earlier");
        using Process process = SiroccoProcess.Start([words[0], Golden.Encoder, words[1], folder.File(words[2])]);
        Feed(process);
        WaitForTemporaryFile();
        SiroccoProcess.Signal(process, "INT");
        Outcome outcome = SiroccoProcess.FinishWaiting(process);
        Assert.Equal((130, "interrupted\n"), (outcome.Status, outcome.Error));
        Assert.Equal([earlier], Directory.GetFileSystemEntries(folder.Path));
    }

    [SkippableTheory]
    [InlineData("hf://org/name/set")]
    [InlineData("hf://org/name")]
    public void A_download_of_a_data_set_ends_with_one_line_and_leaves_a_part_to_go_on_from(string source)
    {
        using HubServer hub = new() { HoldsDataset = true, DropAfter = 200_000, Stalls = true };
        hub.Files["set/corpus.parquet"] = new byte[400_000];
        string recipe = folder.Write("r.yaml", $$"""
            recipe: TrainBiEncoderRecipe
            model: {pretrained_model_name_or_path: '{{Golden.Encoder}}'}
            dataset: {data_dir_list: '{{source}}', n_passages: 2}
            dataloader: {collate_fn: {q_max_len: 16, p_max_len: 32} }
            optimizer: {_target_: torch.optim.AdamW, lr: 1e-4}
            checkpoint: {checkpoint_dir: '{{folder.File("run")}}'}
            """);
        using Process process = SiroccoProcess.Start(
            ["train", recipe], environment: new Dictionary<string, string> { ["HF_ENDPOINT"] = $"{hub.Address}", ["HF_HUB_CACHE"] = folder.File("hub") });
        Stopwatch waited = Stopwatch.StartNew();
        while (Parts().All(file => file.Length < 1000) && !process.HasExited && waited.Elapsed < TimeSpan.FromSeconds(60)) Thread.Sleep(20);
        SiroccoProcess.Signal(process, "INT");
        Outcome outcome = SiroccoProcess.Finish(process);
        Assert.Equal((130, "interrupted\n"), (outcome.Status, outcome.Error));
        Assert.Equal(200_000, Assert.Single(Parts()).Length); // what a process loses that is ended before it closes its files
        Assert.False(Directory.Exists(folder.File("run")));

        FileInfo[] Parts() => Directory.Exists(folder.File("hub"))
            ? new DirectoryInfo(folder.File("hub")).GetFiles("*.sirocco-partial", SearchOption.AllDirectories)
            : [];
    }

    [SkippableFact]
    public void What_a_killed_run_left_the_next_run_to_the_same_output_removes()
    {
        Skip.If(OperatingSystem.IsWindows(), "signals are sent with kill");
        string output = folder.Write("out.jsonl", "earlier");
        using Process process = SiroccoProcess.Start(["tokenize", Golden.Encoder, "--output", output]);
        Feed(process);
        WaitForTemporaryFile();
        process.Kill();
        process.WaitForExit();
        Assert.Equal((2, "earlier"), (Directory.GetFileSystemEntries(folder.Path).Length, File.ReadAllText(output)));
        SiroccoProcess.RunWith("{\"text\":\"a text\"}\n", "tokenize", Golden.Encoder, "--output", output).ExpectSuccess();
        Assert.Equal([output], Directory.GetFileSystemEntries(folder.Path));
    }

    [SkippableFact]
    public void A_reader_that_has_seen_enough_ends_the_run_quietly()
    {
        Skip.If(OperatingSystem.IsWindows(), "needs a POSIX shell");
        string input = folder.Write("many.jsonl", string.Concat(Enumerable.Repeat("{\"text\":\"the same text over and over\"}\n", 200_000)));
        string program = Path.Combine(AppContext.BaseDirectory, "sirocco.dll");
        using Process shell = Process.Start(new ProcessStartInfo("/bin/sh")
        {
            ArgumentList = { "-c", $"(dotnet '{program}' tokenize '{Golden.Encoder}' --input '{input}'; echo \"status $?\" >&2) | head -n 1" },
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Outcome outcome = SiroccoProcess.Finish(shell);
        Assert.Single(outcome.OutputLines);
        Assert.Equal(["status 0"], outcome.ErrorLines);
    }

    [SkippableFact]
    public void A_full_disk_is_one_line()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "/dev/full is Linux's");
        string input = folder.Write("many.jsonl", string.Concat(Enumerable.Repeat("{\"text\":\"the same text over and over\"}\n", 10_000)));
        string error = SiroccoProcess.Run("tokenize", Golden.Encoder, "--input", input, "--output", "/dev/full").ExpectFailure();
        Assert.Contains("/dev/full", error, StringComparison.Ordinal);
        Assert.Contains("space", error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_folder_that_may_not_be_written_is_one_line()
    {
        Skip.If(OperatingSystem.IsWindows() || Environment.UserName == "root", "the superuser may write everywhere");
        string closed = Directory.CreateDirectory(folder.File("closed")).FullName;
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(closed, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        string error = SiroccoProcess.RunWith("{\"text\":\"\"}\n", "tokenize", Golden.Encoder, "--output", Path.Combine(closed, "out.jsonl")).ExpectFailure();
        Assert.Contains("out.jsonl", error, StringComparison.Ordinal);
    }

    private static void Feed(Process process)
    {
        for (int i = 0; i < 3; i++) process.StandardInput.WriteLine("{\"text\":\"a text\"}");
        process.StandardInput.Flush(); // and the input stays open: the program waits for more
    }

    private void WaitForTemporaryFile()
    {
        Stopwatch waited = Stopwatch.StartNew();
        while (Directory.GetFileSystemEntries(folder.Path).Length < 2 && waited.Elapsed < TimeSpan.FromSeconds(60)) Thread.Sleep(20);
        Assert.True(Directory.GetFileSystemEntries(folder.Path).Length >= 2);
    }
}
