namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>
    /// y[t,i] = z[t,i] · mᵢ / nᵢ, or residual + that: DoRA's magnitude (Liu et al. 2024), where z is the product with a weight whose rows have lengths n.
    /// </summary>
    /// <remarks>dz = dy ⊙ m / n, dm = Σ_t dy ⊙ z / n; n is a constant, and the residual gets dy as it is. The tape keeps z.</remarks>
    /// <param name="f">Where the result lives.</param>
    /// <param name="z">[tokens, out]</param>
    /// <param name="magnitude">m [out]</param>
    /// <param name="norms">n [1, out], from <see cref="RowNorms"/>.</param>
    /// <param name="residual">[tokens, out], or null.</param>
    /// <returns>[tokens, out]</returns>
    public static Tensor Magnitude(this Scope f, Tensor z, Parameter magnitude, Tensor norms, Tensor? residual = null)
    {
        Expect.Vector(magnitude, z.Columns);
        Expect.Columns(norms, z.Columns, "the row of lengths");
        Tensor y = f.New(z.Rows, z.Columns), ratios = f.New(1, z.Columns);
        if (residual is not null) Expect.SameShape(y, residual);
        for (int i = 0; i < z.Columns; i++) ratios.Data[i] = magnitude.Vector[i] / norms.Data[i];
        MagnitudeForward forward =
            new() { Z = z.Data, Ratios = ratios.Data, Residual = residual is null ? null : residual.Data, Y = y.Data, Columns = z.Columns };
        RowDriver.Rows(f.Context.Backend, z.Rows, z.Columns, forward);
        bool recorded = residual is null ? f.Records([z, norms], [magnitude]) : f.Records([z, norms, residual], [magnitude]);
        if (recorded) Record(f.Tape!, z, magnitude, norms, ratios, residual, y);
        return y;

        static void Record(Tape tape, Tensor z, Parameter magnitude, Tensor norms, Tensor ratios, Tensor? residual, Tensor y) =>
            tape.Record([y], [magnitude], [z, norms, ratios], pass =>
            {
                Tensor dy = pass.Gradient(y);
                if (pass.Wants(z))
                {
                    Tensor dz = pass.Target(z, out bool add);
                    MagnitudeForward toProduct = new() { Z = dy.Data, Ratios = ratios.Data, Residual = add ? dz.Data : null, Y = dz.Data, Columns = z.Columns };
                    RowDriver.Rows(z.Context.Backend, z.Rows, z.Columns, toProduct);
                }

                if (magnitude.Gradient is { } gradient)
                {
                    MagnitudeGradient toMagnitude =
                        new() { Z = z.Data, DY = dy.Data, Norms = norms.Data, DMagnitude = gradient.Pointer, Tokens = z.Rows, Stride = z.Columns };
                    RowDriver.Columns(z.Context.Backend, z.Rows, z.Columns, toMagnitude);
                }

                if (residual is not null) pass.PassOn(y, residual);
            });
    }

    /// <summary>y = residual + z ⊙ ratios; the same kernel takes dy to dz.</summary>
    private struct MagnitudeForward : IRowKernel
    {
        public float* Z, Ratios, Residual, Y;
        public int Columns;

        public readonly void Row(int row)
        {
            long first = (long)row * Columns;
            VectorRow.Multiply(Z + first, Ratios, Residual == null ? null : Residual + first, Y + first, Columns);
        }
    }

    private struct MagnitudeGradient : IColumnKernel
    {
        public float* Z, DY, Norms, DMagnitude;
        public int Tokens, Stride;

        public readonly void Columns(int first, int count)
        {
            // A range may be all columns, too many for the stack.
            const int Chunk = 512;
            float* sums = stackalloc float[Chunk];
            for (int end = first + count; first < end; first += Chunk)
            {
                int width = Math.Min(Chunk, end - first);
                new Span<float>(sums, width).Clear();
                for (int t = 0; t < Tokens; t++)
                {
                    long at = ((long)t * Stride) + first;
                    VectorRow.Multiply(Z + at, DY + at, sums, sums, width);
                }

                for (int i = 0; i < width; i++) DMagnitude[first + i] += sums[i] / Norms[first + i];
            }
        }
    }
}
