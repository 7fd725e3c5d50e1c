using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>
/// A handle on a row-major matrix in the memory of a <see cref="ComputeContext"/>: one row per token (or sequence, or scalar), one column per feature.
/// The public layer never touches elements; read them back with <see cref="ToArray"/> or <see cref="CopyTo"/>.
/// </summary>
/// <remarks>
/// A tensor lives as long as the <see cref="Scope"/> that made it, or longer where a <see cref="Tape"/> saved it for its backward pass.
/// Using one after that throws <see cref="ObjectDisposedException"/>.
/// </remarks>
public sealed unsafe class Tensor
{
    private readonly long size;
    private void* data;
    private int holders = 1;

    internal Tensor(ComputeContext context, int rows, int columns, ElementType type)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        Context = context;
        Rows = rows;
        Columns = columns;
        Type = type;
        data = context.Memory.Take((long)rows * columns * type.Size(), out size);
    }

    /// <summary>The context whose memory this is.</summary>
    public ComputeContext Context { get; }

    /// <summary>Rows: tokens, sequences, or 1.</summary>
    public int Rows { get; }

    /// <summary>Columns: features.</summary>
    public int Columns { get; }

    /// <summary>How elements lie in memory.</summary>
    public ElementType Type { get; }

    /// <summary>Number of elements.</summary>
    public long Count => (long)Rows * Columns;

    /// <summary>First element; rows follow each other without gaps.</summary>
    internal void* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(data == null, this);
            return data;
        }
    }

    /// <summary>First element of an f32 tensor.</summary>
    internal float* Data
    {
        get
        {
            if (Type != ElementType.F32) throw new InvalidOperationException($"a tensor of {Type} was used where f32 is needed");
            return (float*)Pointer;
        }
    }

    /// <summary>Copies all elements, row by row, as f32.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is shorter than <see cref="Count"/>.</exception>
    public void CopyTo(Span<float> destination)
    {
        if (destination.Length < Count) throw new ArgumentException($"{destination.Length} places for {Count} elements", nameof(destination));
        fixed (float* to = destination) RowConversion.ToF32(Type, Pointer, checked((int)Count), to);
    }

    /// <summary>All elements, row by row, as f32.</summary>
    public float[] ToArray()
    {
        float[] values = new float[Count];
        CopyTo(values);
        return values;
    }

    /// <summary>Copies one row of an f32 tensor.</summary>
    /// <param name="row">Which, from 0.</param>
    /// <param name="destination">Room for <see cref="Columns"/> values.</param>
    public void CopyRowTo(int row, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        Row(row).CopyTo(destination);
    }

    /// <summary>The single element of a [1, 1] tensor.</summary>
    public float Scalar() => Count == 1 ? *Data : throw new InvalidOperationException($"a tensor of {Rows} x {Columns} is not a scalar");

    /// <summary>One row of an f32 tensor.</summary>
    internal Span<float> Row(int row) => new(Data + ((long)row * Columns), Columns);

    /// <summary>The elements taken as integers: see <see cref="Scope.Integers"/>.</summary>
    internal Span<int> Integers => new(Data, checked((int)Count));

    internal void Retain()
    {
        ObjectDisposedException.ThrowIf(data == null, this);
        holders++;
    }

    internal void Release()
    {
        if (--holders > 0) return;
        Context.Memory.Return(data, size);
        data = null;
    }

    /// <inheritdoc/>
    public override string ToString() => $"[{Rows}, {Columns}] {Type}";
}
