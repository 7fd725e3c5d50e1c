namespace Sirocco.Compute;

/// <summary>How the elements of a matrix lie in memory.</summary>
public enum ElementType
{
    /// <summary>IEEE 754 single precision, 4 bytes.</summary>
    F32,

    /// <summary>The upper half of a single: 8 bits of exponent, 7 of fraction, 2 bytes.</summary>
    BF16,

    /// <summary>IEEE 754 half precision, 2 bytes.</summary>
    F16,

    /// <summary>4 bits of exponent (bias 7), 3 of fraction, no infinities, 1 byte; read times a scale of the matrix and rounded to bf16.</summary>
    F8E4M3,

    /// <summary>5 bits of exponent (bias 15), 2 of fraction, 1 byte; read times a scale of the matrix and rounded to bf16.</summary>
    F8E5M2,
}

/// <summary>Sizes of <see cref="ElementType"/>.</summary>
public static class ElementTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Size(this ElementType type) => type switch
    {
        ElementType.F32 => 4,
        ElementType.F8E4M3 or ElementType.F8E5M2 => 1,
        _ => 2,
    };

    /// <summary>Whether elements are codes of 8 bits that a scale belongs to.</summary>
    internal static bool IsFloat8(this ElementType type) => type is ElementType.F8E4M3 or ElementType.F8E5M2;
}
