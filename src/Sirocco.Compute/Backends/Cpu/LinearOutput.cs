namespace Sirocco.Compute.Backends.Cpu;

/// <summary>A weight of a linear layer and where its product goes.</summary>
internal readonly unsafe struct LinearOutput
{
    /// <param name="weight">[outputs, inputs] as stored, for f32 and bf16 products.</param>
    /// <param name="result">[m, outputs], f32.</param>
    /// <param name="resultStride">Elements from one row of the result to the next.</param>
    /// <param name="residual">Added to the product when not null; may be the result.</param>
    /// <param name="residualStride">Elements from one row of the residual to the next.</param>
    public LinearOutput(in Operand weight, float* result, long resultStride, float* residual = null, long residualStride = 0)
    {
        Weight = weight;
        (Outputs, Inputs) = (weight.Height, weight.Width);
        (Result, ResultStride, Residual, ResidualStride) = ((nint)result, resultStride, (nint)residual, residualStride);
    }

    /// <summary>The same with a quantised weight, for int8 products.</summary>
    public LinearOutput(QuantizedWeight weight, float* result, long resultStride, float* residual = null, long residualStride = 0)
    {
        Quantized = weight;
        (Outputs, Inputs) = (weight.Rows, weight.Columns);
        (Result, ResultStride, Residual, ResidualStride) = ((nint)result, resultStride, (nint)residual, residualStride);
    }

    public Operand Weight { get; }

    public QuantizedWeight? Quantized { get; }

    public int Outputs { get; }

    public int Inputs { get; }

    public nint Result { get; }

    public long ResultStride { get; }

    public nint Residual { get; }

    public long ResidualStride { get; }
}
