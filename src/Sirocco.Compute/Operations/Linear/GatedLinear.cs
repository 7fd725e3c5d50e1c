using System.Runtime.Intrinsics;
using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>y = silu(x · Gᵀ) ⊙ (x · Uᵀ), silu(z) = z / (1 + e⁻ᶻ): SwiGLU up to its last product (Shazeer 2020).</summary>
    /// <remarks>
    /// With a = x · Gᵀ, b = x · Uᵀ, σ = 1 / (1 + e⁻ᵃ): da = dy ⊙ b ⊙ σ(1 + a(1 − σ)), db = dy ⊙ aσ, then as for two linear layers. The tape keeps x, a and b;
    /// where nothing is recorded a and b are never written to memory.
    /// </remarks>
    /// <param name="f">Where the result lives, and the precision.</param>
    /// <param name="x">[tokens, in]</param>
    /// <param name="gate">G [features, in]</param>
    /// <param name="up">U [features, in]</param>
    /// <returns>[tokens, features]</returns>
    public static Tensor GatedLinear(this Scope f, Tensor x, Parameter gate, Parameter up)
    {
        Expect.Inputs(gate, x);
        Expect.Inputs(up, x);
        Tensor y = f.New(x.Rows, gate.Rows);
        bool recorded = f.Records([x], [gate, up]), trained = gate.Trainable || up.Trainable;
        Tensor operand = ProductInput(f, x, recorded, trained);
        Tensor? a = recorded ? f.New(x.Rows, gate.Rows) : null, b = recorded ? f.New(x.Rows, up.Rows) : null;
        Gemm.GatedLinear(f.Context.Backend, Matrix(operand), Output(f, gate, a), Output(f, up, b), y.Data, y.Columns, f.Precision);
        if (recorded) Record(f.Tape!, f.Precision, x, trained ? operand : null, gate, up, a!, b!, y);
        return y;

        static void Record(Tape tape, Precision precision, Tensor x, Tensor? operand, Parameter gate, Parameter up, Tensor a, Tensor b, Tensor y) =>
            tape.Record([y], [gate, up], operand is null ? [a, b] : [operand, a, b], pass =>
            {
                bool rounds = Rounds(y.Context.Backend, precision);
                Tensor da = pass.Scope.New(y.Rows, y.Columns, rounds ? ElementType.BF16 : ElementType.F32), db = pass.Scope.New(y.Rows, y.Columns, da.Type);
                GateBackward backward = new()
                {
                    A = a.Data,
                    B = b.Data,
                    DY = pass.Gradient(y).Data,
                    DA = da.Pointer,
                    DB = db.Pointer,
                    Count = y.Count,
                    Rounds = rounds,
                };
                RowDriver.Flat(y.Context.Backend, y.Count, backward);
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
            GateBackward backward = new() { A = a.Data, B = b.Data, DY = pass.Gradient(y).Data, DA = da.Pointer, DB = db.Pointer, Count = y.Count };
            RowDriver.Flat(y.Context.Backend, y.Count, backward);
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
            Epilogue.Gate(A + first, B + first, Y + first, (int)Math.Min(RowDriver.FlatRow, Count - first));
        }
    }

    private struct GateBackward : IRowKernel
    {
        public float* A, B, DY;
        public void* DA, DB;
        public long Count;
        public bool Rounds;

        public readonly void Row(int row)
        {
            long i = (long)row * RowDriver.FlatRow, end = Math.Min(i + RowDriver.FlatRow, Count);
            for (; i + 8 <= end; i += 8)
            {
                (Vector256<float> da, Vector256<float> db) = Derivatives(Vector256.Load(A + i), Vector256.Load(B + i), Vector256.Load(DY + i));
                if (Rounds)
                {
                    Widening.UpperHalves(Widening.RoundToBF16(da)).Store((ushort*)DA + i);
                    Widening.UpperHalves(Widening.RoundToBF16(db)).Store((ushort*)DB + i);
                }
                else
                {
                    da.Store((float*)DA + i);
                    db.Store((float*)DB + i);
                }
            }

            for (; i < end; i++)
            {
                (Vector256<float> da, Vector256<float> db) = Derivatives(
                    Vector256.CreateScalar(A[i]), Vector256.CreateScalar(B[i]), Vector256.CreateScalar(DY[i]));
                if (Rounds) (((ushort*)DA)[i], ((ushort*)DB)[i]) = (Widening.ToBF16(da.ToScalar()), Widening.ToBF16(db.ToScalar()));
                else (((float*)DA)[i], ((float*)DB)[i]) = (da.ToScalar(), db.ToScalar());
            }
        }

        private static (Vector256<float> DA, Vector256<float> DB) Derivatives(Vector256<float> a, Vector256<float> b, Vector256<float> dy)
        {
            Vector256<float> sigmoid = VectorMath.Sigmoid(a);
            return (dy * b * sigmoid * (Vector256<float>.One + (a * (Vector256<float>.One - sigmoid))), dy * a * sigmoid);
        }
    }
}
