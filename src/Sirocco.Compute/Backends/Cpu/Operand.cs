namespace Sirocco.Compute.Backends.Cpu;

/// <summary>A factor of a product where it lies: a row-major matrix in memory that its owner keeps alive, in any element type, taken as stored or transposed.</summary>
/// <param name="Data">First element of the first row; no alignment is required.</param>
/// <param name="Type">Type of the stored elements.</param>
/// <param name="Rows">Rows as stored.</param>
/// <param name="Columns">Columns as stored.</param>
/// <param name="Stride">Elements from one stored row to the next.</param>
/// <param name="Transposed">Whether the factor is the transpose of what is stored.</param>
internal readonly unsafe record struct Operand(nint Data, ElementType Type, int Rows, int Columns, long Stride, bool Transposed = false)
{
    public Operand(void* data, ElementType type, int rows, int columns, bool transposed = false)
        : this((nint)data, type, rows, columns, columns, transposed)
    {
    }

    /// <summary>Rows of the factor.</summary>
    public int Height => Transposed ? Columns : Rows;

    /// <summary>Columns of the factor.</summary>
    public int Width => Transposed ? Rows : Columns;

    /// <summary>The same memory, transposed.</summary>
    public Operand T => this with { Transposed = !Transposed };

    /// <summary>Address of a stored element.</summary>
    public byte* At(long row, long column) => (byte*)Data + (((row * Stride) + column) * Type.Size());
}
