using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>y = x · Wᵀ, or residual + x · Wᵀ, in the scope's precision.</summary>
    /// <remarks>dx = dy · W, dW += dyᵀ · x, and the residual gets dy as it is. The tape keeps x.</remarks>
    /// <param name="f">Where the result lives, and the precision.</param>
    /// <param name="x">[tokens, in]</param>
    /// <param name="weight">W [out, in]</param>
    /// <param name="residual">[tokens, out], added to the product; null: none.</param>
    /// <returns>[tokens, out]</returns>
    public static Tensor Linear(this Scope f, Tensor x, Parameter weight, Tensor? residual = null)
    {
        Expect.Inputs(weight, x);
        Tensor y = f.New(x.Rows, weight.Rows);
        if (residual is not null) Expect.SameShape(y, residual);
        bool recorded = residual is null ? f.Records([x], [weight]) : f.Records([x, residual], [weight]);
        Tensor operand = ProductInput(f, x, recorded);
        Gemm.Linear(f.Context.Backend, Matrix(operand), [Output(f, weight, y, residual)], f.Precision);
        if (recorded) Record(f.Tape!, f.Precision, x, operand, weight, residual, y);
        return y;

        static void Record(Tape tape, Precision precision, Tensor x, Tensor operand, Parameter weight, Tensor? residual, Tensor y) =>
            tape.Record([y], [weight], [operand], pass =>
            {
                LinearBackward(pass, precision, x, operand, weight, pass.Gradient(y));
                if (residual is not null) pass.PassOn(y, residual);
            });
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
        Expect.Inputs(weight1, x);
        Expect.Inputs(weight2, x);
        Expect.Inputs(weight3, x);
        Tensor y1 = f.New(x.Rows, weight1.Rows), y2 = f.New(x.Rows, weight2.Rows), y3 = f.New(x.Rows, weight3.Rows);
        bool recorded = f.Records([x], [weight1, weight2, weight3]);
        Tensor operand = ProductInput(f, x, recorded);
        Gemm.Linear(f.Context.Backend, Matrix(operand), [Output(f, weight1, y1), Output(f, weight2, y2), Output(f, weight3, y3)], f.Precision);
        if (recorded) Record(f.Tape!, f.Precision, x, operand, [weight1, weight2, weight3], [y1, y2, y3]);
        return (y1, y2, y3);

        static void Record(Tape tape, Precision precision, Tensor x, Tensor operand, Parameter[] weights, Tensor[] ys) => tape.Record(ys, weights, [operand], pass =>
        {
            for (int i = 0; i < ys.Length; i++) LinearBackward(pass, precision, x, operand, weights[i], pass.Gradient(ys[i]));
        });
    }

    /// <summary>dx (+)= dy · W, dW += dyᵀ · x.</summary>
    private static void LinearBackward(BackwardPass pass, Precision precision, Tensor x, Tensor operand, Parameter weight, Tensor dy)
    {
        // Rounded once for both products; they would each round it the same way.
        CpuBackend backend = x.Context.Backend;
        if (Rounds(backend, precision) && dy.Type == ElementType.F32) dy = Rounded(pass.Scope, dy);
        if (pass.Wants(x))
        {
            Tensor dx = pass.Target(x, out bool add);
            Gemm.Multiply(backend, Matrix(dy), weight.Operand, dx.Data, dx.Columns, precision, add);
        }

        if (weight.Gradient is { } gradient)
            Gemm.Multiply(backend, Matrix(dy).T, Matrix(operand), gradient.Pointer, weight.Columns, precision, accumulate: true);
    }

    /// <summary>
    /// What products read of <paramref name="x"/>: itself, or its bf16 rounding where those are bf16 products and the tape is to keep the factor for the
    /// backward products, which would round it the same way.
    /// </summary>
    private static Tensor ProductInput(Scope f, Tensor x, bool recorded)
    {
        if (!recorded) return x;
        if (f.Precision == Precision.Int8) throw new InvalidOperationException("int8 products have no gradients: train in bf16 or f32");
        return Rounds(f.Context.Backend, f.Precision) ? Rounded(f, x) : x;
    }

    /// <summary>Whether products round their factors to bf16.</summary>
    private static bool Rounds(CpuBackend backend, Precision precision) => precision == Precision.BF16 && backend.Kernels.BF16.Format == PanelFormat.BF16;

    private static Tensor Rounded(Scope f, Tensor x)
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

    private struct RoundToBF16 : IRowKernel
    {
        public float* X;
        public ushort* Y;
        public int Columns;

        public readonly void Row(int row) => RowConversion.ToBF16(ElementType.F32, X + ((long)row * Columns), Columns, Y + ((long)row * Columns));
    }
}
