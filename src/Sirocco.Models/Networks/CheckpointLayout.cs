using System.Text.RegularExpressions;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>Where a family of checkpoints keeps the parts of a text network.</summary>
/// <param name="Body">Put before <c>embed_tokens.weight</c>, <c>layers.…</c> and <c>norm.weight</c>.</param>
/// <param name="Head">Name of an untied language-model head.</param>
/// <param name="IsNative">Whether names are Mistral's own (consolidated.safetensors) and rows of q and k lie in interleaved rotary pairs.</param>
internal sealed partial record CheckpointLayout(string Body, string Head, bool IsNative = false)
{
    /// <summary>A classifier's head.</summary>
    public const string Score = "score.weight";

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
        new("student.model.", "lm_head.weight"),                        // model/consolidated of a distillation
        new("", "output.weight", IsNative: true),
    ];

    // Mistral's own names, within a layer and outside.
    private static readonly Dictionary<string, string> NativeNames = new(StringComparer.Ordinal)
    {
        ["embed_tokens"] = "tok_embeddings",
        ["norm"] = "norm",
        ["input_layernorm"] = "attention_norm",
        ["post_attention_layernorm"] = "ffn_norm",
        ["self_attn.q_proj"] = "attention.wq",
        ["self_attn.k_proj"] = "attention.wk",
        ["self_attn.v_proj"] = "attention.wv",
        ["self_attn.o_proj"] = "attention.wo",
        ["mlp.gate_proj"] = "feed_forward.w1",
        ["mlp.down_proj"] = "feed_forward.w2",
        ["mlp.up_proj"] = "feed_forward.w3",
    };

    public static CheckpointLayout Of(TensorArchive archive) =>
        Array.Find(Known, layout => archive.Contains(layout.NameOf(Probe)))
        ?? throw new InvalidDataException($"{archive.Path}: holds no {Probe} under any known prefix "
            + $"({string.Join(", ", Known.Select(layout => layout.Body).Where(body => body.Length > 0))}); is this a Llama or Ministral checkpoint?");

    /// <summary>The name in the file of a parameter of the network.</summary>
    public string NameOf(string parameter)
    {
        if (parameter == "lm_head.weight") return Head;
        if (parameter == Score) return Score;
        if (!IsNative) return Body + parameter;
        Match match = Parts().Match(parameter);
        return match.Groups["layer"].Value + NativeNames[match.Groups["module"].Value] + match.Groups["kind"].Value;
    }

    /// <summary>
    /// Whether a tensor of the file is one of the decoder's weights, known here or not. Heads, vision towers and projectors lie elsewhere; frequencies
    /// of the rotary embedding are computed anew, scales of quantised weights are read with these, and fake quantizers are left over from training.
    /// </summary>
    public bool IsOfNetwork(string name)
    {
        if (!name.StartsWith(Body, StringComparison.Ordinal)) return false;
        ReadOnlySpan<char> rest = name.AsSpan(Body.Length), last = rest[(rest.LastIndexOf('.') + 1)..];
        return (rest.StartsWith("layers.") || rest.StartsWith("norm.") || rest.StartsWith("embed_tokens.") || (IsNative && rest.StartsWith("tok_embeddings.")))
            && last is not "inv_freq" && !last.Contains("scale", StringComparison.Ordinal) && !rest.Contains(".fake_quantizer.", StringComparison.Ordinal);
    }

    /// <summary>How rows of a parameter lie in the file.</summary>
    public RowOrder RowsOf(string parameter, int headSize) =>
        IsNative && (parameter.Contains(".q_proj.", StringComparison.Ordinal) || parameter.Contains(".k_proj.", StringComparison.Ordinal))
            ? new RowOrder(headSize)
            : default;

    [GeneratedRegex(@"^(?<layer>layers\.[0-9]+\.)?(?<module>.+)(?<kind>\.[a-z]+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Parts();
}
