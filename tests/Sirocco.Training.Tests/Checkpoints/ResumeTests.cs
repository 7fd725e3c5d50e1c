namespace Sirocco.Training.Tests.Checkpoints;

public sealed class ResumeTests
{
    private const string Lora = "--peft._target_ nemo_automodel.components._peft.lora.PeftConfig --peft.target_modules *_proj --peft.dim 4 --peft.dropout 0.1";

    [Theory]
    [InlineData("BiEncoder", "", 7)]
    [InlineData("BiEncoder", "--precision bf16", 4)]
    [InlineData("BiEncoder", "--optimizer._target_ torch.optim.SGD --optimizer.momentum 0.9", 6)]
    [InlineData("BiEncoder", Lora, 8)]
    [InlineData("BiEncoder", Lora + " --peft.use_dora true --peft.dropout_position pre --precision bf16", 3)]
    [InlineData("CrossEncoder", "", 5)]
    public void A_resumed_run_equals_an_uninterrupted_one_bit_for_bit(string task, string overrides, int diesAt)
    {
        using TinyRun run = new(task);
        string[] words = overrides.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        TinyRun.Recorder straight = run.Run([.. words, "--checkpoint.checkpoint_dir", run.File("straight")]);
        run.Run(words, dieAt: diesAt);
        TinyRun.Recorder resumed = run.Run(words);

        Assert.True(resumed.Steps[0].Step is var first && first > 0 && first <= diesAt);
        Assert.Empty(resumed.Warnings);
        Assert.Equal(
            straight.Steps.Skip(first).Select(step => (step.Step, step.Epoch, step.Loss, step.GradientNorm, step.LearningRate)),
            resumed.Steps.Select(step => (step.Step, step.Epoch, step.Loss, step.GradientNorm, step.LearningRate)));
        foreach ((string name, float[] values) in straight.Weights) Assert.Equal(values, resumed.Weights[name]);
        Assert.Equal(Enumerable.Range(0, 12), Fields.Steps(Path.Combine(run.Folder, "training.jsonl")));
        foreach (string file in (string[])["optim/weights.safetensors", "optim/moments.safetensors"])
            Assert.Equal(File.ReadAllBytes(Path.Combine(run.File("straight"), "LATEST", file)), File.ReadAllBytes(Path.Combine(run.Folder, "LATEST", file)));
    }

    [Theory]
    [InlineData("", 4)]
    [InlineData("--lr_scheduler.override_opt_param_scheduler true", 12)]
    public void A_longer_run_keeps_the_course_that_it_was_on_unless_it_is_overridden(string further, int decaySteps)
    {
        using TinyRun run = new();
        run.Run(["--step_scheduler.max_steps", "4"]);
        string[] words = further.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        TinyRun.Recorder longer = run.Run(words);
        ParameterSchedule course = ParameterSchedule.Resolve(new ParameterScheduleOptions { WarmupSteps = 2, DecaySteps = decaySteps }, 0.003, 0.01, 12);
        Assert.Equal(Enumerable.Range(4, 8).Select(course.LearningRate), longer.Steps.Select(step => step.LearningRate));
        if (words.Length > 0) Assert.Empty(longer.Warnings);
        else Assert.Contains("its learning-rate course goes on", Assert.Single(longer.Warnings), StringComparison.Ordinal);
        using TinyRun strict = new();
        strict.Run(["--step_scheduler.max_steps", "4"]);
        string message = Assert.Throws<InvalidDataException>(() => strict.Run(["--lr_scheduler.use_checkpoint_opt_param_scheduler", "false"])).Message;
        Assert.Contains("state.json: course is not the recipe's lr_scheduler", message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_recorded_interrupted_run_is_followed()
    {
        string goldens = GoldenFile.Retrieval;
        using TemporaryFolder folder = new();
        foreach (string recipe in (string[])["straight", "first", "second"])
        {
            string file = folder.Write(
                recipe + ".yaml",
                File.ReadAllText(Path.Combine(goldens, "resume", recipe + ".yaml"))
                    .Replace("common/", Path.Combine(goldens, "common") + "/", StringComparison.Ordinal));
            ResolvedRecipe<RetrievalRecipe> resolved = RecipeFile.ReadTraining(
                file, ["--checkpoint.checkpoint_dir", folder.File(recipe == "straight" ? "straight" : "split")]);
            new RecipeRunner(new Compute.ComputeOptions { Threads = 2 }) { Origin = new RunOrigin(resolved.Configuration, []) }.Run(resolved.Recipe);
        }

        System.Text.Json.JsonElement recorded = System.Text.Json.JsonDocument.Parse(
            File.ReadAllBytes(Path.Combine(goldens, "resume", "resume.json"))).RootElement;
        foreach (string name in (string[])["straight", "split"])
        {
            string[] lines = File.ReadAllLines(Path.Combine(folder.File(name), "training.jsonl"));
            Assert.Equal(recorded.GetProperty(name).GetArrayLength(), lines.Length);
            for (int i = 0; i < lines.Length; i++)
            {
                foreach (string key in (string[])["loss", "loss_avg_window"])
                    Assert.Equal(recorded.GetProperty(name)[i].GetProperty(key).GetDouble(), Fields.Number(lines[i], key), 2e-5);
            }
        }
    }
}
