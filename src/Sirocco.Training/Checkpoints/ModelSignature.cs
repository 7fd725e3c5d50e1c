namespace Sirocco.Training;

/// <summary>
/// What must be the same in two configurations for a run to go on from the other's checkpoint by itself: the keys that NeMo AutoModel 0.7 compares.
/// </summary>
internal static class ModelSignature
{
    private static readonly string[] Keys =
    [
        "pretrained_model_name_or_path", "architectures", "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "intermediate_size", "vocab_size", "tie_word_embeddings", "rope_theta", "rope_scaling",
    ];

    /// <summary>The first key in which two configurations differ, or null. A configuration that is missing or cannot be read fits any.</summary>
    /// <param name="checkpoint">Path of a checkpoint's config.yaml.</param>
    /// <param name="configuration">Text of the run's own, or null.</param>
    public static string? Difference(string checkpoint, string? configuration)
    {
        if (configuration is null || !File.Exists(checkpoint)) return null;
        RecipeMapping saved, own;
        try
        {
            saved = YamlReader.ReadFile(checkpoint);
            own = YamlReader.Read(configuration, "the recipe");
        }
        catch (InvalidDataException)
        {
            return null;
        }

        if (HasAdapter(saved) != HasAdapter(own)) return "peft";
        string? key = Array.Find(Keys, key => Text(saved, key) != Text(own, key));
        return key is null ? null : "model." + key;
    }

    private static bool HasAdapter(RecipeMapping configuration) => configuration["peft"] is RecipeMapping;

    private static string Text(RecipeMapping configuration, string key)
    {
        if (configuration["model"] is not RecipeMapping model || model[key] is not { } value) return "";
        RecipeMapping alone = new(value.Origin);
        alone.Set(key, value);
        return YamlWriter.Write(alone);
    }
}
