using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>
    /// Lengths of the rows of W + s · B · A, which DoRA divides by (Liu et al. 2024). They count as constants: no gradient flows into W, A or B from here.
    /// </summary>
    /// <remarks>
    /// The sum is never formed: ‖wᵢ + s bᵢA‖² = ‖wᵢ‖² + 2s bᵢ·(A wᵢ) + s² bᵢ(AAᵀ)bᵢᵀ, in f32, where ‖wᵢ‖² is computed once for a frozen W. Rounding is relative
    /// to ‖wᵢ‖, so an update that cancels its row would lose digits.
    /// </remarks>
    /// <param name="f">Where the result lives.</param>
    /// <param name="weight">W [out, in]</param>
    /// <param name="a">A [rank, in]</param>
    /// <param name="b">B [out, rank]</param>
    /// <param name="scale">s.</param>
    /// <returns>[1, out]</returns>
    public static Tensor RowNorms(this Scope f, Parameter weight, Parameter a, Parameter b, float scale)
    {
        if (a.Columns != weight.Columns || b.Rows != weight.Rows || b.Columns != a.Rows) throw new ArgumentException($"{a} and {b} do not adapt {weight}");
        CpuBackend backend = f.Context.Backend;
        using Scope inner = f.BeginScope();
        Tensor cross = inner.New(a.Rows, weight.Rows), gram = inner.New(a.Rows, a.Rows), norms = inner.New(1, weight.Rows);
        Gemm.Multiply(backend, a.Operand, weight.Operand.T, cross.Data, cross.Columns, Precision.F32);
        Gemm.Multiply(backend, a.Operand, a.Operand.T, gram.Data, gram.Columns, Precision.F32);
        NormOfSum kernel = new()
        {
            Squares = weight.SquaredRowNorms(backend),
            B = inner.Values(b).Data,
            Cross = cross.Data,
            Gram = gram.Data,
            Norms = norms.Data,
            Rows = weight.Rows,
            Rank = a.Rows,
            Scale = scale,
        };
        RowDriver.Rows(backend, weight.Rows, 8L * a.Rows * (a.Rows + 4), kernel);
        return inner.Keep(norms);
    }

    /// <summary>A parameter's values in f32.</summary>
    private static Tensor Values(this Scope f, Parameter parameter)
    {
        Tensor values = f.New(parameter.Rows, parameter.Columns);
        for (int row = 0; row < parameter.Rows; row++) parameter.CopyRowTo(row, values.Row(row));
        return values;
    }

    private struct NormOfSum : IRowKernel
    {
        public float* Squares, B, Cross, Gram, Norms;
        public int Rows, Rank;
        public float Scale;

        public readonly void Row(int row)
        {
            float* b = B + ((long)row * Rank);
            double cross = 0, square = 0;
            for (int i = 0; i < Rank; i++)
            {
                cross += (double)b[i] * Cross[((long)i * Rows) + row];
                square += (double)b[i] * VectorRow.Dot(Gram + ((long)i * Rank), b, Rank);
            }

            Norms[row] = (float)Math.Sqrt(Math.Max(Squares[row] + (2 * Scale * cross) + ((double)Scale * Scale * square), 0));
        }
    }
}
