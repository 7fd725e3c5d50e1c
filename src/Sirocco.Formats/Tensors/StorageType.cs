namespace Sirocco.Formats;

/// <summary>
/// How the elements of a tensor lie in a file. The order of the members up to <see cref="U64"/> is the reference safetensors library's, whose
/// writer sorts tensors by it (widest alignment first).
/// </summary>
public enum StorageType
{
    /// <summary>One byte, zero is false.</summary>
    Bool,
    /// <summary>4-bit float (E2M1), two to a byte.</summary>
    F4,
    /// <summary>6-bit float with 2 exponent bits, four to three bytes.</summary>
    F6_E2M3,
    /// <summary>6-bit float with 3 exponent bits, four to three bytes.</summary>
    F6_E3M2,
    U8,
    I8,
    /// <summary>8-bit float with 5 exponent bits; has infinities.</summary>
    F8_E5M2,
    /// <summary>8-bit float with 4 exponent bits (torch's float8_e4m3fn); largest value 448, no infinities.</summary>
    F8_E4M3,
    /// <summary>A power of two: 2^(code − 127), 255 is NaN.</summary>
    F8_E8M0,
    F8_E4M3FNUZ,
    F8_E5M2FNUZ,
    I16,
    U16,
    F16,
    /// <summary>The upper half of an F32.</summary>
    BF16,
    I32,
    U32,
    F32,
    /// <summary>Complex number of two F32.</summary>
    C64,
    F64,
    I64,
    U64,

    // Blocks of GGUF files; their layouts are in Gguf/BlockDecoder*.cs.
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q8_1,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    Q8_K,
    IQ1_S,
    IQ1_M,
    IQ2_XXS,
    IQ2_XS,
    IQ2_S,
    IQ3_XXS,
    IQ3_S,
    IQ4_NL,
    IQ4_XS,
    TQ1_0,
    TQ2_0,
    MXFP4,
}
