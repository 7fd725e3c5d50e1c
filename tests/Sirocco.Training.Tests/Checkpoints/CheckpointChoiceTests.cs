using Sirocco.Formats;

namespace Sirocco.Training.Tests.Checkpoints;

/// <summary>Which checkpoint a run goes on from, which ones stay, and what is said of those that cannot be used.</summary>
public sealed class CheckpointChoiceTests : IDisposable
{
    private const string Lora = "--peft._target_ nemo_automodel.components._peft.lora.PeftConfig --peft.target_modules *_proj --peft.dim ";

    private readonly TinyRun run = new();

    public void Dispose() => run.Dispose();

    [Theory]
    [InlineData("optim/weights.safetensors", "truncated")]
    [InlineData("optim/moments.safetensors", "flipped")]
    [InlineData("state.json", "missing")]
    [InlineData("state.json", "null")]
    [InlineData("config.yaml", "truncated")]
    [InlineData("SHA256SUMS", "missing")]
    [InlineData("SHA256SUMS", "truncated")]
    [InlineData("SHA256SUMS", "emptied")]
    public void A_damaged_newest_checkpoint_gives_way_to_the_one_before(string file, string damage)
    {
        TinyRun.Recorder straight = run.Run(["--checkpoint.checkpoint_dir", run.File("straight")]);
        run.Run(dieAt: 4);
        Assert.Equal(["epoch_0_step_1", "epoch_0_step_3"], Checkpoints());
        Damage(Path.Combine(run.Folder, "epoch_0_step_3", file), damage);
        TinyRun.Recorder resumed = run.Run();
        Assert.Equal(2, resumed.Steps[0].Step);
        Assert.Contains(
            $"epoch_0_step_3{Path.DirectorySeparatorChar}{file}",
            Assert.Single(resumed.Warnings).Replace('/', Path.DirectorySeparatorChar),
            StringComparison.Ordinal);
        Assert.Contains("goes on from the checkpoint before, epoch_0_step_1", resumed.Warnings[0], StringComparison.Ordinal);
        Assert.Equal(straight.Steps.Skip(2).Select(step => step.Loss), resumed.Steps.Select(step => step.Loss));
        Assert.Equal(Enumerable.Range(0, 12), Fields.Steps(Path.Combine(run.Folder, "training.jsonl")));
        Assert.Equal([2, 3, 4], Fields.Steps(Path.Combine(run.Folder, "training.abandoned.jsonl")));
    }

    [Fact]
    public void Where_every_checkpoint_is_damaged_nothing_is_written()
    {
        run.Run(dieAt: 2);
        Damage(Path.Combine(run.Folder, "epoch_0_step_1", "optim/weights.safetensors"), "truncated");
        string records = run.Records;
        Assert.Contains("holds no other checkpoint", Assert.Throws<InvalidDataException>(() => run.Run()).Message, StringComparison.Ordinal);
        Assert.Equal(records, run.Records);
    }

    [Fact]
    public void What_a_killed_run_left_half_made_is_no_checkpoint_and_goes()
    {
        run.Run(dieAt: 4);
        Directory.Move(Path.Combine(run.Folder, "epoch_0_step_3"), Path.Combine(run.Folder, "epoch_0_step_3.reserving-0123abcd"));
        File.WriteAllBytes(Path.Combine(run.Folder, "epoch_0_step_1", ".incomplete"), []);
        File.WriteAllBytes(Path.Combine(Directory.CreateDirectory(Path.Combine(run.Folder, "epoch_0_step_0")).FullName, ".incomplete"), []);
        TinyRun.Recorder resumed = run.Run(dieAt: 2);
        Assert.Equal(0, resumed.Steps[0].Step);
        Assert.Equal(["epoch_0_step_1"], Checkpoints());
    }

    [Fact]
    public void The_newest_and_the_best_stay()
    {
        TinyRun.Recorder done = run.Run(["--checkpoint.max_recent_checkpoints", "2"]);
        Assert.Equal(["epoch_0_step_1", "epoch_0_step_3", "epoch_0_step_5", "epoch_1_step_7", "epoch_1_step_9", "epoch_1_step_11"], done.Saves);
        string best = new DirectoryInfo(Path.Combine(run.Folder, "LOWEST_VAL")).LinkTarget!;
        Assert.Equal("epoch_1_step_11", new DirectoryInfo(Path.Combine(run.Folder, "LATEST")).LinkTarget);
        Assert.Equal(new[] { best, "epoch_1_step_9", "epoch_1_step_11" }.Distinct().Order(), Checkpoints());
    }

