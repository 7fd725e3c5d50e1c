namespace Sirocco.Compute.Backends.Cpu;

/// <summary>
/// A factor of a product where it lies: a row-major matrix in memory that its owner keeps alive, in any element type, taken as stored or transposed.
/// </summary>
internal readonly unsafe struct Operand
{
    /// <summary>First element of the first row; no alignment is required.</summary>
    public void* Data { get; init; }

    /// <summary>Type of the stored elements.</summary>
    public ElementType Type { get; init; }

    /// <summary>What 8-bit floats are multiplied by; means nothing to other types.</summary>
    public float Scale { get; init; }

    /// <summary>Rows as stored.</summary>
    public int Rows { get; init; }

    /// <summary>Columns as stored.</summary>
    public int Columns { get; init; }

    /// <summary>Elements from one stored row to the next.</summary>
    public long Stride { get; init; }

    /// <summary>Whether the factor is the transpose of what is stored.</summary>
    public bool Transposed { get; init; }

    /// <summary>Rows of the factor.</summary>
    public int Height => Transposed ? Columns : Rows;

    /// <summary>Columns of the factor.</summary>
    public int Width => Transposed ? Rows : Columns;

    /// <summary>The same memory, transposed.</summary>
    public Operand T => this with { Transposed = !Transposed };

    /// <summary>A matrix whose rows follow one another without a gap.</summary>
    public static Operand Dense(void* data, ElementType type, int rows, int columns) =>
        new() { Data = data, Type = type, Rows = rows, Columns = columns, Stride = columns };

    /// <summary>Address of a stored element.</summary>
    public byte* At(long row, long column) => (byte*)Data + (((row * Stride) + column) * Type.Size());
}
