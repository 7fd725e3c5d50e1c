using System.Text.Json;
using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Training.Tests.Loop;

/// <summary>Recorded runs of NeMo AutoModel's recipes, followed step by step within the tolerances of the recordings.</summary>
public sealed class RecipeParityTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Cases =>
    [
        "bi-extract-submodel", "bi-llama-cls", "bi-llama-colbert", "bi-llama-inline", "bi-llama-instruction", "bi-llama-last", "bi-llama-weighted_avg",
        "bi-ministral3-corpus", "bi-ministral3-dora", "bi-ministral3-inbatch", "bi-ministral3-inline", "bi-ministral3-last", "bi-ministral3-lora",
        "cross-llama", "cross-llama-temperature", "cross-ministral3", "distill",
    ];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_recipe_follows_the_recorded_run(string name)
    {
        string goldens = GoldenFile.Retrieval;
        JsonElement steps = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(goldens, name, "steps.json"))).RootElement;
        Recorder recorder = new();
        RetrievalRecipe recipe = Recipe(goldens, name);
        new RecipeRunner(new ComputeOptions { Threads = 2 }, recorder).Run(recipe);

        JsonElement expected = steps.GetProperty("steps");
        Assert.Equal(expected.GetArrayLength(), recorder.Steps.Count);
        for (int i = 0; i < recorder.Steps.Count; i++)
        {
            TrainingRecord step = recorder.Steps[i];
            Close(expected[i], "loss", step.Loss, LossTolerance("loss"), relative: false, i);
            Close(expected[i], "grad_norm", step.GradientNorm, 1e-4, relative: true, i);
            Close(expected[i], "lr", step.LearningRate, 1e-12, relative: true, i);
            Close(expected[i], "loss_avg_window", step.LossWindow, 2e-5, relative: false, i);
            foreach ((string measure, double value) in step.Measures) Close(expected[i], measure, value, LossTolerance(measure), relative: false, i);

            // The terms of a distillation may differ by an absolute and a relative part, and by more at later steps.
            double LossTolerance(string measure) => (name, measure) switch
            {
                ("distill", _) => i > 2 ? 1e-4 : 2e-5 * (1 + Math.Abs(expected[i].GetProperty(measure).GetDouble())),
                (_, "loss") => 2e-5,
                _ => 1e-6,
            };
        }

        foreach (JsonProperty tensor in JsonDocument.Parse(File.ReadAllBytes(Path.Combine(goldens, name, "final-digest.json"))).RootElement.EnumerateObject())
        {
            string parameter = recorder.Weights.Keys.First(key => Inner(key) == Inner(tensor.Name));
            float[] weights = recorder.Weights[parameter];
            double[] first = tensor.Value.GetProperty("first").Doubles(), every = tensor.Value.GetProperty("every").GetProperty("values").Doubles();
            int stride = tensor.Value.GetProperty("every").GetProperty("stride").GetInt32();
            double worst = Enumerable.Range(0, first.Length).Max(i => Math.Abs(weights[i] - first[i]));
            worst = Math.Max(worst, Enumerable.Range(0, every.Length).Max(i => Math.Abs(weights[i * stride] - every[i])));
            Assert.True(worst <= 5e-5, $"{tensor.Name} ends {worst:E1} from the recorded weights");
        }

        JsonElement validations = steps.GetProperty("validation");
        Assert.Equal(validations.GetArrayLength(), recorder.Validations.Count);
        for (int i = 0; i < recorder.Validations.Count; i++)
        {
            Close(validations[i], "val_loss", recorder.Validations[i]["val_loss"]!.Value, 5e-5, relative: false, i);
            Close(validations[i], "val_acc1", recorder.Validations[i]["val_acc1"]!.Value, 1e-6, relative: false, i);
            Close(validations[i], "val_mrr", recorder.Validations[i]["val_mrr"]!.Value, 1e-6, relative: false, i);
        }
    }

    [Theory]
    [InlineData("two-process-detached")]
    [InlineData("two-process-differentiable")]
    public void Two_ranks_in_one_process_follow_the_recorded_run_of_two_processes(string name)
    {
        string goldens = GoldenFile.Retrieval;
        Recorder recorder = new();
        RetrievalRecipe recipe = Recipe(goldens, name, ["--distributed.dp_size", "2"]);
        new RecipeRunner(new ComputeOptions { Threads = 2 }, recorder).Run(recipe);

        foreach (string rank in (string[])["rank0.json", "rank1.json"])
        {
            JsonElement expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(goldens, name, rank))).RootElement.GetProperty("steps");
            Assert.Equal(expected.GetArrayLength(), recorder.Steps.Count);
            for (int i = 0; i < recorder.Steps.Count; i++)
            {
                Close(expected[i], "loss", recorder.Steps[i].Loss, 2e-5, relative: false, i);
                Close(expected[i], "grad_norm", recorder.Steps[i].GradientNorm, 1e-5, relative: true, i);
                Close(expected[i], "lr", recorder.Steps[i].LearningRate, 1e-12, relative: true, i);
                Close(expected[i], "loss_avg_window", recorder.Steps[i].LossWindow, 2e-5, relative: false, i);
            }
        }

        foreach (JsonProperty tensor in JsonDocument.Parse(File.ReadAllBytes(Path.Combine(goldens, name, "final-digest.json"))).RootElement.EnumerateObject())
        {
            float[] weights = recorder.Weights[tensor.Name];
            double[] first = tensor.Value.GetProperty("first").Doubles();
            for (int i = 0; i < first.Length; i++) Assert.Equal(first[i], weights[i], 1e-5);
            double norm = Math.Sqrt(weights.Sum(weight => (double)weight * weight));
            Assert.Equal(tensor.Value.GetProperty("norm").GetDouble(), norm, 1e-5 * Math.Sqrt(weights.Length));
            Assert.Equal(tensor.Value.GetProperty("sum").GetDouble(), weights.Sum(weight => (double)weight), 1e-5 * weights.Length);
        }
    }

    /// <summary>The case's recipe with its paths made absolute and its output in this test's folder.</summary>
    private RetrievalRecipe Recipe(string goldens, string name, params string[] further)
    {
        string file = folder.File("run.yaml");
        File.WriteAllText(
            file,
            File.ReadAllText(Path.Combine(goldens, name, "run.yaml")).Replace("common/", Path.Combine(goldens, "common") + "/", StringComparison.Ordinal));
        List<string> overrides = [.. CommandLineOf(Path.Combine(goldens, name, "README.md")), "--checkpoint.checkpoint_dir", folder.File("out"), .. further];
        RetrievalRecipe recipe = RecipeFile.ReadTraining(file, overrides).Recipe;
        string start = Path.Combine(goldens, name, "start.safetensors");
        return File.Exists(start) ? recipe with { InitialWeights = start } : recipe;
    }

    /// <summary>A parameter's name without the wrappers that recordings, checkpoints and adapters put around it.</summary>
    private static string Inner(string name)
    {
        foreach (string wrapper in (string[])["base_model.", "student.", "language_model.", "model."])
        {
            while (name.StartsWith(wrapper, StringComparison.Ordinal)) name = name[wrapper.Length..];
        }

        return name.Replace("_vector", "", StringComparison.Ordinal);
    }

    private static string[] CommandLineOf(string readme)
    {
        const string Mark = "command line: `";
        string text = File.ReadAllText(readme);
        int at = text.IndexOf(Mark, StringComparison.Ordinal);
        return at < 0 ? [] : text[(at + Mark.Length)..text.IndexOf('`', at + Mark.Length)].Split(' ');
    }

    private static void Close(JsonElement expected, string key, double actual, double tolerance, bool relative, int step)
    {
        double value = expected.GetProperty(key).GetDouble();
        Assert.True(Math.Abs(actual - value) <= tolerance * (relative ? Math.Abs(value) : 1), $"{key} of record {step} is {actual:R} instead of {value:R}");
    }

    private sealed class Recorder : TrainingObserver
    {
        public List<TrainingRecord> Steps { get; } = [];

        public List<ValidationRecord> Validations { get; } = [];

        public Dictionary<string, float[]> Weights { get; } = [];

        public override void Finished(EncoderModel model, IReadOnlyList<Parameter> trained)
        {
            foreach (Parameter parameter in trained)
            {
                Weights[parameter.Name] = new float[parameter.Count];
                parameter.CopyTo(Weights[parameter.Name]);
            }
        }

        public override void Stepped(TrainingRecord record) => Steps.Add(record);

        public override void Validated(ValidationRecord record) => Validations.Add(record);
    }
}
