namespace Sirocco.Compute.Backends.Cpu;

/// <summary>A weight of a linear layer and where its product goes.</summary>
/// <param name="weight">[outputs, inputs] as stored.</param>
/// <param name="result">[m, outputs], f32.</param>
/// <param name="resultStride">Elements from one row of the result to the next.</param>
/// <param name="residual">Added to the product when not null; may be the result.</param>
/// <param name="residualStride">Elements from one row of the residual to the next.</param>
internal readonly unsafe struct LinearOutput(in Operand weight, float* result, long resultStride, float* residual = null, long residualStride = 0)
{
    public readonly Operand Weight = weight;
    public readonly float* Result = result;
    public readonly long ResultStride = resultStride;
    public readonly float* Residual = residual;
    public readonly long ResidualStride = residualStride;
}
