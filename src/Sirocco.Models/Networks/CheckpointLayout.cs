using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>Where a family of checkpoints keeps the parts of a text network.</summary>
/// <param name="Body">Put before <c>embed_tokens.weight</c>, <c>layers.…</c> and <c>norm.weight</c>.</param>
/// <param name="Head">Name of an untied language-model head.</param>
internal sealed record CheckpointLayout(string Body, string Head)
{
    private const string Probe = "embed_tokens.weight";

    // Tried from the top; vision towers and projectors stand beside these names and are never asked for.
    private static readonly CheckpointLayout[] Known =
    [
        new("language_model.model.", "language_model.lm_head.weight"),  // Ministral 3, Devstral as published
        new("model.language_model.model.", "lm_head.weight"),
        new("model.language_model.", "lm_head.weight"),                 // as newer transformers write them
        new("language_model.", "lm_head.weight"),
        new("model.", "lm_head.weight"),                                // causal models and classifiers
        new("", "lm_head.weight"),                                      // bare encoders
        new("base_model.model.", "lm_head.weight"),
    ];

    /// <summary>A classifier's head.</summary>
    public const string Score = "score.weight";

    public static CheckpointLayout Of(TensorArchive archive) =>
        Array.Find(Known, layout => archive.Contains(layout.Body + Probe))
        ?? throw new InvalidDataException($"{archive.Path}: holds no {Probe} under any known prefix ({string.Join(", ", Known.Select(layout => layout.Body.Length == 0 ? "none" : layout.Body))}); is this a Llama or Ministral checkpoint?");

    /// <summary>The name in the file of a parameter of the network.</summary>
    public string NameOf(string parameter) => parameter switch
    {
        "lm_head.weight" => Head,
        Score => Score,
        _ => Body + parameter,
    };
}
