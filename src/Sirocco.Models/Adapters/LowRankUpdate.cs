using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>
/// What an adapter adds to a weight W of a projection: s · B · A of low rank (LoRA, Hu et al. 2021), and where it has a magnitude m, the sum's rows brought to
/// lengths m (DoRA, Liu et al. 2024): (m / ‖W + s·B·A‖) ⊙ (W + s·B·A).
/// </summary>
public sealed class LowRankUpdate
{
    internal LowRankUpdate(Parameter a, Parameter b, Parameter? magnitude, float scale) => (A, B, Magnitude, Scale) = (a, b, magnitude, scale);

    /// <summary>[rank, in]; of an embedding [rank, vocabulary].</summary>
    public Parameter A { get; }

    /// <summary>[out, rank]</summary>
    public Parameter B { get; }

    /// <summary>[out] lengths of the adapted weight's rows; null: plain LoRA.</summary>
    public Parameter? Magnitude { get; }

    /// <summary>s: alpha / rank, or alpha / √rank.</summary>
    public float Scale { get; }

    /// <summary>Columns of B.</summary>
    public int Rank => A.Rows;

    /// <summary>A, B and the magnitude: what an adapter trains.</summary>
    public IEnumerable<Parameter> Parameters => Magnitude is null ? [A, B] : [A, B, Magnitude];

    /// <summary>Probability with which training drops an element; nothing is dropped outside of training (<see cref="Scope.DropoutDraw"/>).</summary>
    internal float Dropout { get; init; }

    /// <summary>Where it drops.</summary>
    internal DropoutPosition DropoutPosition { get; init; }

    /// <summary>Which dropout of the network this is.</summary>
    internal ulong DropoutIndex { get; init; }

    /// <summary>Whether A reads x with elements dropped, so that it shares no input with other projections.</summary>
    internal bool DropsInput(Scope f) => Dropout > 0 && DropoutPosition == DropoutPosition.Pre && f.DropoutDraw is not null;

    /// <summary>The adapted product, from the products of one input with W and with A.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="weight">W [out, in], which DoRA's row lengths depend on.</param>
    /// <param name="y">[tokens, out] x · Wᵀ, with the residual in it unless there is a magnitude; freed here where <paramref name="f"/> made it.</param>
    /// <param name="t">[tokens, rank] x · Aᵀ</param>
    /// <param name="residual">[tokens, out], or null.</param>
    /// <returns>[tokens, out]</returns>
    internal Tensor Apply(Scope f, Parameter weight, Tensor y, Tensor t, Tensor? residual)
    {
        t = f.Scale(t, Scale);                                                          // [tokens, rank]
        Tensor z = Dropout > 0 && DropoutPosition == DropoutPosition.Post && f.DropoutDraw is not null
            ? f.Add(y, f.Dropout(f.Narrow(t, B), Dropout, DropoutIndex))
            : f.Narrow(t, B, residual: y);                                              // [tokens, out]
        f.Free(y);
        return Magnitude is null ? z : f.Magnitude(z, Magnitude, f.RowNorms(weight, A, B, Scale), residual);
    }
}
