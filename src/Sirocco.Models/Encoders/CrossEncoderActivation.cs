namespace Sirocco.Models;

/// <summary>What a cross-encoder folder does to its scores: the function it names, else the sigmoid for one label of a sentence-transformers folder, else nothing.</summary>
internal static class CrossEncoderActivation
{
    public static Func<float, float> Of(ModelFolder folder, CrossEncoder encoder)
    {
        string file = (folder.ModulesDirectory ?? folder.Directory) is { } directory ? Path.Combine(directory, "config_sentence_transformers.json") : "";
        bool library = folder.HasModules || File.Exists(file);
        string? name = File.Exists(file) ? ConfigReader.Load(file).Text("activation_fn") : null;
        if (name is null && folder.Directory is { } models)
        {
            // Versions 3 and 4 kept it in config.json.
            ConfigReader config = ConfigReader.Load(Path.Combine(models, "config.json"));
            name = config.Object("sentence_transformers")?.Text("activation_fn") ?? config.Text("sbert_ce_default_activation_function");
            library |= name is not null;
        }

        return (name is null ? null : name[(name.LastIndexOf('.') + 1)..]) switch
        {
            "Sigmoid" => Sigmoid,
            "Identity" => score => score,
            null when library && encoder.ReadsLastToken && encoder.Labels == 1 => Sigmoid,
            null => score => score,
            _ => throw new NotSupportedException($"{file}: activation_fn '{name}' is not supported; supported are Sigmoid and Identity"),
        };
    }

    private static float Sigmoid(float score) => 1 / (1 + MathF.Exp(-score));
}