    [Fact]
    public void A_run_that_starts_anew_in_an_old_folder_keeps_what_it_saves_itself()
    {
        run.Run();
        string[] before = [.. Checkpoints()];
        Directory.Move(run.File("model"), run.File("other"));
        string[] other =
        [
            "--model.pretrained_model_name_or_path", run.File("other"), "--tokenizer.pretrained_model_name_or_path", run.File("other"),
            "--checkpoint.max_recent_checkpoints", "1", "--validation_dataset", "none",
        ];
        TinyRun.Recorder anew = run.Run(other, dieAt: 2);
        Assert.Equal(0, anew.Steps[0].Step);
        string earlier = Path.Combine(run.Folder, "earlier-1");
        Assert.Contains(
            $"was made with another model.pretrained_model_name_or_path; the run starts anew, and moves the checkpoints that are there to {earlier}",
            Assert.Single(anew.Warnings),
            StringComparison.Ordinal);
        Assert.Equal("epoch_0_step_1", new DirectoryInfo(Path.Combine(run.Folder, "LATEST")).LinkTarget);
        Assert.Equal(["epoch_0_step_1"], Checkpoints());
        Assert.Equal(before, Directory.GetDirectories(earlier).Select(Path.GetFileName).Order());
        Assert.All(before, name => Assert.True(RunFolder.IsComplete(Path.Combine(earlier, name))));
        Assert.Equal(2, run.Run(other, dieAt: 2).Steps[0].Step);
    }

    [Theory]
    [InlineData("latest", 12)]
    [InlineData("epoch_0_step_3", 4)]
    [InlineData("PATH", 6)]
    public void Restore_from_names_a_checkpoint(string from, int step)
    {
        run.Run();
        if (from == "PATH") from = Path.Combine(run.Folder, "epoch_0_step_5");
        TinyRun.Recorder resumed = run.Run(["--checkpoint.restore_from", from]);
        Assert.Equal(Enumerable.Range(step, 12 - step), resumed.Steps.Select(done => done.Step));
        Assert.Equal(Enumerable.Range(0, 12), Fields.Steps(Path.Combine(run.Folder, "training.jsonl")));
    }

