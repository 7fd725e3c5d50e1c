using System.Text.Json;
using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training.Tests.Checkpoints;

/// <summary>
/// A recipe over a tiny model and 22 questions: 6 steps of two micro-batches an epoch (the last has one), 2 epochs, a checkpoint every 2 steps.
/// </summary>
internal sealed class TinyRun : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public TinyRun(string task = "BiEncoder")
    {
        ModelConfig config = TinyTask.Config with { VocabularySize = 2000, MaxPositions = 64, Layers = 2 };
        using BiEncoder model = new(
            new Decoder(config with { Family = ModelFamily.Llama }, new RandomParameters(config with { Family = ModelFamily.Llama }, 3)),
            new EncoderSettings());
        model.Save(folder.File("model"), new ExportOptions { Tokenizer = GoldenFile.Path("retrieval/common/llama") });
        string[] words = ["chess", "photo", "network", "editor", "music", "disk", "mail", "font", "parser", "shell", "game"];
        IEnumerable<string> lines = Enumerable.Range(0, 22).Select(i => JsonSerializer.Serialize(new
        {
            question = $"{words[i % 11]} number {i}",
            pos_doc = $"a {words[i % 11]} for {words[(i * 3) % 11]}",
            neg_doc = new[] { $"a {words[(i + 5) % 11]}", $"some {words[(i + 2) % 11]}" },
        }));
        folder.Write("train.jsonl", string.Join('\n', lines));
        Recipe = folder.Write("run.yaml", $$"""
            recipe: Train{{task}}Recipe
            seed: 7
            {{(task == "BiEncoder" ? "temperature: 0.05" : "temperature: 1.0")}}
            step_scheduler: {global_batch_size: 4, local_batch_size: 2, num_epochs: 2, ckpt_every_steps: 2, save_checkpoint_every_epoch: true}
            model: {pretrained_model_name_or_path: '{{folder.File("model")}}', torch_dtype: float32{{(task == "BiEncoder" ? "" : ", num_labels: 1")}}}
            tokenizer: {pretrained_model_name_or_path: '{{folder.File("model")}}'}
            dataset: {_target_: nemo_automodel.components.datasets.llm.retrieval_dataset.RetrievalDatasetConfig,
              data_dir_list: ['{{folder.File("train.jsonl")}}'], n_passages: 3}
            validation_dataset: {_target_: nemo_automodel.components.datasets.llm.retrieval_dataset.RetrievalDatasetConfig,
              data_dir_list: ['{{folder.File("train.jsonl")}}'], data_type: eval, n_passages: 3, eval_negative_size: 2}
            dataloader: {collate_fn: {_target_: nemo_automodel.components.datasets.llm.{{task}}Collator,
              {{(task == "BiEncoder" ? "q_max_len: 16, p_max_len: 16, query_prefix: 'query:', passage_prefix: 'passage:'" : "rerank_max_length: 32")}}},
              shuffle: true}
            optimizer: {_target_: torch.optim.AdamW, lr: 0.003, weight_decay: 0.01}
            lr_scheduler: {lr_warmup_steps: 2, lr_decay_style: cosine}
            checkpoint: {checkpoint_dir: '{{folder.File("run")}}', save_consolidated: false}
            """);
    }

    public string Recipe { get; }

    public string Folder => folder.File("run");

    public string File(string name) => folder.File(name);

    /// <summary>The run's records by step.</summary>
    public string Records => System.IO.File.ReadAllText(Path.Combine(Folder, "training.jsonl"));

    /// <summary>Runs to the end, or until a step at which the process is gone.</summary>
    /// <param name="overrides">Overrides of the recipe.</param>
    /// <param name="dieAt">The step after whose record, and before whose checkpoint, nothing more happens.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="locate">Finds models; null: as runs do by default.</param>
    public Recorder Run(IEnumerable<string>? overrides = null, int? dieAt = null, int threads = 2, Func<string, CancellationToken, string>? locate = null)
    {
        ResolvedRecipe<RetrievalRecipe> resolved = RecipeFile.ReadTraining(Recipe, [.. overrides ?? []]);
        Recorder recorder = new(dieAt);
        RecipeRunner runner = new(new ComputeOptions { Threads = threads }, recorder)
        {
            Origin = new RunOrigin(resolved.Configuration, []),
            Locate = locate ?? Formats.HubModel.Resolve,
        };
        try
        {
            recorder.Outcome = runner.Run(resolved.Recipe);
        }
        catch (Death)
        {
            return recorder;
        }

        return recorder;
    }

    public void Dispose() => folder.Dispose();

    internal sealed class Death : Exception;

    /// <summary>What a run did.</summary>
    internal sealed class Recorder(int? dieAt) : TrainingObserver
    {
        public List<TrainingRecord> Steps { get; } = [];

        public TrainingPlan? Plan { get; private set; }

        public List<string> Warnings { get; } = [];

        public List<string> Saves { get; } = [];

        /// <summary>What the run returned; null where it died.</summary>
        public RunOutcome? Outcome { get; set; }

        /// <summary>What trained, at the end.</summary>
        public Dictionary<string, float[]> Weights { get; } = [];

        public override void Started(TrainingPlan plan) => Plan = plan;

        public override void Stepped(TrainingRecord record)
        {
            Steps.Add(record);
            if (record.Step == dieAt) throw new Death();
        }

        public override void Saved(string checkpoint) => Saves.Add(Path.GetFileName(checkpoint));

        public override void Warned(string message) => Warnings.Add(message);

        public override void Finished(EncoderModel model, IReadOnlyList<Parameter> trained)
        {
            foreach (Parameter parameter in trained)
            {
                Weights[parameter.Name] = new float[parameter.Count];
                parameter.CopyTo(Weights[parameter.Name]);
            }
        }
    }
}
