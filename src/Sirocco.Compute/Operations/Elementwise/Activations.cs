using System.Runtime.Intrinsics;
using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>A function of one number and its derivative, on eight lanes.</summary>
internal interface IActivation
{
    static abstract Vector256<float> Value(Vector256<float> x);

    static abstract Vector256<float> Derivative(Vector256<float> x);
}

public static unsafe partial class Operations
{
    /// <summary>y = x / (1 + e⁻ˣ) (Elfwing et al. 2017).</summary>
    public static Tensor Silu(this Scope f, Tensor x) => Activate<SiluActivation>(f, x);

    /// <summary>y = x · Φ(x) = x / 2 · (1 + erf(x / √2)), the exact form (Hendrycks and Gimpel 2016).</summary>
    public static Tensor Gelu(this Scope f, Tensor x) => Activate<GeluActivation>(f, x);

    /// <summary>y = tanh x.</summary>
    public static Tensor Tanh(this Scope f, Tensor x) => Activate<TanhActivation>(f, x);

    /// <summary>y = 1 / (1 + e⁻ˣ).</summary>
    public static Tensor Sigmoid(this Scope f, Tensor x) => Activate<SigmoidActivation>(f, x);

    /// <summary>y = max(x, 0); its derivative at 0 is 0.</summary>
    public static Tensor Relu(this Scope f, Tensor x) => Activate<ReluActivation>(f, x);

    /// <summary>The tape keeps x; dx = dy ⊙ f′(x).</summary>
    private static Tensor Activate<TActivation>(Scope f, Tensor x)
        where TActivation : IActivation
    {
        Tensor y = f.New(x.Rows, x.Columns);
        RowDriver.Flat(f.Context.Backend, x.Count, new ActivationForward<TActivation> { X = x.Data, Y = y.Data, Count = x.Count });
        if (f.Records([x])) Record(f.Tape!, x, y);
        return y;

        static void Record(Tape tape, Tensor x, Tensor y) => tape.Record([y], [], [x], pass =>
        {
            Tensor dy = pass.Gradient(y), dx = pass.Target(x, out bool add);
            RowDriver.Flat(
                x.Context.Backend, x.Count, new ActivationBackward<TActivation> { X = x.Data, DY = dy.Data, DX = dx.Data, Count = x.Count, Accumulate = add });
        });
    }

    private struct ActivationForward<TActivation> : IRowKernel
        where TActivation : IActivation
    {
        public float* X, Y;
        public long Count;

        public readonly void Row(int row)
        {
            long i = (long)row * RowDriver.FlatRow, end = Math.Min(i + RowDriver.FlatRow, Count);
            for (; i + 8 <= end; i += 8) TActivation.Value(Vector256.Load(X + i)).Store(Y + i);
            for (; i < end; i++) Y[i] = TActivation.Value(Vector256.CreateScalar(X[i])).ToScalar();
        }
    }

    private struct ActivationBackward<TActivation> : IRowKernel
        where TActivation : IActivation
    {
        public float* X, DY, DX;
        public long Count;
        public bool Accumulate;

        public readonly void Row(int row)
        {
            long i = (long)row * RowDriver.FlatRow, end = Math.Min(i + RowDriver.FlatRow, Count);
            for (; i + 8 <= end; i += 8)
            {
                Vector256<float> dx = Vector256.Load(DY + i) * TActivation.Derivative(Vector256.Load(X + i));
                (Accumulate ? Vector256.Load(DX + i) + dx : dx).Store(DX + i);
            }

            for (; i < end; i++)
            {
                float dx = DY[i] * TActivation.Derivative(Vector256.CreateScalar(X[i])).ToScalar();
                DX[i] = Accumulate ? DX[i] + dx : dx;
            }
        }
    }

    private readonly struct SiluActivation : IActivation
    {
        public static Vector256<float> Value(Vector256<float> x) => VectorMath.Silu(x);

        public static Vector256<float> Derivative(Vector256<float> x)
        {
            Vector256<float> sigmoid = VectorMath.Sigmoid(x);
            return sigmoid * (Vector256<float>.One + (x * (Vector256<float>.One - sigmoid)));
        }
    }

    private readonly struct GeluActivation : IActivation
    {
        private static readonly float InverseRootTwo = (float)(1 / Math.Sqrt(2)), InverseRootTwoPi = (float)(1 / Math.Sqrt(2 * Math.PI));

        public static Vector256<float> Value(Vector256<float> x) => 0.5f * x * (Vector256<float>.One + VectorMath.Erf(x * InverseRootTwo));

        /// <summary>Φ(x) + x · φ(x).</summary>
        public static Vector256<float> Derivative(Vector256<float> x) =>
            (0.5f * (Vector256<float>.One + VectorMath.Erf(x * InverseRootTwo))) + (x * InverseRootTwoPi * VectorMath.Exp(-0.5f * x * x));
    }

    private readonly struct TanhActivation : IActivation
    {
        public static Vector256<float> Value(Vector256<float> x) => VectorMath.Tanh(x);

        public static Vector256<float> Derivative(Vector256<float> x)
        {
            Vector256<float> y = VectorMath.Tanh(x);
            return Vector256<float>.One - (y * y);
        }
    }

    private readonly struct SigmoidActivation : IActivation
    {
        public static Vector256<float> Value(Vector256<float> x) => VectorMath.Sigmoid(x);

        public static Vector256<float> Derivative(Vector256<float> x)
        {
            Vector256<float> y = VectorMath.Sigmoid(x);
            return y * (Vector256<float>.One - y);
        }
    }

    private readonly struct ReluActivation : IActivation
    {
        public static Vector256<float> Value(Vector256<float> x) => Vector256.Max(x, Vector256<float>.Zero);

        public static Vector256<float> Derivative(Vector256<float> x) =>
            Vector256.GreaterThan(x, Vector256<float>.Zero) & Vector256<float>.One;
    }
}
