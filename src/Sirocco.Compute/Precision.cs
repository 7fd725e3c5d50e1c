namespace Sirocco.Compute;

/// <summary>
/// The precision of matrix products. Accumulation is always in f32 (for <see cref="Int8"/> in i32 within 128 features); norms, softmax, rotary tables, pooling,
/// losses and the residual stream are f32 whatever is chosen here.
/// </summary>
public enum Precision
{
    /// <summary>Both operands in f32.</summary>
    F32,

    /// <summary>
    /// Both operands rounded to bf16 where the processor multiplies bf16. Elsewhere neither is rounded: f32 activations times weights as they are held, so
    /// those in f32 (masters in training) keep their digits.
    /// </summary>
    BF16,

    /// <summary>Weights and activations in int8, with a scale for every 128 input features of each output channel and of each token.</summary>
    Int8,
}
