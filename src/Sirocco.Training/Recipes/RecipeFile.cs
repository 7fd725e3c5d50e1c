namespace Sirocco.Training;

/// <summary>A recipe as a file and overrides give it.</summary>
/// <typeparam name="TRecipe"><see cref="RetrievalRecipe"/> or <see cref="MiningRecipe"/></typeparam>
/// <param name="Recipe">What to run.</param>
/// <param name="Path">The file.</param>
/// <param name="Values">Every value that the run uses, defaults included, in the order they were read.</param>
/// <param name="IgnoredKeys">Keys that the original knows and that change nothing here; worth one warning.</param>
/// <param name="Warnings">Other things that the user should know before the run.</param>
/// <param name="Configuration">
/// The effective configuration as YAML, as checkpoints keep it: overrides applied, texts translated, <c>_target_</c> and <c>${…}</c> as written.
/// </param>
public sealed record ResolvedRecipe<TRecipe>(
    TRecipe Recipe, string Path, IReadOnlyList<ResolvedValue> Values, IReadOnlyList<string> IgnoredKeys, IReadOnlyList<string> Warnings, string Configuration);

/// <summary>Reads recipe files of NeMo AutoModel's retrieval stack.</summary>
public static class RecipeFile
{
    /// <summary>Reads a recipe that trains.</summary>
    /// <param name="path">YAML file</param>
    /// <param name="overrides">words such as <c>--step_scheduler.max_steps</c>, <c>20</c></param>
    /// <param name="environment">value of an environment variable or null; the process's own if not given</param>
    /// <exception cref="InvalidDataException">The recipe is wrong; the message names file and line (or override), key, expectation and remedy.</exception>
    public static ResolvedRecipe<RetrievalRecipe> ReadTraining(
        string path, IReadOnlyList<string>? overrides = null, Func<string, string?>? environment = null) =>
        Read(path, overrides, environment, top =>
        {
            RetrievalRecipe recipe = RecipeSections.Training(top);
            RecipeChecks.Check(recipe, top);
            return recipe;
        });

    /// <summary>Reads a configuration that mines hard negatives.</summary>
    /// <param name="path">YAML file</param>
    /// <param name="overrides">words such as <c>--mining.model_name_or_path</c>, <c>DIR</c></param>
    /// <param name="environment">value of an environment variable or null; the process's own if not given</param>
    /// <exception cref="InvalidDataException">The recipe is wrong; the message names file and line (or override), key, expectation and remedy.</exception>
    public static ResolvedRecipe<MiningRecipe> ReadMining(string path, IReadOnlyList<string>? overrides = null, Func<string, string?>? environment = null) =>
        Read(path, overrides, environment, RecipeSections.Mining);

    private static ResolvedRecipe<TRecipe> Read<TRecipe>(
        string path, IReadOnlyList<string>? overrides, Func<string, string?>? environment, Func<SectionReader, TRecipe> read)
    {
        RecipeMapping tree = Load(path, overrides ?? [], environment ?? Environment.GetEnvironmentVariable);
        RecipeReading reading = new();
        TRecipe recipe = read(new SectionReader(tree, "", reading));
        return new ResolvedRecipe<TRecipe>(recipe, path, reading.Values, reading.Ignored, reading.Warnings, YamlWriter.Write(tree));
    }

    /// <summary>File, overrides, environment and translation, in that order.</summary>
    internal static RecipeMapping Load(string path, IReadOnlyList<string> overrides, Func<string, string?> environment)
    {
        RecipeMapping tree = YamlReader.ReadFile(path);
        foreach ((string key, string value, string text) in Overrides.Parse(overrides)) Overrides.Apply(tree, key, value, text);
        return new ValueTranslation(environment).Translate(tree);
    }
}
