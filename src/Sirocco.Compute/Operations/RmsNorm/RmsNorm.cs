using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>What networks are written with: each operation computes its result and, where a tape records, how gradients go back through it.</summary>
public static unsafe partial class Operations
{
    /// <summary>y[t,i] = x[t,i] · g[i] / sqrt(mean_j x[t,j]² + ε) for each token t (Zhang and Sennrich 2019). Statistics in f32.</summary>
    /// <remarks>
    /// With r = 1 / sqrt(mean x² + ε) and x̂ = r · x: dx = r · (g ⊙ dy − x̂ · mean(g ⊙ dy ⊙ x̂)), dg = Σ_t dy ⊙ x̂. The tape keeps x and r.
    /// </remarks>
    /// <param name="f">Where the result lives.</param>
    /// <param name="x">[tokens, features]</param>
    /// <param name="gain">[features]</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="forProducts">Only products read the result: it is made in bf16 where they would round it to that.</param>
    /// <returns>[tokens, features]</returns>
    public static Tensor RmsNorm(this Scope f, Tensor x, Parameter gain, float epsilon, bool forProducts = false)
    {
        Expect.Vector(gain, x.Columns);
        Tensor y = f.New(x.Rows, x.Columns, forProducts ? Factors(f) : ElementType.F32);
        bool recorded = f.Records([x], [gain]);
        Tensor? inverse = recorded ? f.New(x.Rows, 1) : null;
        if (y.Type == ElementType.BF16) RmsNormForward<BFloat16Units>.Run(x, gain, epsilon, y, inverse);
        else RmsNormForward<WholeUnits>.Run(x, gain, epsilon, y, inverse);
        if (recorded) Record(f.Tape!, x, gain, inverse!, y);
        return y;

        static void Record(Tape tape, Tensor x, Parameter gain, Tensor inverse, Tensor y) => tape.Record([y], [gain], [x, inverse], pass =>
        {
            Tensor dy = pass.Gradient(y);
            if (pass.Wants(x))
            {
                Tensor dx = pass.Target(x, out bool add);
                RmsNormBackward toInput = new()
                {
                    X = x.Data,
                    Gain = gain.Vector,
                    Inverse = inverse.Data,
                    DY = dy.Data,
                    DX = dx.Data,
                    Columns = x.Columns,
                    Accumulate = add,
                };
                RowDriver.Rows(x.Context.Backend, x.Rows, 4 * x.Columns, toInput);
            }

            if (gain.Gradient is { } gradient)
            {
                RmsNormGain toGain = new() { X = x.Data, Inverse = inverse.Data, DY = dy.Data, DGain = gradient.Pointer, Tokens = x.Rows, Stride = x.Columns };
                RowDriver.Columns(x.Context.Backend, x.Rows, x.Columns, toGain);
            }
        });
    }
}
