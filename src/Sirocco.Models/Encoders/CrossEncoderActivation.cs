namespace Sirocco.Models;

/// <summary>
/// What a cross-encoder folder does to its scores: the function it names, else the sigmoid for one label of a sentence-transformers folder, else nothing.
/// </summary>
internal static class CrossEncoderActivation
{
    public static TorchActivation Of(ModelFolder folder, CrossEncoder encoder)
    {
        string file = (folder.ModulesDirectory ?? folder.Directory) is { } directory ? Path.Combine(directory, "config_sentence_transformers.json") : "";
        bool library = folder.HasModules || File.Exists(file);
        if (File.Exists(file) && TorchActivation.Read(ConfigReader.Load(file), "activation_fn") is { } named) return named;
        if (folder.Directory is { } models)
        {
            // Versions 3 and 4 kept it in config.json.
            const string oldest = "sbert_ce_default_activation_function";
            ConfigReader config = ConfigReader.Load(Path.Combine(models, "config.json"));
            ConfigReader? older = config.Object("sentence_transformers");
            if ((TorchActivation.Read(older, "activation_fn") ?? TorchActivation.Read(config, oldest)) is { } kept) return kept;
            library |= older?.Has("activation_fn") is true || config.Has(oldest);
        }

        return library && encoder.ReadsLastToken && encoder.Labels == 1 ? TorchActivation.Sigmoid : TorchActivation.Identity;
    }
}
