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
}

/// <summary>Sizes of <see cref="ElementType"/>.</summary>
public static class ElementTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Size(this ElementType type) => type == ElementType.F32 ? 4 : 2;
}
