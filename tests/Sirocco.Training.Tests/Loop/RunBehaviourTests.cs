using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Training.Tests.Checkpoints;

namespace Sirocco.Training.Tests.Loop;

/// <summary>What a run does beside its arithmetic: what it freezes, refuses, says, and leaves when it is asked to end.</summary>
public sealed class RunBehaviourTests : IDisposable
{
    private const string Exported = "LATEST/model/consolidated";

    private readonly TinyRun run = new();

    public void Dispose() => run.Dispose();

    [Fact]
    public void Frozen_modules_stay_as_they_are_while_the_others_train()
    {
        string[] words = ["--freeze", "['embed_tokens', 'layers.0', 'layers.*.mlp.up_proj']", "--checkpoint.save_consolidated", "final"];
        TinyRun.Recorder recorder = run.Run(words);
        bool IsFrozen(string name) => name.Contains("embed_tokens", StringComparison.Ordinal) || name.Contains("layers.0.", StringComparison.Ordinal)
            || name.Contains("up_proj", StringComparison.Ordinal);
        using TensorArchive before = SafetensorsFile.Open(Path.Combine(run.File("model"), "model.safetensors"));
        using TensorArchive after = TensorArchive.Open(Path.Combine(run.Folder, Exported));
        string[] all = [.. after.Tensors.Select(tensor => tensor.Name)];
        Assert.Equal(all.Where(name => !IsFrozen(name)).Order(), recorder.Weights.Keys.Order());
        foreach (string name in all) Assert.Equal(IsFrozen(name), before.Values(name).SequenceEqual(after.Values(name)));
        Assert.True(recorder.Plan!.Trained < recorder.Plan.Parameters);

        string unknown = Assert.Throws<ArgumentException>(() => run.Run(["--freeze", "['layers.9']"])).Message;
        Assert.StartsWith("freeze: 'layers.9' names no module", unknown, StringComparison.Ordinal);
        string nothing = Assert.Throws<ArgumentException>(() => run.Run(["--freeze", "['*']"])).Message;
        Assert.Contains("leave no weight", nothing, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_takes_one_run_at_a_time_also_without_checkpoints()
    {
        using RunFolder held = RunFolder.Open(run.Folder);
        string message = Assert.Throws<IOException>(() => run.Run(["--checkpoint.enabled", "false"])).Message;
        Assert.Contains("another process trains in this folder", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_query_without_a_single_negative_is_warned_of()
    {
        const string Said = "n_passages is 1";
        string[] one = ["--dataset.n_passages", "1", "--step_scheduler.max_steps", "3"];
        Assert.Contains(run.Run(one).Warnings, warning => warning.Contains(Said, StringComparison.Ordinal));
        TinyRun.Recorder others = run.Run([.. one, "--model.do_distributed_inbatch_negative", "true", "--checkpoint.checkpoint_dir", run.File("in-batch")]);
        Assert.DoesNotContain(others.Warnings, warning => warning.Contains(Said, StringComparison.Ordinal));
    }

    [Fact]
    public void A_run_that_is_asked_to_end_while_it_validates_is_saved_at_once_and_goes_on_as_if_it_had_not_been()
    {
        TinyRun.Recorder straight = run.Run(["--checkpoint.checkpoint_dir", run.File("straight")]);
        ResolvedRecipe<RetrievalRecipe> resolved = RecipeFile.ReadTraining(run.Recipe);
        using CancellationTokenSource stop = new();
        AsksAtValidation asks = new(stop);
        RunOutcome outcome = new RecipeRunner(new ComputeOptions { Threads = 2 }, asks)
        {
            Origin = new RunOrigin(resolved.Configuration, []),
            StopAfterStep = stop.Token,
        }.Run(resolved.Recipe);
        Assert.Equal(RunStatus.Cancelled, outcome.Status);
        Assert.Equal(0, asks.Done);
        Assert.EndsWith("epoch_0_step_1", outcome.Checkpoint, StringComparison.Ordinal);
        TinyRun.Recorder resumed = run.Run();
        Assert.Equal((2, 12), (resumed.Plan!.FirstStep, resumed.Plan.Steps));
        foreach ((string name, float[] values) in straight.Weights) Assert.Equal(values, resumed.Weights[name]);
    }

    /// <summary>Asks for the end as soon as a validation has begun.</summary>
    private sealed class AsksAtValidation(CancellationTokenSource stop) : TrainingObserver
    {
        /// <summary>Validations that came to their end.</summary>
        public int Done { get; private set; }

        public override void Validating(int done, int total) => stop.Cancel();

        public override void Validated(ValidationRecord record) => Done++;
    }
}
