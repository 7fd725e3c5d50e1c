using System.Text.Json;

namespace Sirocco.EndToEnd;

public sealed class TrainTests : IDisposable
{
    private const string Recipe = """
        recipe: TrainBiEncoderRecipe
        model: {pretrained_model_name_or_path: nowhere/model, use_liger_kernel: true}
        dataset: {data_dir_list: hf://nowhere/data, n_passages: 2}
        dataloader: {collate_fn: {q_max_len: 16, p_max_len: 32}}
        optimizer: {_target_: torch.optim.AdamW, lr: 1e-4}
        """;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void An_explanation_shows_each_value_with_its_origin_and_the_arithmetic_of_batches()
    {
        string recipe = folder.Write("r.yaml", Recipe);
        Outcome outcome = SiroccoProcess.Run(
            "train", "--config", recipe, "--explain", "--json", "--step_scheduler.global_batch_size", "8", "step_scheduler.local_batch_size=4",
            "--step_scheduler.max_steps=3")
            .ExpectSuccess();
        JsonElement explained = JsonDocument.Parse(outcome.Output).RootElement;
        JsonElement[] values = [.. explained.GetProperty("values").EnumerateArray()];
        string Origin(string key) => values.Single(value => value.GetProperty("key").GetString() == key).GetProperty("origin").GetString()!;
        Assert.Equal("--step_scheduler.global_batch_size=8", Origin("step_scheduler.global_batch_size"));
        Assert.Equal($"{recipe}:5", Origin("optimizer.lr"));
        Assert.Equal("default", Origin("temperature"));
        JsonElement run = explained.GetProperty("run");
        Assert.Equal(
            (2, 3, 8 * (16 + 64)),
            (run.GetProperty("micro_batches_per_step").GetInt32(), run.GetProperty("steps").GetInt32(), run.GetProperty("most_tokens_per_step").GetInt32()));
        Assert.Equal(["model.use_liger_kernel"], explained.GetProperty("ignored").EnumerateArray().Select(key => key.GetString()));
        Assert.Contains("without effect here: model.use_liger_kernel", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void So_many_processes_are_so_many_ranks_of_the_recipe()
    {
        string recipe = folder.Write("r.yaml", Recipe);
        string[] sizes = ["--step_scheduler.global_batch_size", "16", "--step_scheduler.local_batch_size", "4", "--step_scheduler.max_steps", "3"];
        JsonElement explained = JsonDocument.Parse(
            SiroccoProcess.Run(["train", recipe, "--nproc-per-node", "2", "--explain", "--json", .. sizes]).ExpectSuccess().Output).RootElement;
        Assert.Equal(2, explained.GetProperty("run").GetProperty("micro_batches_per_step").GetInt32());
        Assert.Contains(
            explained.GetProperty("values").EnumerateArray(),
            value => value.GetProperty("key").GetString() == "distributed.dp_size" && value.GetProperty("value").GetString() == "2");
        foreach ((string processes, string size) in (ReadOnlySpan<(string, string)>)[("2", "4"), ("1", "2")])
        {
            Assert.Contains(
                $"--nproc-per-node is {processes}",
                SiroccoProcess.Run(["train", recipe, "--nproc-per-node", processes, "--distributed.dp_size", size, .. sizes]).ExpectWrongUsage(),
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_explanation_misses_initial_weights_as_a_run_does()
    {
        string recipe = folder.Write("r.yaml", Recipe.Replace("use_liger_kernel: true", "l2_normalize: true", StringComparison.Ordinal)),
            absent = folder.File("absent.safetensors");
        Assert.Contains(
            $"{absent}: no such file", SiroccoProcess.Run("train", recipe, "--explain", "--initial-weights", absent).ExpectFailure(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--temperature", "0.02")]
    [InlineData("--temperature=0.02")]
    [InlineData("temperature=0.02")]
    public void A_key_without_a_dot_is_an_override_too(params string[] words)
    {
        JsonElement explained = JsonDocument.Parse(
            SiroccoProcess.Run(["train", folder.Write("r.yaml", Recipe), "--explain", "--json", .. words]).ExpectSuccess().Output).RootElement;
        Assert.Contains(
            explained.GetProperty("values").EnumerateArray(),
            value => value.GetProperty("key").GetString() == "temperature" && value.GetProperty("value").GetString() == "0.02");
    }

    [Fact]
    public void A_misspelt_override_is_refused_with_the_nearest_key() =>
        Assert.Contains(
            "did you mean n_passages?",
            SiroccoProcess.Run("train", folder.Write("r.yaml", Recipe), "--explain", "--dataset.npassages", "3").ExpectFailure(),
            StringComparison.Ordinal);
}