    [Fact]
    public void A_checkpoint_that_is_asked_for_and_missing_or_unfinished_is_an_error()
    {
        run.Run(dieAt: 4);
        Assert.Contains(
            "name one of LATEST, epoch_0_step_3, epoch_0_step_1",
            Assert.Throws<FileNotFoundException>(() => run.Run(["--checkpoint.restore_from", "epoch_0_step_9"])).Message,
            StringComparison.Ordinal);
        File.WriteAllBytes(Path.Combine(run.Folder, "epoch_0_step_1", ".incomplete"), []);
        Assert.Contains(
            "was never finished",
            Assert.Throws<InvalidDataException>(() => run.Run(["--checkpoint.restore_from", "epoch_0_step_1"])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_of_another_rank_is_named_by_file_and_key()
    {
        run.Run((Lora + "4").Split(' '), dieAt: 2);
        string message = Assert.Throws<InvalidDataException>(() => run.Run((Lora + "8").Split(' '))).Message;
        Assert.Contains(Path.Combine("epoch_0_step_1", "optim/weights.safetensors"), message, StringComparison.Ordinal);
        Assert.Contains("'model.layers.0.self_attn.q_proj.lora_A.weight' is F32 [4, 32], expected F32 [8, 32]", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--seed", "8", "seed is 7, this run has 8")]
    [InlineData("--optimizer._target_", "torch.optim.Adam", "optimizer is AdamW, this run has Adam")]
    [InlineData("--step_scheduler.local_batch_size", "4", "batches_per_epoch is 11, this run has 6")]
    public void A_checkpoint_of_another_run_is_named_by_file_and_key(string key, string value, string expected)
    {
        run.Run(dieAt: 2);
        string message = Assert.Throws<InvalidDataException>(() => run.Run([key, value])).Message;
        Assert.Contains(Path.Combine("epoch_0_step_1", "state.json"), message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--seed 8", "seed is 7, this run has 8")]
    [InlineData("--optimizer._target_ torch.optim.Adam", "optimizer is AdamW, this run has Adam")]
    [InlineData("--step_scheduler.local_batch_size 4", "batches_per_epoch is 11, this run has 6")]
    [InlineData("--optimizer._target_ torch.optim.SGD --optimizer.momentum 0.9", "holds the moments of another optimizer; this run's start at zero")]
    public void A_checkpoint_of_another_run_is_used_with_a_warning_where_it_is_asked_for(string words, string expected)
    {
        run.Run(dieAt: 2);
        using TensorArchive saved = TensorArchive.Open(Path.Combine(run.Folder, "epoch_0_step_1", "optim", "weights.safetensors"));
        TinyRun.Recorder resumed = run.Run(
            [
                .. words.Split(' '), "--checkpoint.checkpoint_dir", run.File("other"), "--checkpoint.restore_from", Path.Combine(run.Folder, "epoch_0_step_1"),
                .. "--optimizer.lr 0 --optimizer.weight_decay 0 --lr_scheduler none".Split(' ')]);
        Assert.Contains(resumed.Warnings, warning => warning.Contains(expected, StringComparison.Ordinal));
        Assert.Equal(2, resumed.Steps[0].Step);
        foreach ((string name, float[] values) in resumed.Weights) Assert.Equal(saved[name].ToSingleArray(), values);
    }

    [Fact]
    public void A_checkpoint_that_was_to_be_replaced_is_back_where_the_new_one_cannot_be_finished()
    {
        using TemporaryFolder folder = new();
        using RunFolder runFolder = RunFolder.Open(folder.Path);
        CheckpointName name = new(0, 3);
        runFolder.Publish(name, staged => File.WriteAllText(Path.Combine(staged, "content"), "first"));
        foreach (string tracker in (string[])["LATEST", "LATEST.txt"])
        {
            File.Delete(folder.File(tracker));
            folder.Write(tracker + "/file", "a folder, so that the tracker can be neither a link nor a text");
        }

        Assert.ThrowsAny<IOException>(() => runFolder.Publish(name, staged => File.WriteAllText(Path.Combine(staged, "content"), "second")));
        Assert.Equal([name], runFolder.Complete());
        Assert.Equal("first", File.ReadAllText(Path.Combine(runFolder.PathOf(name), "content")));
        Assert.Equal(["epoch_0_step_3"], Directory.GetDirectories(folder.Path, "epoch_*").Select(Path.GetFileName));
    }

    [Fact]
    public void A_loss_that_is_no_number_names_step_questions_and_the_last_good_checkpoint()
    {
        run.Run(dieAt: 4);
        TrainingDivergedException diverged = Assert.Throws<TrainingDivergedException>(
            () => run.Run(["--optimizer.lr", "1e30", "--lr_scheduler", "none", "--validation_dataset", "none"]));
        Assert.Matches("^step [0-9]+: .*questions .*; the last good checkpoint is .*epoch_", diverged.Message);
        Assert.Contains(nameof(RetrievalTrainer<RetrievalBatch>), diverged.InnerException!.StackTrace, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_runs_do_not_share_a_folder()
    {
        using (RunFolder.Open(run.Folder))
            Assert.Contains("another process trains in this folder", Assert.Throws<IOException>(() => run.Run()).Message, StringComparison.Ordinal);
        run.Run(dieAt: 0);
    }

    private IEnumerable<string> Checkpoints() => Directory.GetDirectories(run.Folder, "epoch_*").Select(path => Path.GetFileName(path)).Order();

    [Fact]
    public void The_best_checkpoint_is_one_of_the_course_that_the_run_is_on()
    {
        CheckpointName? Best() => new Tracker(run.Folder, "LOWEST_VAL").Target;
        run.Run();
        Assert.True(Best()!.Value.Step > 3);
        run.Run(["--checkpoint.restore_from", "epoch_0_step_1", "--step_scheduler.max_steps", "4", "--lr_scheduler.override_opt_param_scheduler", "true"]);
        Assert.True(Best()!.Value.Step <= 3, $"{Best()} is of the course that was left");
        run.Run(["--step_scheduler.max_steps", "4", "--lr_scheduler.override_opt_param_scheduler", "true"]); // what was left stays left
        Assert.True(Best()!.Value.Step <= 3, $"{Best()} is of the course that was left");
    }

    private static void Damage(string file, string damage)
    {
        byte[] bytes = File.ReadAllBytes(file);
        if (damage == "missing") File.Delete(file);
        else if (damage == "null") File.WriteAllText(file, "null");
        else if (damage == "truncated") File.WriteAllBytes(file, bytes[..(bytes.Length / 2)]);
        else if (damage == "emptied") File.WriteAllBytes(file, []);
        else
        {
            bytes[^3] ^= 1;
            File.WriteAllBytes(file, bytes);
        }
    }
}
