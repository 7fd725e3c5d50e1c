using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>y = s · a · bᵀ, in f32 whatever the scope's precision: similarities decide rankings. Backward: da = s · dy · b, db = s · dyᵀ · a.</summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="a">[m, features]</param>
    /// <param name="b">[n, features]</param>
    /// <param name="scale">s, such as 1 / temperature.</param>
    /// <returns>[m, n]</returns>
    public static Tensor Scores(this Scope f, Tensor a, Tensor b, float scale = 1)
    {
        Expect.Columns(b, a.Columns, "the second matrix");
        Tensor y = f.New(a.Rows, b.Rows);
        CpuBackend backend = f.Context.Backend;
        Gemm.Multiply(backend, Matrix(a), Matrix(b).T, y.Data, y.Columns, Precision.F32);
        if (scale != 1) RowDriver.Flat(backend, y.Count, new Multiple { X = y.Data, Y = y.Data, Count = y.Count, Factor = scale });
        if (f.Records([a, b])) Record(f.Tape!, a, b, scale, y);
        return y;

        static void Record(Tape tape, Tensor a, Tensor b, float scale, Tensor y) => tape.Record([y], [], [a, b], pass =>
        {
            Tensor dy = pass.Scope.Scale(pass.Gradient(y), scale);
            foreach ((Tensor input, Operand left, Tensor right) in new[] { (a, Matrix(dy), b), (b, Matrix(dy).T, a) })
            {
                if (!pass.Wants(input)) continue;
                Tensor target = pass.Target(input, out bool add);
                Gemm.Multiply(input.Context.Backend, left, Matrix(right), target.Data, target.Columns, Precision.F32, add);
            }
        });
    }
}
