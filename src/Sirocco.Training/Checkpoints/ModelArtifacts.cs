using System.Globalization;
using Sirocco.Compute;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>What a checkpoint holds for other programs: the folder of the model, or of its adapter.</summary>
internal static class ModelArtifacts
{
    /// <summary>The deployable model inside a checkpoint.</summary>
    public const string ExportFolder = "model/consolidated";

    private const string AdapterFolder = "model";

    /// <summary>What programs load of a checkpoint: the model's folder, or the adapter's; null where neither was due.</summary>
    public static string? Find(string checkpoint) =>
        ((string[])[ExportFolder, AdapterFolder]).Select(name => Path.Combine(checkpoint, name)).FirstOrDefault(Directory.Exists);

    /// <summary>Refuses a model that checkpoints could not hold, before it is trained.</summary>
    /// <param name="recipe">Says what is trained and what is exported.</param>
    /// <param name="model">The network.</param>
    /// <param name="projection">A distillation's, or null.</param>
    /// <exception cref="NotSupportedException">An export would lack a part of the model; the message names it.</exception>
    public static void Require(RetrievalRecipe recipe, EncoderModel model, StudentProjection? projection)
    {
        ExportOptions options = Options(recipe, model);
        if (projection is not null) model.RequireSavable(options);
        if (model.Adapter is not null || recipe.Checkpoint.Export == ConsolidatedExport.Never) return;
        model.RequireSavable(projection is null ? options : StudentExport.Consolidated(options));
    }

    /// <summary>Writes them.</summary>
    /// <param name="recipe">Says what is trained and how texts are made.</param>
    /// <param name="model">The network as it stands.</param>
    /// <param name="projection">A distillation's, or null.</param>
    /// <param name="checkpoint">The checkpoint's folder.</param>
    /// <param name="export">Whether <see cref="ExportFolder"/> is due.</param>
    /// <param name="cancellation">Stops writing; what is there already stays, incomplete.</param>
    public static void Write(
        RetrievalRecipe recipe, EncoderModel model, StudentProjection? projection, string checkpoint, bool export, CancellationToken cancellation)
    {
        if (projection is not null) StudentExport.WriteProjection(projection, Path.Combine(checkpoint, StudentExport.ProjectionFile));
        if (model.Adapter is { } adapter)
        {
            string place = Path.Combine(checkpoint, AdapterFolder);
            adapter.Save(place, recipe.Encoder.Path, cancellation: cancellation);
            ExportedFiles.CopyTokenizer(recipe.Tokenizer.Path, place, recipe.Tokenizer.PaddingSide);
            return;
        }

        if (!export) return;
        string folder = Path.Combine(checkpoint, ExportFolder);
        if (model is CrossEncoder reranker) reranker.Save(folder, Options(recipe, model), cancellation);
        else if (projection is not null) StudentExport.WriteConsolidated((BiEncoder)model, projection, folder, Options(recipe, model), cancellation);
        else ((BiEncoder)model).Save(folder, Options(recipe, model), cancellation);
    }

    /// <summary>Writes <c>step_S/</c> of a distillation, which its evaluation reads: the student, the projection, and what they are.</summary>
    /// <param name="recipe">Says how texts are made.</param>
    /// <param name="student">As it stands.</param>
    /// <param name="projection">As it stands.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="name">Of the checkpoint.</param>
    /// <param name="cancellation">Leaves things as they were.</param>
    public static void WriteStudent(
        RetrievalRecipe recipe, BiEncoder student, StudentProjection projection, string folder, CheckpointName name, CancellationToken cancellation)
    {
        using AtomicFolder output = AtomicFolder.Create(folder);
        ExportOptions options = Options(recipe, student);
        StudentExport.WriteStudent(
            student,
            projection,
            Path.Combine(output.TemporaryFolder, "student"),
            options with { AutoModel = options.AutoModel! with { NumbersLoneFile = false } },
            cancellation);
        StudentExport.WriteProjection(projection, output.PathOf(StudentExport.ProjectionFile));
        AtomicFile.WriteAllText(
            output.PathOf("meta.json"), string.Create(CultureInfo.InvariantCulture, $"{{\n  \"epoch\": {name.Epoch},\n  \"step\": {name.Step}\n}}"));
        output.Commit();
    }

    private static ExportOptions Options(RetrievalRecipe recipe, EncoderModel model) => new()
    {
        Tokenizer = recipe.Tokenizer.Path,
        Type = recipe.Encoder.WeightType ?? (model.NaturalPrecision == Precision.BF16 ? ElementType.BF16 : ElementType.F32),
        Prompts = Collator(recipe) is { } collator
            ? new Dictionary<string, string> { ["query"] = Prompt(collator.QueryPrefix), ["document"] = Prompt(collator.PassagePrefix) }
            : null,
        AutoModel = new AutoModelLayout
        {
            Source = recipe.Encoder.Submodel is null ? recipe.Encoder.Path : "",
            SourceFolder = recipe.Encoder.Submodel is null ? recipe.Encoder.Folder : null,
            HasModules = Collator(recipe) is not { UseDatasetInstruction: true },
            MultiVector = recipe is BiEncoderRecipe { Model: { MultiVector: true, MultiVectorName: var name } } ? name : null,
            PaddingSide = recipe.Tokenizer.PaddingSide,
            PromptTemplate = (recipe as CrossEncoderRecipe)?.Collator.Template,
            KeepSourceConfig = recipe.Checkpoint.KeepSourceConfig,
        },
    };

    private static BiEncoderCollatorOptions? Collator(RetrievalRecipe recipe) => recipe switch
    {
        BiEncoderRecipe bi => bi.Collator,
        DistillationRecipe student => student.Collator,
        _ => null,
    };

    /// <summary>The collator puts a space between prefix and text.</summary>
    private static string Prompt(string prefix) => prefix.Length == 0 ? "" : prefix + " ";
}
