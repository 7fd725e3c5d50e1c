using Sirocco.Models;

namespace Sirocco.Training;

/// <summary>
/// Settings that contradict the models they name: told from the models' configurations, before weights are read. A folder without config.json shows its
/// mistakes when it is loaded.
/// </summary>
internal static class SetupChecks
{
    /// <exception cref="ArgumentException">The message names the keys.</exception>
    public static void Check(BiEncoderRecipe recipe)
    {
        if (recipe.Matryoshka is not { } matryoshka || ConfigOf(recipe.Model) is not { } config) return;
        foreach (int dimensions in matryoshka.Dimensions) ContrastiveLoss.RequireWidth(dimensions, config.HiddenSize);
    }

    /// <exception cref="ArgumentException">The message names the keys.</exception>
    public static void Check(DistillationRecipe recipe)
    {
        DistillationLosses losses = recipe.Losses;
        bool hasNegatives = recipe.Dataset.PassagesPerQuery > 1;
        if (losses.InfoNceWeight > 0) CandidateLosses.RequireNegatives(hasNegatives, losses.InfoNce, "infonce_loss");
        if (losses.InfoNceDistillationWeight > 0) CandidateLosses.RequireNegatives(hasNegatives, losses.InfoNceDistillation, "infonce_distill_loss");
        if (recipe.Teacher is not { } options || ConfigOf(options) is not { } teacher) return;
        DistillationObjective.RequireWidth(losses, recipe.Model.TeacherHiddenSize, teacher.HiddenSize, options.Path);
        if (ConfigOf(recipe.Model) is { } student) DistillationObjective.RequireLayers(losses, student.Layers, teacher.Layers);
    }

    /// <summary>Null where there is none, or where a Dense module behind pooling gives vectors another width.</summary>
    private static ModelConfig? ConfigOf(EncoderModelOptions model)
    {
        string file = Path.Combine(model.Folder, "config.json"), modules = Path.Combine(model.Folder, "modules.json");
        bool isPlain = !File.Exists(modules) || !File.ReadAllText(modules).Contains("Dense", StringComparison.Ordinal);
        return isPlain && File.Exists(file) ? ModelConfig.Load(file) : null;
    }
}
