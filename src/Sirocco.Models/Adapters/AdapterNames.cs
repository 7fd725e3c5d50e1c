namespace Sirocco.Models;

/// <summary>
/// How the parts of an adapter are called. In memory, as NeMo's wrapper has them: <c>model.layers.0.self_attn.q_proj.lora_A.weight</c>; in the file peft's
/// <c>base_model.</c> comes before that, and the magnitude is called a vector.
/// </summary>
/// <param name="A">First factor.</param>
/// <param name="B">Second factor.</param>
internal sealed record AdapterNames(string A, string B)
{
    public const string Magnitude = ".lora_magnitude", Whole = ".weight", FilePrefix = "base_model.", UntouchedTable = ".base_layer.weight";

    private const string MagnitudeInFile = ".lora_magnitude_vector";

    // Older versions of peft, and states taken from a live model, spell out the adapter's name.
    private static readonly (string Written, string Meant)[] OtherSpellings =
    [
        (".default.weight", ".weight"),
        (".lora_embedding_A.default", ".lora_embedding_A"),
        (".lora_embedding_B.default", ".lora_embedding_B"),
        (".modules_to_save.weight", ".weight"),
        (".lora_magnitude_vector.weight", Magnitude),
        (MagnitudeInFile, Magnitude),
    ];

    // Vision-language checkpoints keep the text network deeper.
    private static readonly string[] BodyPrefixes = [
        "model.language_model.model.", "language_model.model.", "model.language_model.", "language_model.", "model.model.", "model.", ""];

    public static AdapterNames Of(bool embedding) => embedding ? new(".lora_embedding_A", ".lora_embedding_B") : new(".lora_A.weight", ".lora_B.weight");

    /// <summary>The key in a file of a parameter.</summary>
    public static string Key(string parameter) =>
        FilePrefix + (parameter.EndsWith(Magnitude, StringComparison.Ordinal) ? parameter[..^Magnitude.Length] + MagnitudeInFile : parameter);

    /// <summary>A key or name with every part as it is called in memory, without <c>base_model.</c></summary>
    public static string Canonical(string key)
    {
        if (key.StartsWith(FilePrefix, StringComparison.Ordinal)) key = key[FilePrefix.Length..];
        foreach ((string written, string meant) in OtherSpellings)
        {
            if (key.EndsWith(written, StringComparison.Ordinal)) key = key[..^written.Length] + meant;
        }

        return key;
    }

    /// <summary>Names that a module may have within the network (<see cref="Projection.Name"/>), from its name in some checkpoint.</summary>
    public static IEnumerable<string> InNetwork(string module) =>
        BodyPrefixes.Where(prefix => module.StartsWith(prefix, StringComparison.Ordinal)).Select(prefix => module[prefix.Length..]);
}
