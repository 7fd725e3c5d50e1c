using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>y = silu(x · Gᵀ) ⊙ (x · Uᵀ), silu(z) = z / (1 + e⁻ᶻ): SwiGLU up to its last product (Shazeer 2020).</summary>
    /// <remarks>
    /// With a = x · Gᵀ, b = x · Uᵀ, σ = 1 / (1 + e⁻ᵃ): da = dy ⊙ b ⊙ σ(1 + a(1 − σ)), db = dy ⊙ aσ, then as for two linear layers. The tape keeps x, a and b,
    /// in bf16 where products are; where nothing is recorded a and b are never written to memory.
    /// </remarks>
    /// <param name="f">Where the result lives, and the precision.</param>
    /// <param name="x">[tokens, in]</param>
    /// <param name="gate">G [features, in]</param>
    /// <param name="up">U [features, in]</param>
    /// <returns>[tokens, features], made for the product that follows: in bf16 where the processor multiplies bf16 and the precision is that.</returns>
    public static Tensor GatedLinear(this Scope f, Tensor x, Parameter gate, Parameter up)
    {
        Expect.Inputs(gate, x);
        Expect.Inputs(up, x);
        ElementType type = Factors(f);
        Tensor y = f.New(x.Rows, gate.Rows, type);
        bool recorded = f.Records([x], [gate, up]), trained = gate.Trainable || up.Trainable;
        Tensor operand = ProductInput(f, x, recorded, trained);
        Tensor? a = recorded ? f.New(x.Rows, gate.Rows, type) : null, b = recorded ? f.New(x.Rows, up.Rows, type) : null;
        GatedOutput output = new(y.Pointer, recorded ? a!.Pointer : null, recorded ? b!.Pointer : null, type, y.Columns);
        Gemm.GatedLinear(f.Context.Backend, Matrix(operand), Output(f, gate, null), Output(f, up, null), output, f.Precision);
        if (recorded) Record(f.Tape!, f.Precision, x, trained ? operand : null, gate, up, a!, b!, y);
        return y;

        static void Record(Tape tape, Precision precision, Tensor x, Tensor? operand, Parameter gate, Parameter up, Tensor a, Tensor b, Tensor y) =>
            tape.Record([y], [gate, up], operand is null ? [a, b] : [operand, a, b], pass =>
            {
                Tensor da = pass.Scope.New(y.Rows, y.Columns, a.Type), db = pass.Scope.New(y.Rows, y.Columns, a.Type);
                if (a.Type == ElementType.BF16) GateBackward<LoadBF16, BFloat16Units>.Run(a, b, pass.Gradient(y), da, db);
                else GateBackward<LoadF32, WholeUnits>.Run(a, b, pass.Gradient(y), da, db);
                LinearBackward(pass, precision, x, operand, gate, da);
                LinearBackward(pass, precision, x, operand, up, db);
            });
    }

    /// <summary>y = silu(a) ⊙ b: <see cref="GatedLinear"/> from its two products, where each is more than a product.</summary>
    /// <remarks>Backward as there. The tape keeps a and b.</remarks>
    /// <param name="f">Where the result lives.</param>
    /// <param name="a">[tokens, features]</param>
    /// <param name="b">[tokens, features]</param>
    /// <returns>[tokens, features]</returns>
    public static Tensor Gate(this Scope f, Tensor a, Tensor b)
    {
        Expect.SameShape(a, b);
        Tensor y = f.New(a.Rows, a.Columns);
        RowDriver.Flat(f.Context.Backend, y.Count, new GateForward { A = a.Data, B = b.Data, Y = y.Data, Count = y.Count });
        if (f.Records([a, b])) Record(f.Tape!, a, b, y);
        return y;

        static void Record(Tape tape, Tensor a, Tensor b, Tensor y) => tape.Record([y], [], [a, b], pass =>
        {
            Tensor da = pass.Scope.New(y.Rows, y.Columns), db = pass.Scope.New(y.Rows, y.Columns);
            GateBackward<LoadF32, WholeUnits>.Run(a, b, pass.Gradient(y), da, db);
            pass.Add(a, da);
            pass.Add(b, db);
        });
    }

    private struct GateForward : IRowKernel
    {
        public float* A, B, Y;
        public long Count;

        public readonly void Row(int row)
        {
            long first = (long)row * RowDriver.FlatRow;
            Epilogue.Gate<WholeUnits>(A + first, B + first, (byte*)(Y + first), (int)Math.Min(RowDriver.FlatRow, Count - first));
        }
    }

    /// <summary>da and db from a, b and dy.</summary>
    private struct GateBackward<TLoad, TStore> : IRowKernel
        where TLoad : IFloatLoad
        where TStore : IUnitStore
    {
        private byte* a, b, da, db;
        private float* dy;
        private long count;

        public static void Run(Tensor a, Tensor b, Tensor dy, Tensor da, Tensor db)
        {
            GateBackward<TLoad, TStore> backward = new()
            {
                a = (byte*)a.Pointer,
                b = (byte*)b.Pointer,
                dy = dy.Data,
                da = (byte*)da.Pointer,
                db = (byte*)db.Pointer,
                count = dy.Count,
            };
            RowDriver.Flat(dy.Context.Backend, dy.Count, backward);
        }

        public readonly void Row(int row)
        {
            long i = (long)row * RowDriver.FlatRow, end = Math.Min(i + RowDriver.FlatRow, count);
            for (; i + 8 <= end; i += 8)
            {
                Derivatives(TLoad.Load8(a, i), TLoad.Load8(b, i), Vector256.Load(dy + i), out Vector256<float> toA, out Vector256<float> toB);
                TStore.Store8(toA.AsUInt32(), da + (i * TStore.Bytes));
                TStore.Store8(toB.AsUInt32(), db + (i * TStore.Bytes));
            }

            for (; i < end; i++)
            {
                Vector256<float> one = Vector256.CreateScalar(TLoad.Load(a, i)), other = Vector256.CreateScalar(TLoad.Load(b, i));
                Derivatives(one, other, Vector256.CreateScalar(dy[i]), out Vector256<float> toA, out Vector256<float> toB);
                TStore.Store(toA.AsUInt32().ToScalar(), da + (i * TStore.Bytes));
                TStore.Store(toB.AsUInt32().ToScalar(), db + (i * TStore.Bytes));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Derivatives(Vector256<float> a, Vector256<float> b, Vector256<float> dy, out Vector256<float> da, out Vector256<float> db)
        {
            // In the order of PyTorch's silu_backward: Adam's first steps turn the rounding of a gradient near zero into a whole step.
            Vector256<float> sigmoid = VectorMath.Sigmoid(a);
            da = dy * b * sigmoid * (Vector256<float>.One + (a * (Vector256<float>.One - sigmoid)));
            db = dy * a * sigmoid;
        }
    }
}
