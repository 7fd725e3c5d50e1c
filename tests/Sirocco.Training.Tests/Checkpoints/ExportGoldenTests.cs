using System.Text.Json;
using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Training.Tests.Checkpoints;

/// <summary>What a checkpoint holds for other programs, against the folders that NeMo AutoModel 0.7 wrote.</summary>
public sealed class ExportGoldenTests : IDisposable
{
    /// <summary>The original ships its Python sources beside some exports and names them; how a tokenizer was loaded there means nothing here.</summary>
    private static readonly string[] Unwritten = ["auto_map", "is_local", "local_files_only"];

    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Cases =>
    [
        "bi-extract-submodel", "bi-llama-cls", "bi-llama-colbert", "bi-llama-inline", "bi-llama-instruction", "bi-llama-last", "bi-llama-weighted_avg",
        "bi-ministral3-corpus", "bi-ministral3-dora", "bi-ministral3-inbatch", "bi-ministral3-inline", "bi-ministral3-last", "bi-ministral3-lora",
        "cross-llama", "cross-llama-temperature", "cross-ministral3",
    ];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_checkpoint_has_the_files_of_the_original_with_their_keys_and_values(string name)
    {
        string goldens = GoldenFile.Retrieval, recorded = Path.Combine(goldens, name, "export"), saved = OneStep(goldens, name);
        string[] files = [.. Directory.EnumerateFiles(recorded, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(recorded, file))];
        Assert.Contains(Path.Combine(saved, "tokenizer.json"), Directory.GetFiles(saved));
        foreach (string file in files)
        {
            string made = Path.Combine(saved, file);
            Assert.True(File.Exists(made), $"{file} is missing");
            if (file.EndsWith(".json", StringComparison.Ordinal)) Assert.Equal(Content(Path.Combine(recorded, file)), Content(made));
            else if (file.EndsWith(".jinja", StringComparison.Ordinal)) Assert.Equal(File.ReadAllText(Path.Combine(recorded, file)), File.ReadAllText(made));
            else Assert.Equal(Tensors(Path.Combine(recorded, file)), Tensors(made));
        }

        string[] modules = [.. Directory.EnumerateFiles(saved, "*.json", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(saved, file))
            .Where(file => !files.Contains(file))];
        Assert.Equal(["tokenizer.json"], modules);
    }

    [Theory]
    [InlineData("bi-llama-last")]
    [InlineData("bi-llama-colbert")]
    [InlineData("bi-llama-weighted_avg")]
    [InlineData("bi-ministral3-inline")]
    [InlineData("cross-llama-temperature")]
    [InlineData("cross-ministral3")]
    public void An_export_is_the_base_of_another_run_with_the_weights_as_they_were(string name)
    {
        string goldens = GoldenFile.Retrieval, first = Path.GetFullPath(OneStep(goldens, name));
        string file = folder.File("run.yaml"), second = folder.File("second");
        RetrievalRecipe recipe = RecipeFile.ReadTraining(
            file,
            [
                "--checkpoint.checkpoint_dir", second, "--checkpoint.save_consolidated", "true", "--model.pretrained_model_name_or_path", first,
                "--optimizer.lr", "0"]).Recipe;
        recipe = recipe with { StepScheduler = recipe.StepScheduler with { MaxSteps = 1 }, ParameterSchedule = null, ValidationDataset = null };
        new RecipeRunner(new ComputeOptions { Threads = 2 }).Run(recipe);
        using TensorArchive before = TensorArchive.Open(first), after = TensorArchive.Open(Path.Combine(second, "LATEST", ModelArtifacts.ExportFolder));
        Assert.Equal(before.Tensors.Select(tensor => tensor.Name).Order(), after.Tensors.Select(tensor => tensor.Name).Order());
        foreach (StoredTensor tensor in before.Tensors) Assert.Equal(tensor.ToSingleArray(), after[tensor.Name].ToSingleArray());
        Assert.Equal(
            Content(Path.Combine(first, "config.json"), name: "base"),
            Content(Path.Combine(second, "LATEST", ModelArtifacts.ExportFolder, "config.json"), name: "base"));
    }

    private string OneStep(string goldens, string name)
    {
        string file = folder.Write(
            "run.yaml",
            File.ReadAllText(Path.Combine(goldens, name, "run.yaml")).Replace("common/", Path.Combine(goldens, "common") + "/", StringComparison.Ordinal));
        List<string> overrides = ["--checkpoint.checkpoint_dir", folder.File("out"), "--checkpoint.save_consolidated", "final"];
        if (name is "bi-llama-cls") overrides.AddRange(["--model.pooling", "cls"]);
        RetrievalRecipe recipe = RecipeFile.ReadTraining(file, overrides).Recipe;
        recipe = recipe with { StepScheduler = recipe.StepScheduler with { MaxSteps = 1 }, ParameterSchedule = null, ValidationDataset = null };
        new RecipeRunner(new ComputeOptions { Threads = 2 }).Run(recipe);
        return Path.Combine(folder.File("out"), "LATEST", recipe.Adapter is null ? "model/consolidated" : "model");
    }

    /// <summary>Keys and values in an order of their own; paths of this test as the recording has them.</summary>
    private static string Content(string file, string? name = null)
    {
        System.Text.Json.Nodes.JsonNode json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllBytes(file))!;
        if (name is not null) json["_name_or_path"] = name;
        return Content(JsonDocument.Parse(json.ToJsonString()).RootElement).Replace(GoldenFile.Retrieval + "/", "", StringComparison.Ordinal);
    }

    private static string Content(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => $"{{{string.Join(",\n", Entries(value).Select(entry => $"{entry.Name}: {Content(entry.Value)}"))}}}",
        JsonValueKind.Array => "[" + string.Join(", ", value.EnumerateArray().Select(Content)) + "]",
        JsonValueKind.Number => value.GetDouble().ToString("R", System.Globalization.CultureInfo.InvariantCulture),
        _ => value.GetRawText(),
    };

    private static IEnumerable<JsonProperty> Entries(JsonElement value) =>
        value.EnumerateObject().Where(entry => !Unwritten.Contains(entry.Name)).OrderBy(entry => entry.Name, StringComparer.Ordinal);

    private static IEnumerable<string> Tensors(string file)
    {
        using TensorArchive archive = TensorArchive.Open(file);
        return [.. archive.Tensors.Select(tensor => $"{tensor.Name} {tensor.Type.Name} {tensor.ShapeText}").Order(StringComparer.Ordinal)];
    }
}
