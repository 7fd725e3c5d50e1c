namespace Sirocco.Compute;

public static unsafe partial class Operations
{
    /// <summary>y[t] = x[t] + b. Backward: dx = dy, db += Σ_t dy[t].</summary>
    /// <param name="f">Where the result lives.</param>
    /// <param name="x">[tokens, features]</param>
    /// <param name="bias">[features]</param>
    /// <returns>[tokens, features]</returns>
    public static Tensor AddBias(this Scope f, Tensor x, Parameter bias)
    {
        Expect.Vector(bias, x.Columns);
        Tensor y = f.New(x.Rows, x.Columns);
        BiasForward forward = new() { X = x.Data, Bias = bias.Vector, Y = y.Data, Features = x.Columns };
        RowDriver.Rows(f.Context.Backend, x.Rows, x.Columns, forward);
        if (f.Records([x], [bias])) Record(f.Tape!, x, bias, y);
        return y;

        static void Record(Tape tape, Tensor x, Parameter bias, Tensor y) => tape.Record([y], [bias], [], pass =>
        {
            if (bias.Gradient is { } gradient)
            {
                BiasGradient toBias = new() { DY = pass.Gradient(y).Data, DBias = gradient.Pointer, Tokens = y.Rows, Features = y.Columns };
                RowDriver.Columns(y.Context.Backend, y.Rows, y.Columns, toBias);
            }

            pass.PassOn(y, x);
        });
    }

    private struct BiasForward : IRowKernel
    {
        public float* X, Bias, Y;
        public int Features;

        public readonly void Row(int row)
        {
            float* y = Y + ((long)row * Features);
            VectorRow.Copy(X + ((long)row * Features), y, Features);
            VectorRow.Add(Bias, y, Features);
        }
    }

    private struct BiasGradient : IColumnKernel
    {
        public float* DY, DBias;
        public int Tokens, Features;

        public readonly void Columns(int first, int count)
        {
            for (int t = 0; t < Tokens; t++) VectorRow.Add(DY + ((long)t * Features) + first, DBias + first, count);
        }
    }
}
