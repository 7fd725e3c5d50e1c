using Sirocco.Formats;

namespace Sirocco.Models.Tests;

/// <summary>A small recorded model in Mistral's own layout: other names, and rows of q and k in interleaved rotary pairs.</summary>
internal static class NativeFolder
{
    private static readonly (string Public, string Native)[] Names =
    [
        ("model.embed_tokens.", "tok_embeddings."), ("lm_head.", "output."), ("model.", ""),
        ("self_attn.q_proj.", "attention.wq."), ("self_attn.k_proj.", "attention.wk."),
        ("self_attn.v_proj.", "attention.wv."), ("self_attn.o_proj.", "attention.wo."),
        ("mlp.gate_proj.", "feed_forward.w1."), ("mlp.down_proj.", "feed_forward.w2."), ("mlp.up_proj.", "feed_forward.w3."),
        ("input_layernorm.", "attention_norm."), ("post_attention_layernorm.", "ffn_norm."),
        (".weight_scale_inv", ".qscale_weight"), (".activation_scale", ".qscale_act"),
    ];

    /// <summary>Writes one.</summary>
    /// <param name="folder">A recording of ministral3-causal's shape in the public layout.</param>
    /// <param name="native">A new folder; returned.</param>
    public static string Of(string folder, string native)
    {
        Directory.CreateDirectory(native);
        using TensorArchive weights = TensorArchive.Open(folder);
        SafetensorsWriter.Write(Path.Combine(native, "consolidated.safetensors"), weights.Tensors.Select(tensor =>
        {
            string renamed = Names.Aggregate(tensor.Name, (current, pair) => current.Replace(pair.Public, pair.Native, StringComparison.Ordinal));
            if (!tensor.Name.EndsWith("q_proj.weight", StringComparison.Ordinal) && !tensor.Name.EndsWith("k_proj.weight", StringComparison.Ordinal))
                return OutgoingTensor.Copy(tensor, renamed);

            // Row h·16 + 2i + j of the native file is row h·16 + 8j + i of the public one (spec/model.md §5.4).
            return new OutgoingTensor(renamed, tensor.Type, tensor.Shape, stream =>
            {
                for (int row = 0; row < tensor.Rows; row++) stream.Write(tensor.RowBytes((row / 16 * 16) + (row % 2 * 8) + (row % 16 / 2)));
            });
        }).Append(OutgoingTensor.Create<float>("layers.0.attention.wq.fake_quantizer.amax", [1], new float[] { 3 })));
        File.WriteAllText(Path.Combine(native, "params.json"), """
            {"dim": 64, "n_layers": 3, "head_dim": 16, "hidden_dim": 160, "n_heads": 8, "n_kv_heads": 2, "rope_theta": 10000.0, "norm_eps": 1e-05,
              "vocab_size": 512,
             "tied_embeddings": true, "max_position_embeddings": 1024,
               "yarn": {"original_max_position_embeddings": 64, "factor": 16, "apply_scale": false, "beta": 32, "alpha": 1},
             "llama_4_scaling": {"original_max_position_embeddings": 64, "beta": 0.1}, "vision_encoder": {"hidden_size": 1024}}
            """);
        return native;
    }
}
