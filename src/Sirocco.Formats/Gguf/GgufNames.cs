using System.Collections.Frozen;
using System.Globalization;

namespace Sirocco.Formats;

/// <summary>How GGUF files of the llama and mistral3 architectures name what Hugging Face checkpoints hold.</summary>
internal static class GgufNames
{
    internal enum Rows
    {
        /// <summary>Rows lie as in Hugging Face's layout.</summary>
        Same,
        /// <summary>Rows of each query head are interleaved for rotary pairs (2i, 2i + 1).</summary>
        OfQueryHeads,
        /// <summary>The same for key heads.</summary>
        OfKeyHeads,
        /// <summary>Not a weight: read into the configuration, or computable.</summary>
        NotAWeight,
    }

    internal readonly record struct Name(string HuggingFace, Rows Rows);

    /// <summary>The divisors of the rotary frequencies that Llama 3's scaling amounts to; [head size / 2].</summary>
    internal const string RopeDivisors = "rope_freqs.weight";

    private const string Layer = "model.layers.{0}.";

    private static readonly FrozenDictionary<string, Name> Whole = new Dictionary<string, Name>
    {
        ["token_embd.weight"] = new("model.embed_tokens.weight", Rows.Same),
        ["output_norm.weight"] = new("model.norm.weight", Rows.Same),
        ["output.weight"] = new("lm_head.weight", Rows.Same),
        [RopeDivisors] = new("", Rows.NotAWeight),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    // After "blk.{layer}.".
    private static readonly FrozenDictionary<string, Name> PerLayer = new Dictionary<string, Name>
    {
        ["attn_norm.weight"] = new(Layer + "input_layernorm.weight", Rows.Same),
        ["attn_q.weight"] = new(Layer + "self_attn.q_proj.weight", Rows.OfQueryHeads),
        ["attn_k.weight"] = new(Layer + "self_attn.k_proj.weight", Rows.OfKeyHeads),
        ["attn_v.weight"] = new(Layer + "self_attn.v_proj.weight", Rows.Same),
        ["attn_output.weight"] = new(Layer + "self_attn.o_proj.weight", Rows.Same),
        ["attn_q.bias"] = new(Layer + "self_attn.q_proj.bias", Rows.OfQueryHeads),
        ["attn_k.bias"] = new(Layer + "self_attn.k_proj.bias", Rows.OfKeyHeads),
        ["attn_v.bias"] = new(Layer + "self_attn.v_proj.bias", Rows.Same),
        ["attn_output.bias"] = new(Layer + "self_attn.o_proj.bias", Rows.Same),
        ["ffn_norm.weight"] = new(Layer + "post_attention_layernorm.weight", Rows.Same),
        ["ffn_gate.weight"] = new(Layer + "mlp.gate_proj.weight", Rows.Same),
        ["ffn_up.weight"] = new(Layer + "mlp.up_proj.weight", Rows.Same),
        ["ffn_down.weight"] = new(Layer + "mlp.down_proj.weight", Rows.Same),
        ["attn_rot_embd"] = new("", Rows.NotAWeight),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Translates a name; false for one that these architectures do not have.</summary>
    /// <param name="gguf">The name in the file.</param>
    /// <param name="layers">Layers of the model; a larger layer number is not translated.</param>
    /// <param name="name">The Hugging Face name and the order of the rows.</param>
    internal static bool TryTranslate(string gguf, long layers, out Name name)
    {
        if (Whole.TryGetValue(gguf, out name)) return true;
        string[] parts = gguf.Split('.', 3);
        if (parts is not ["blk", string number, string rest] || !PerLayer.TryGetValue(rest, out name)) return false;
        if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int layer) || layer >= layers) return false;
        name = name with { HuggingFace = name.HuggingFace.Replace("{0}", layer.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal) };
        return true;
    }
}
