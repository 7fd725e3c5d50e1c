using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>What a checkpoint holds for other programs: the folder of the model, or of its adapter.</summary>
internal static class ModelArtifacts
{
    /// <summary>The deployable model inside a checkpoint.</summary>
    public const string ExportFolder = "model/consolidated";

    /// <summary>Writes them.</summary>
    /// <param name="recipe">Says what is trained and how texts are made.</param>
    /// <param name="model">The network as it stands.</param>
    /// <param name="checkpoint">The checkpoint's folder.</param>
    /// <param name="export">Whether <see cref="ExportFolder"/> is due.</param>
    /// <param name="cancellation">Leaves what is written half.</param>
    public static void Write(RetrievalRecipe recipe, EncoderModel model, string checkpoint, bool export, CancellationToken cancellation)
    {
        if (model.Adapter is { } adapter)
        {
            adapter.Save(Path.Combine(checkpoint, "model"), recipe.Encoder.Path, cancellation: cancellation);
            return;
        }

        if (!export) return;
        ExportOptions options = new() { Tokenizer = recipe.Tokenizer.Path, Type = recipe.Encoder.WeightType };
        string folder = Path.Combine(checkpoint, ExportFolder);
        if (model is BiEncoder encoder) encoder.Save(folder, options, cancellation);
        else if (model is CrossEncoder reranker) reranker.Save(folder, options, cancellation);
    }
}
