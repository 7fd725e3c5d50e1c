using Sirocco.Compute;

namespace Sirocco.Training;

/// <summary>The linear layer that takes a student's vectors to its teacher's width: y = x Wᵀ + b, in f32 whatever the precision of the network.</summary>
internal sealed class StudentProjection
{
    private StudentProjection(Parameter weight, Parameter bias) => (Weight, Bias) = (weight, bias);

    /// <summary>[teacher's features, student's features], named <c>projection.weight</c>.</summary>
    public Parameter Weight { get; }

    /// <summary>[teacher's features], named <c>projection.bias</c>.</summary>
    public Parameter Bias { get; }

    /// <summary>Both.</summary>
    public IReadOnlyList<Parameter> Parameters => [Weight, Bias];

    /// <summary>
    /// A new projection: weights uniform within ±√(6 / (in + out)) (Glorot and Bengio 2010), bias zero. They are the original's for the same seed: torch's,
    /// after what its linear layer draws for its own start.
    /// </summary>
    /// <param name="input">The student's features.</param>
    /// <param name="output">The teacher's features.</param>
    /// <param name="seed">The run's.</param>
    public static StudentProjection Create(int input, int output, long seed)
    {
        float bound = (float)Math.Sqrt(6.0 / ((double)input + output));
        int count = checked(input * output);
        float[] weights = TorchRandom.Uniform(count, -bound, bound, seed, drawn: (long)count + output);
        return new StudentProjection(
            Parameter.FromValues("projection.weight", [output, input], weights), Parameter.FromValues("projection.bias", [output], new float[output]));
    }

    /// <summary>Projects rows.</summary>
    /// <param name="f">Where tensors are made.</param>
    /// <param name="x">[rows, student's features]</param>
    /// <returns>[rows, teacher's features]</returns>
    public Tensor Apply(Scope f, Tensor x)
    {
        using Scope wide = f.BeginScope(Precision.F32);
        return wide.Keep(wide.AddBias(wide.Linear(x, Weight), Bias));
    }
}
