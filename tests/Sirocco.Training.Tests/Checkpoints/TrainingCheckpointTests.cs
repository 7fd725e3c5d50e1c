using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training.Tests.Checkpoints;

public sealed class TrainingCheckpointTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("sirocco-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_resumed_run_equals_an_uninterrupted_one_bit_for_bit()
    {
        // 20 steps of 24 are more than one epoch of 360 examples, so the order of the second one is resumed too.
        (ContrastiveTrainer straight, IDisposable a) = Start();
        straight.Run();
        (ContrastiveTrainer first, IDisposable b) = Start();
        for (int i = 0; i < 17; i++) first.Step();
        new TrainingCheckpoint(folder).Save(first);
        (ContrastiveTrainer resumed, IDisposable c) = Start();
        Assert.True(new TrainingCheckpoint(folder).Resume(resumed));
        Assert.Equal(first.State, resumed.State);
        resumed.Run();
        Assert.Equal(TinyTask.Weights(straight), TinyTask.Weights(resumed));
        Assert.Equal((straight.State.Step, straight.State.Epoch, straight.State.Position, straight.State.Tokens), (resumed.State.Step, resumed.State.Epoch, resumed.State.Position, resumed.State.Tokens));
        foreach (IDisposable used in (IDisposable[])[a, b, c]) used.Dispose();
    }

    [Fact]
    public void What_a_killed_run_left_half_written_is_not_resumed_from()
    {
        (ContrastiveTrainer trainer, IDisposable used) = Start();
        trainer.Step();
        TrainingCheckpoint checkpoint = new(folder);
        checkpoint.Save(trainer);

        // As a kill leaves it: weights of a later step under a temporary name, and a complete folder that LATEST does not name yet.
        Directory.CreateDirectory(Path.Combine(folder, ".step_2.tmp"));
        File.WriteAllText(Path.Combine(folder, ".step_2.tmp", "weights.safetensors"), "half");
        Directory.CreateDirectory(Path.Combine(folder, "step_3"));
        (ContrastiveTrainer resumed, IDisposable again) = Start();
        Assert.True(checkpoint.Resume(resumed));
        Assert.Equal(1, resumed.State.Step);
        used.Dispose();
        again.Dispose();
    }

    [Fact]
    public void Only_the_newest_checkpoints_are_kept()
    {
        (ContrastiveTrainer trainer, IDisposable used) = Start();
        TrainingCheckpoint checkpoint = new(folder, keep: 2);
        for (int i = 0; i < 3; i++)
        {
            trainer.Step();
            checkpoint.Save(trainer);
        }

        Assert.Equal(["step_2", "step_3"], Directory.GetDirectories(folder).Select(Path.GetFileName).Order());
        Assert.Equal(Path.Combine(folder, "step_3"), checkpoint.Latest);
        used.Dispose();
    }

    [Fact]
    public void A_checkpoint_of_another_seed_or_model_is_refused()
    {
        (ContrastiveTrainer trainer, IDisposable used) = Start();
        trainer.Step();
        TrainingCheckpoint checkpoint = new(folder);
        checkpoint.Save(trainer);
        using ComputeContext context = new(new ComputeOptions { Threads = 1 });
        using BiEncoder model = TinyTask.Model();
        ContrastiveTrainer other = new(context, model, TinyTask.Data(), TinyTask.Options(20) with { Seed = 5 });
        Assert.Contains("seed 42", Assert.Throws<InvalidDataException>(() => checkpoint.Resume(other)).Message, StringComparison.Ordinal);

        ModelConfig wider = TinyTask.Config with { IntermediateSize = 64 };
        using BiEncoder large = new(new Decoder(wider, new RandomParameters(wider, 1)), new EncoderSettings());
        ContrastiveTrainer different = new(context, large, TinyTask.Data(), TinyTask.Options(20));
        Assert.Contains("belongs to another model", Assert.Throws<InvalidDataException>(() => checkpoint.Resume(different)).Message, StringComparison.Ordinal);
        used.Dispose();
    }

    [Fact]
    public void A_damaged_tracker_or_state_is_named()
    {
        (ContrastiveTrainer trainer, IDisposable used) = Start();
        TrainingCheckpoint checkpoint = new(folder);
        Assert.False(checkpoint.Resume(trainer));
        trainer.Step();
        checkpoint.Save(trainer);
        File.WriteAllText(Path.Combine(folder, "step_1", "state.json"), "{");
        Assert.Contains("state.json: is not a training state", Assert.Throws<InvalidDataException>(() => checkpoint.Resume(trainer)).Message, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(folder, "LATEST"), "../elsewhere");
        Assert.Contains("LATEST: names no checkpoint", Assert.Throws<InvalidDataException>(() => checkpoint.Resume(trainer)).Message, StringComparison.Ordinal);
        used.Dispose();
    }

    private static (ContrastiveTrainer Trainer, IDisposable Used) Start()
    {
        Resources used = new();
        return (new ContrastiveTrainer(used.Context, used.Model, TinyTask.Data(), TinyTask.Options(20)), used);
    }

    private sealed class Resources : IDisposable
    {
        public ComputeContext Context { get; } = new(new ComputeOptions { Threads = 2 });

        public BiEncoder Model { get; } = TinyTask.Model();

        public void Dispose()
        {
            Model.Dispose();
            Context.Dispose();
        }
    }
}
