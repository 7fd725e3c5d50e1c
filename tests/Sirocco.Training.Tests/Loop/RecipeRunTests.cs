using System.Text.Json;
using Sirocco.Training.Tests.Checkpoints;

namespace Sirocco.Training.Tests.Loop;

/// <summary>Effects of single keys on a whole small run.</summary>
public sealed class RecipeRunTests
{
    [Fact]
    public void A_run_that_starts_at_a_later_number_counts_on_from_there_and_is_the_same_otherwise()
    {
        using TinyRun run = new();
        string[] later = ["--step_scheduler.start_step", "3"];
        TinyRun.Recorder straight = run.Run(["--checkpoint.checkpoint_dir", run.File("straight"), "--validation_dataset", "none"]),
            shifted = run.Run([.. later, "--checkpoint.checkpoint_dir", run.File("later"), "--validation_dataset", "none"]);
        Assert.Equal(Enumerable.Range(3, 9), shifted.Steps.Select(step => step.Step));
        Assert.Equal(straight.Steps.Take(9).Select(What), shifted.Steps.Select(What));
        Assert.Equal(["epoch_0_step_3", "epoch_0_step_5", "epoch_0_step_7", "epoch_0_step_8", "epoch_1_step_9", "epoch_1_step_11"], shifted.Saves);

        run.Run([.. later, "--validation_dataset", "none"], dieAt: 6);
        TinyRun.Recorder resumed = run.Run([.. later, "--validation_dataset", "none"]);
        Assert.Equal(6, resumed.Steps[0].Step);
        Assert.Equal(shifted.Steps.Skip(3).Select(What), resumed.Steps.Select(What));

        static (int, float, float, double) What(TrainingRecord step) => (step.Epoch, step.Loss, step.GradientNorm, step.LearningRate);
    }

    [Theory]
    [InlineData("0.01", 0)] // norms have a ratio of 0 to the optimizer's weight decay
    [InlineData("0.0", 0.5)] // to none there is no ratio
    public void A_schedule_of_weight_decay_spares_norms_unless_the_optimizer_has_none(string decay, double expected)
    {
        const double Rate = 0.01;
        using TinyRun run = new();
        TinyRun.Recorder Step(string scheduled) => run.Run(
        [
            "--step_scheduler.max_steps", "1", "--optimizer.lr", "0.01", "--optimizer.weight_decay", decay, "--lr_scheduler",
            $"{{'lr_decay_style': 'constant', 'start_wd': {scheduled}, 'end_wd': {scheduled}}}",
            "--checkpoint.enabled", "false", "--validation_dataset", "none",
        ]);
        TinyRun.Recorder without = Step("0.0"), with = Step("0.5");
        string norm = with.Weights.Keys.First(name => name.EndsWith("input_layernorm.weight", StringComparison.Ordinal));
        for (int i = 0; i < with.Weights[norm].Length; i++)
            Assert.Equal(expected * Rate, without.Weights[norm][i] - with.Weights[norm][i], 1e-6); // weights of new norms are 1
    }

    [Fact]
    public void A_resumed_run_keeps_the_final_decay_that_it_was_on()
    {
        using TinyRun run = new();
        string[] falling = ["--lr_scheduler", "{'lr_warmup_steps': 2, 'lr_decay_style': 'WSD', 'wsd_decay_steps': 6, 'lr_wsd_decay_style': 'linear'}"];
        TinyRun.Recorder straight = run.Run([.. falling, "--checkpoint.checkpoint_dir", run.File("straight")]);
        run.Run(falling, dieAt: 4);
        Assert.Equal(straight.Steps.Skip(4).Select(step => step.LearningRate), run.Run().Steps.Select(step => step.LearningRate));
    }

    [Fact]
    public void A_vector_for_each_token_is_exported_under_its_name_and_read_from_there()
    {
        using TinyRun run = new();
        string[] once = ["--step_scheduler.max_steps", "1", "--lr_scheduler", "none", "--checkpoint.save_consolidated", "true", "--checkpoint.checkpoint_dir"];
        TinyRun.Recorder named = run.Run([.. once, run.File("named"), "--model.pooling", "multi_vector", "--optimizer.lr", "0"]);
        string export = Path.Combine(run.File("named"), "LATEST", "model", "consolidated");
        TinyRun.Recorder read = run.Run([.. once, run.File("read"), "--model.pretrained_model_name_or_path", export]);
        Assert.Equal(named.Steps[0].Loss, read.Steps[0].Loss);
        using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(run.File("read"), "LATEST", "model", "consolidated", "config.json")));
        Assert.Equal("multi_vector", config.RootElement.GetProperty("pooling").GetString());
    }

    [Fact]
    public void Pairs_that_would_be_cut_at_their_start_are_refused_before_the_model_is_read()
    {
        using TinyRun run = new("CrossEncoder");
        foreach (string weights in Directory.GetFiles(run.File("model"), "*.safetensors")) File.WriteAllText(weights, "not weights");
        string message = Assert.Throws<InvalidDataException>(() => run.Run(["--tokenizer.truncation_side", "left"])).Message;
        Assert.Contains("tokenizer.truncation_side is left; give right", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_temperature_that_was_to_be_learned_stays_and_both_sections_say_so()
    {
        DistillationLosses losses = new()
        {
            InfoNceDistillationWeight = 1,
            InfoNceDistillation = new InfoNceDistillationLossOptions { LearnsTemperature = true },
        };
        Assert.Contains(losses.Contrasts, term => term is { Section: "infonce_distill_loss", Loss.LearnsTemperature: true, Weight: 1 });
    }
}
