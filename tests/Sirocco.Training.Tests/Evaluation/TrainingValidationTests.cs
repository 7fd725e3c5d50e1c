using System.Text.Json;
using Sirocco.Training.Tests.Checkpoints;

namespace Sirocco.Training.Tests.Evaluation;

public class TrainingValidationTests
{
    [Fact]
    public void A_run_searches_a_corpus_at_every_validation_and_may_stop_by_what_it_finds()
    {
        using TinyRun run = new();
        (string corpus, string queries) = Write(run);
        run.Run(
            [
                "--evaluation.corpus", corpus, "--evaluation.queries", queries, "--evaluation.metrics", "['mrr@5','recall@5']",
                "--step_scheduler.val_every_steps", "3"]);
        JsonElement[] lines = Validations(run);
        Assert.NotEmpty(lines);
        foreach (JsonElement line in lines)
        {
            Assert.True(line.TryGetProperty("val_loss", out _));
            Assert.InRange(line.GetProperty("mrr@5").GetDouble(), 0, line.GetProperty("recall@5").GetDouble());
        }
    }

    [Fact]
    public void A_search_changes_nothing_in_training()
    {
        using TinyRun plain = new(), searched = new();
        (string corpus, string queries) = Write(searched);
        TinyRun.Recorder expected = plain.Run(), actual = searched.Run(["--evaluation.corpus", corpus, "--evaluation.queries", queries]);
        Assert.Equal(expected.Steps.Select(step => step.Loss), actual.Steps.Select(step => step.Loss));
        foreach ((string name, float[] values) in expected.Weights) Assert.Equal(values, actual.Weights[name]);
    }

    [Fact]
    public void A_validation_set_without_a_batch_is_refused_before_training()
    {
        using TinyRun run = new();
        ArgumentException refused = Assert.Throws<ArgumentException>(
            () => run.Run(["--validation_dataloader.drop_last", "true", "--validation_dataloader.batch_size", "64"]));
        Assert.Contains("validation_dataset: 22 rows make no batch", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dataset: there is no row: the sources hold none, or num_samples", "--dataset.max_train_samples", "0")]
    [InlineData("dataset: there is no row", "--dataset.max_train_samples", "4", "--dataset.train_data_select_offset", "22")]
    [InlineData("dataset: 22 rows make no batch for each of 1 ranks", "--dataloader.drop_last", "true", "--dataloader.batch_size", "64")]
    [InlineData(
        "dataset: 1 rows make no batch for each of 2 ranks", "--dataset.max_train_samples", "1", "--distributed.dp_size", "2")]
    public void A_training_set_without_a_batch_is_refused_with_its_rows_and_a_remedy(string message, params string[] overrides)
    {
        using TinyRun run = new();
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => run.Run(overrides)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Scores_that_are_no_numbers_end_a_run_before_it_saves_them_as_its_best()
    {
        using TinyRun run = new();
        TrainingDivergedException diverged = Assert.Throws<TrainingDivergedException>(() => run.Run(["--optimizer.lr", "1e30", "--lr_scheduler", "none"]));
        Assert.False(Directory.Exists(Path.Combine(run.Folder, "LOWEST_VAL")), diverged.Message);
    }

    [Fact]
    public void A_reranker_has_no_vectors_to_search_with()
    {
        using TinyRun run = new("CrossEncoder");
        (string corpus, string queries) = Write(run);
        Exception refused = Assert.ThrowsAny<Exception>(() => run.Run(["--evaluation.corpus", corpus, "--evaluation.queries", queries]));
        Assert.Contains("evaluation", refused.Message, StringComparison.Ordinal);
    }

    private static (string Corpus, string Queries) Write(TinyRun run)
    {
        string corpus = run.File("corpus.jsonl"), queries = run.File("queries.jsonl");
        File.WriteAllLines(corpus, Enumerable.Range(0, 30).Select(i => JsonSerializer.Serialize(new { id = $"d{i}", text = $"a program for number {i}" })));
        File.WriteAllLines(queries, Enumerable.Range(0, 6).Select(i => JsonSerializer.Serialize(new { query = $"number {i}", positive = $"d{i}" })));
        return (corpus, queries);
    }

    private static JsonElement[] Validations(TinyRun run) =>
        [.. File.ReadLines(Path.Combine(run.Folder, "validation.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];
}
