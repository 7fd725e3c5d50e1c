using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>
    /// o_i = Σ_j p_ij v_j, p_ij = exp(s · q_i·k_j) / Σ over the keys j that query i may see, for each head and each sequence by itself (Vaswani et al. 2017).
    /// Query heads are shared out evenly over key/value heads, in order (Ainslie et al. 2023).
    /// </summary>
    /// <remarks>
    /// Blocks of keys with a running maximum and sum, so that no matrix of all scores exists (Milakov and Gimelshein 2018, Dao et al. 2022). The tape keeps q,
    /// k, v, o and L_i = log₂ Σ_j exp(s · q_i·k_j); backwards, with D_i = do_i · o_i: p is computed again from L, dv_j = Σ_i p_ij do_i, ds_ij = s · p_ij
    /// (do_i·v_j − D_i), dq_i = Σ_j ds_ij k_j, dk_j = Σ_i ds_ij q_i.
    /// </remarks>
    /// <param name="f">Where the result lives, and the precision of products (softmax is f32 always).</param>
    /// <param name="q">[tokens, heads · headSize], rotated.</param>
    /// <param name="k">[key tokens, kvHeads · headSize], rotated.</param>
    /// <param name="v">[key tokens, kvHeads · headSize]</param>
    /// <param name="segments">Which rows belong together. The last query of a sequence stands at its last key.</param>
    /// <param name="mask">Which keys of its sequence a query sees.</param>
    /// <param name="headSize">Features of a head.</param>
    /// <param name="scale">s, usually 1 / √headSize.</param>
    /// <returns>[tokens, heads · headSize]</returns>
    /// <exception cref="ArgumentException">The window or the head size is not above 0, or shapes do not go together.</exception>
    public static Tensor Attention(this Scope f, Tensor q, Tensor k, Tensor v, Segments segments, AttentionMask mask, int headSize, float scale)
    {
        Expect.SameShape(k, v);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(headSize);
        if (mask.Window is <= 0) throw new ArgumentOutOfRangeException(nameof(mask), mask.Window, "a window holds the query's own key at least");
        Expect.Length(q.Rows, segments.Tokens, "rows of queries");
        Expect.Length(k.Rows, segments.KeyTokens, "rows of keys");
        if (q.Columns % headSize != 0 || k.Columns % headSize != 0 || k.Columns == 0 || q.Columns % k.Columns != 0)
            throw new ArgumentException($"{q.Columns} query and {k.Columns} key features do not make groups of heads of {headSize}");
        PanelKernel kernel = f.Context.Backend.Kernels[f.Precision == Precision.F32 ? Precision.F32 : Precision.BF16];
        return f.Attend(kernel, new AttentionShape(segments, mask, q.Columns / headSize, k.Columns / headSize, headSize, scale), q, k, v);
    }

    internal static Tensor Attend(this Scope f, PanelKernel kernel, AttentionShape shape, Tensor q, Tensor k, Tensor v)
    {
        Tensor o = f.New(q.Rows, q.Columns);
        bool recorded = f.Records([q, k, v]);
        Tensor? logSums = recorded ? f.New(q.Rows, shape.Heads) : null;
        AttentionForward.Run(f, kernel, shape, q, k, v, o, logSums);
        if (recorded) Record(f.Tape!, kernel, shape, q, k, v, o, logSums!);
        return o;

        static void Record(Tape tape, PanelKernel kernel, AttentionShape shape, Tensor q, Tensor k, Tensor v, Tensor o, Tensor logSums) =>
            tape.Record([o], [], [q, k, v, o, logSums], pass =>
            {
                AttentionBackward.Saved saved = new(q, k, v, o, logSums);
                AttentionBackward.Run(q.Context.Backend, kernel, shape, saved, pass.Gradient(o), new AttentionBackward.Gradients(pass, q, k, v));
            });
    }
}
