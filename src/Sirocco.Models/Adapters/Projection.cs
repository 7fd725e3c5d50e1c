using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>A linear layer, or the embedding table, by the name that adapters know it by: a weight, perhaps a bias, and what an adapter adds.</summary>
public sealed class Projection
{
    internal Projection(string name, Parameter weight, Parameter? bias = null) => (Name, Weight, Bias) = (name, weight, bias);

    /// <summary>Name within the network: <c>layers.0.self_attn.q_proj</c>, <c>embed_tokens</c>, <c>lm_head</c>, <c>score</c>.</summary>
    public string Name { get; }

    /// <summary>[out, in]; of the embedding [vocabulary, hidden].</summary>
    public Parameter Weight { get; internal set; }

    /// <summary>[out]</summary>
    public Parameter? Bias { get; }

    /// <summary>The adapter's part; null where there is none.</summary>
    public LowRankUpdate? Update { get; internal set; }

    /// <summary>Parameters of the network itself.</summary>
    internal IEnumerable<Parameter> Parameters => Bias is null ? [Weight] : [Weight, Bias];
}

/// <summary>Linear layers of a network, adapted or not: what <see cref="Operations"/> does with a bare weight.</summary>
internal static class ProjectionOperations
{
    /// <summary>y = x · Wᵀ (+ residual) (+ bias), with what the adapter adds.</summary>
    public static Tensor Linear(this Scope f, Tensor x, Projection projection, Tensor? residual = null)
    {
        Tensor y = projection.Update is null ? f.Linear(x, projection.Weight, residual) : f.Adapted(x, projection, residual);
        return f.Biased(y, projection);
    }

    /// <summary>Three projections of the same x.</summary>
    public static (Tensor Y1, Tensor Y2, Tensor Y3) Linear(this Scope f, Tensor x, Projection first, Projection second, Projection third)
    {
        Tensor y1, y2, y3;
        if (first.Update is null && second.Update is null && third.Update is null)
        {
            (y1, y2, y3) = f.Linear(x, first.Weight, second.Weight, third.Weight);
        }
        else
        {
            Tensor[] y = f.Adapted(x, first, second, third);
            (y1, y2, y3) = (y[0], y[1], y[2]);
        }

        return (f.Biased(y1, first), f.Biased(y2, second), f.Biased(y3, third));
    }

    /// <summary>silu(gate(x)) ⊙ up(x).</summary>
    public static Tensor GatedLinear(this Scope f, Tensor x, Projection gate, Projection up)
    {
        if (gate.Update is null && up.Update is null && gate.Bias is null && up.Bias is null) return f.GatedLinear(x, gate.Weight, up.Weight);
        Tensor[] y = f.Adapted(x, gate, up);
        return f.Gate(f.Biased(y[0], gate), f.Biased(y[1], up));
    }

    /// <summary>Rows of the table: y[t] = W[ids[t]] + s · B · A[:, ids[t]].</summary>
    public static Tensor Embedding(this Scope f, Projection table, ReadOnlySpan<int> ids, int paddingId)
    {
        Tensor y = f.Embedding(table.Weight, ids, paddingId);
        return table.Update is { } update ? update.Apply(f, table.Weight, y, f.EmbeddingColumns(update.A, ids, paddingId), null) : y;
    }

    /// <summary>
    /// Cross-entropy of the head's logits; for an adapted head in pieces whose logits are computed again for the backward pass, so that no matrix of all logits
    /// exists.
    /// </summary>
    public static Tensor HeadCrossEntropy(this Scope f, Tensor hidden, Projection head, ReadOnlySpan<int> labels, float normalizer)
    {
        if (head.Update is null && head.Bias is null) return f.HeadCrossEntropy(hidden, head.Weight, labels, normalizer);
        const int Logits = 8 << 20;
        int[] all = labels.ToArray(), rows = [.. Enumerable.Range(0, all.Length).Where(row => all[row] >= 0)];
        if (normalizer == 0) normalizer = Math.Max(rows.Length, 1);
        using Scope inner = f.BeginScope();
        Tensor? loss = null;
        int done = 0;
        foreach (int[] piece in rows.Chunk(Math.Max(1, Logits / head.Weight.Rows)).DefaultIfEmpty([]))
        {
            Tensor Piece(Scope g, Tensor x) => g.Scale(
                g.CrossEntropy(g.Linear(g.GatherRows(x, piece), head), Array.ConvertAll(piece, row => all[row])), piece.Length / normalizer);
            using Scope own = inner.BeginScope(dropout: inner.DropoutDraw is { } draw ? draw with { FirstToken = draw.FirstToken + done } : null);
            Tensor part = own.Keep(own.Recomputed(hidden, Piece));                      // [1, 1]
            done += piece.Length;
            loss = loss is null ? part : inner.Add(loss, part);
        }

        return inner.Keep(loss!);
    }

    /// <summary>x · Wᵀ for a factor of an adapter, which is too narrow to gain from int8 and too small to lose by it.</summary>
    public static Tensor Narrow(this Scope f, Tensor x, Parameter weight, Tensor? residual = null)
    {
        if (f.Precision != Precision.Int8) return f.Linear(x, weight, residual);
        using Scope wide = f.BeginScope(Precision.F32);
        return wide.Keep(wide.Linear(x, weight, residual));
    }

    private static Tensor Biased(this Scope f, Tensor y, Projection projection) => projection.Bias is null ? y : f.AddBias(y, projection.Bias);

    /// <summary>Projections of the same x, some of them adapted: all weights and all A in one product, as far as they read the same.</summary>
    private static Tensor[] Adapted(this Scope f, Tensor x, params ReadOnlySpan<Projection> group)
    {
        foreach (Projection projection in group)
        {
            if (f.Precision == Precision.Int8 || projection.Update?.DropsInput(f) == true)
            {
                Tensor[] apart = new Tensor[group.Length];
                for (int i = 0; i < apart.Length; i++)
                    apart[i] = group[i].Update is null ? f.Linear(x, group[i].Weight) : f.Adapted(x, group[i], residual: null);
                return apart;
            }
        }

        List<Parameter> weights = [];
        foreach (Projection projection in group) weights.Add(projection.Weight);
        foreach (Projection projection in group)
        {
            if (projection.Update is { } update) weights.Add(update.A);
        }

        Tensor[] products = new Tensor[weights.Count];
        f.Linear(x, [.. weights], null, products);
        for (int i = 0, narrow = group.Length; i < group.Length; i++)
        {
            if (group[i].Update is { } update) products[i] = update.Apply(f, group[i].Weight, products[i], products[narrow++], null);
        }

        return products[..group.Length];
    }

    private static Tensor Adapted(this Scope f, Tensor x, Projection projection, Tensor? residual)
    {
        LowRankUpdate update = projection.Update!;
        Tensor? inside = update.Magnitude is null ? residual : null, read = update.DropsInput(f) ? f.Dropout(x, update.Dropout, update.DropoutIndex) : x;

        // DoRA turns the whole adapted weight, so what A reads its W reads too.
        Tensor wide = update.Magnitude is null ? x : read;
        if (wide != read || f.Precision == Precision.Int8)
            return update.Apply(f, projection.Weight, f.Linear(wide, projection.Weight, inside), f.Narrow(read, update.A), residual);
        Tensor[] products = new Tensor[2];
        f.Linear(read, [projection.Weight, update.A], inside, products);
        return update.Apply(f, projection.Weight, products[0], products[1], residual);
    }
}
