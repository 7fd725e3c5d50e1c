using System.Diagnostics;
using System.Text.Json;

namespace Sirocco.EndToEnd;

/// <summary>A recipe over the recorded tiny encoder and 22 questions, run by the program: 24 steps, each followed by a checkpoint.</summary>
public sealed class TrainingRun : IDisposable
{
    public const int Steps = 24;

    /// <summary>The run that nothing happens to.</summary>
    public const string Straight = "straight";

    private readonly TemporaryFolder folder = new();
    private readonly string recipe;

    public TrainingRun()
    {
        string[] words = ["chess", "photo", "network", "editor", "music", "disk", "mail", "font", "parser", "shell", "game"];
        folder.Write("train.jsonl", string.Join('\n', Enumerable.Range(0, 22).Select(i => JsonSerializer.Serialize(new
        {
            question = $"{words[i % 11]} number {i}",
            pos_doc = $"a {words[i % 11]} for {words[i * 3 % 11]}",
            neg_doc = new[] { $"a {words[(i + 5) % 11]}", $"some {words[(i + 2) % 11]}" },
        }))));
        recipe = folder.Write("run.yaml", $$"""
            recipe: TrainBiEncoderRecipe
            seed: 7
            temperature: 0.05
            step_scheduler: {global_batch_size: 4, local_batch_size: 2, num_epochs: 4, ckpt_every_steps: 1}
            model: {_target_: nemo_automodel.NeMoAutoModelBiEncoder.from_pretrained, pretrained_model_name_or_path: '{{Golden.Encoder}}', torch_dtype: float32}
            tokenizer: {pretrained_model_name_or_path: '{{Golden.Encoder}}'}
            dataset: {_target_: nemo_automodel.components.datasets.llm.retrieval_dataset.RetrievalDatasetConfig,
              data_dir_list: ['{{folder.File("train.jsonl")}}'], n_passages: 3}
            dataloader: {collate_fn: {_target_: nemo_automodel.components.datasets.llm.BiEncoderCollator, q_max_len: 16, p_max_len: 16} }
            optimizer: {_target_: torch.optim.AdamW, lr: 0.003}
            checkpoint: {save_consolidated: true, max_recent_checkpoints: 2}
            """);
        Stopwatch clock = Stopwatch.StartNew();
        using Process process = Start(Straight);
        WaitForRecords(process, Straight, 1);
        TimeToFirstStep = clock.Elapsed;
        SiroccoProcess.Finish(process).ExpectSuccess();
    }

    public TimeSpan TimeToFirstStep { get; }

    public string FolderOf(string run) => folder.File(run);

    public void Dispose() => folder.Dispose();

    public Process Start(string run, params string[] overrides) => SiroccoProcess.Start(Words(run, overrides));

    public Outcome Run(string run, params string[] overrides) => SiroccoProcess.Run(Words(run, overrides));

    public string[] Words(string run, params string[] overrides) =>
        ["train", recipe, "--checkpoint.checkpoint_dir", folder.File(run), "--threads", "1", .. overrides];

    /// <summary>Lines of a run's training.jsonl that are complete.</summary>
    public JsonElement[] Records(string run) => File.Exists(Path.Combine(folder.File(run), "training.jsonl"))
        ? [.. Text(Path.Combine(folder.File(run), "training.jsonl")).Split('\n')[..^1].Select(line => JsonDocument.Parse(line).RootElement)]
        : [];

    /// <summary>The checkpoint that LATEST names.</summary>
    public string Latest(string run) => new DirectoryInfo(Path.Combine(folder.File(run), "LATEST")).LinkTarget!;

    /// <summary>Asserts that a run ended with the weights, moments and losses of the straight one, bit for bit, each step recorded once.</summary>
    public void AssertLikeStraight(string actual)
    {
        Assert.Equal(Records(Straight).Select(Numbers), Records(actual).Select(Numbers));
        Assert.Equal(Latest(Straight), Latest(actual));
        foreach (string file in (string[])["optim/weights.safetensors", "optim/moments.safetensors"])
            Assert.True(
                File.ReadAllBytes(Path.Combine(folder.File(Straight), "LATEST", file)).AsSpan()
                    .SequenceEqual(File.ReadAllBytes(Path.Combine(folder.File(actual), "LATEST", file))),
                $"{file} of {actual} differs");
    }

    /// <summary>Waits until a run has recorded some steps.</summary>
    public void WaitForRecords(Process process, string run, int count)
    {
        Stopwatch waited = Stopwatch.StartNew();
        while (Records(run).Length < count && !process.HasExited && waited.Elapsed < TimeSpan.FromSeconds(60)) Thread.Sleep(2);
        Assert.True(Records(run).Length >= count);
    }

    /// <summary>A file that somebody else is writing.</summary>
    private static string Text(string file)
    {
        using StreamReader reader = new(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        return reader.ReadToEnd();
    }

    private static (int Step, double Loss, double Norm, double Rate) Numbers(JsonElement record) =>
        (
            record.GetProperty("step").GetInt32(),
            record.GetProperty("loss").GetDouble(),
            record.GetProperty("grad_norm").GetDouble(),
            record.GetProperty("lr").GetDouble());
}
