using System.Runtime.CompilerServices;
using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>y = x · Wᵀ, or residual + x · Wᵀ, in the scope's precision.</summary>
    /// <remarks>dx = dy · W, dW += dyᵀ · x, and the residual gets dy as it is. The tape keeps x where W is trained.</remarks>
    /// <param name="f">Where the result lives, and the precision.</param>
    /// <param name="x">[tokens, in]</param>
    /// <param name="weight">W [out, in]</param>
    /// <param name="residual">[tokens, out], added to the product; null: none.</param>
    /// <returns>[tokens, out]</returns>
    public static Tensor Linear(this Scope f, Tensor x, Parameter weight, Tensor? residual = null)
    {
        Span<Tensor> y = [null!];
        Linear(f, x, [weight], residual, y);
        return y[0];
    }

    /// <summary>Three products with the same input, such as q, k and v, which is converted once.</summary>
    /// <param name="f">Where the results live, and the precision.</param>
    /// <param name="x">[tokens, in]</param>
    /// <param name="weight1">[out₁, in]</param>
    /// <param name="weight2">[out₂, in]</param>
    /// <param name="weight3">[out₃, in]</param>
    /// <returns>[tokens, out₁], [tokens, out₂], [tokens, out₃]</returns>
    public static (Tensor Y1, Tensor Y2, Tensor Y3) Linear(this Scope f, Tensor x, Parameter weight1, Parameter weight2, Parameter weight3)
    {
        Span<Tensor> y = [null!, null!, null!];
        Linear(f, x, [weight1, weight2, weight3], null, y);
        return (y[0], y[1], y[2]);
    }

    /// <summary>Up to six products with the same input, which is converted once: q, k, v and the narrow factors of their adapters.</summary>
    /// <param name="f">Where the results live, and the precision.</param>
    /// <param name="x">[tokens, in]</param>
    /// <param name="weights">[outᵢ, in]</param>
    /// <param name="residual">[tokens, out₀], added to the first product; null: none.</param>
    /// <param name="y">Receives [tokens, outᵢ] for each weight.</param>
    public static void Linear(this Scope f, Tensor x, ReadOnlySpan<Parameter> weights, Tensor? residual, Span<Tensor> y)
    {
        bool recorded = residual is null ? f.Records([x], weights) : f.Records([x, residual], weights), trained = false;
        foreach (Parameter weight in weights)
        {
            Expect.Inputs(weight, x);
            trained |= weight.Trainable;
        }

        Tensor operand = ProductInput(f, x, recorded, trained);
        LinearOutputs outputs = default;
        for (int i = 0; i < weights.Length; i++)
        {
            y[i] = f.New(x.Rows, weights[i].Rows);
            if (i == 0 && residual is not null) Expect.SameShape(y[i], residual);
            outputs[i] = Output(f, weights[i], y[i], i == 0 ? residual : null);
        }

        Gemm.Linear(f.Context.Backend, Matrix(operand), outputs[..weights.Length], f.Precision);
        if (recorded) Record(f.Tape!, f.Precision, x, trained ? operand : null, [.. weights], residual, [.. y[..weights.Length]]);

        static void Record(Tape tape, Precision precision, Tensor x, Tensor? operand, Parameter[] weights, Tensor? residual, Tensor[] y) =>
            tape.Record(y, weights, operand is null ? [] : [operand], pass =>
            {
                for (int i = 0; i < y.Length; i++) LinearBackward(pass, precision, x, operand, weights[i], pass.Gradient(y[i]));
                if (residual is not null) pass.PassOn(y[0], residual);
            });
    }

    /// <summary>dx (+)= dy · W, dW += dyᵀ · x.</summary>
    private static void LinearBackward(BackwardPass pass, Precision precision, Tensor x, Tensor? operand, Parameter weight, Tensor dy)
    {
        if (!pass.Wants(x) && weight.Gradient is null) return;

        // Rounded once for both products; they would each round it the same way.
        CpuBackend backend = x.Context.Backend;
        if (Rounds(backend, precision) && dy.Type == ElementType.F32) dy = Rounded(pass.Scope, dy);
        if (pass.Wants(x))
        {
            Tensor dx = pass.Target(x, out bool add);
            Gemm.Multiply(backend, Matrix(dy), weight.Operand, dx.Data, dx.Columns, precision, add);
        }

        if (weight.Gradient is { } gradient)
            Gemm.Multiply(backend, Matrix(dy).T, Matrix(operand!), gradient.Pointer, weight.Columns, precision, accumulate: true);
    }

    /// <summary>
    /// What products read of <paramref name="x"/>: itself, or its bf16 rounding where those are bf16 products and the tape is to keep the factor for the
    /// backward products, which would round it the same way.
    /// </summary>
    /// <param name="f">Where the result lives, and the precision.</param>
    /// <param name="x">[tokens, in]</param>
    /// <param name="recorded">Whether a tape records the product.</param>
    /// <param name="kept">Whether it keeps the factor: a frozen weight's backward product does not read it.</param>
    private static Tensor ProductInput(Scope f, Tensor x, bool recorded, bool kept)
    {
        if (recorded && f.Precision == Precision.Int8) throw new InvalidOperationException("int8 products have no gradients: train in bf16 or f32");
        return recorded && kept && x.Type != Factors(f) ? Rounded(f, x) : x;
    }

    /// <summary>What a tensor that only products read is best made in: what they would round it to.</summary>
    private static ElementType Factors(Scope f) => Rounds(f.Context.Backend, f.Precision) ? ElementType.BF16 : ElementType.F32;

    /// <summary>Whether products round their factors to bf16.</summary>
    private static bool Rounds(CpuBackend backend, Precision precision) => precision == Precision.BF16 && backend.Kernels.BF16.Format == PanelFormat.BF16;

    /// <summary>x in bf16, row after row without a gap.</summary>
    internal static Tensor Rounded(this Scope f, Tensor x)
    {
        Tensor rounded = f.New(x.Rows, x.Columns, ElementType.BF16);
        RoundToBF16 round = new() { X = x.Data, Y = (ushort*)rounded.Pointer, Columns = x.Columns };
        RowDriver.Rows(f.Context.Backend, x.Rows, x.Columns, round);
        return rounded;
    }

    private static Operand Matrix(Tensor x) => Operand.Dense(x.Pointer, x.Type, x.Rows, x.Columns);

    private static LinearOutput Output(Scope f, Parameter weight, Tensor? y, Tensor? residual = null)
    {
        float* result = y is null ? null : y.Data, addend = residual is null ? null : residual.Data;
        return f.Precision == Precision.Int8
            ? new LinearOutput(weight.Quantized(f.Context.Backend), result, weight.Rows, addend, weight.Rows)
            : new LinearOutput(weight.Operand, result, weight.Rows, addend, weight.Rows);
    }

    /// <summary>Outputs of one product with several weights.</summary>
    [InlineArray(6)]
    private struct LinearOutputs
    {
        private LinearOutput first;
    }

    private struct RoundToBF16 : IRowKernel
    {
        public float* X;
        public ushort* Y;
        public int Columns;

        public readonly void Row(int row) => RowConversion.ToBF16(ElementType.F32, X + ((long)row * Columns), Columns, Y + ((long)row * Columns));
    }
}
