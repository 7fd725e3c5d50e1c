using System.Buffers;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Sirocco.Formats;

/// <summary>
/// A tensor in a checkpoint: its name, type, shape, and its bytes where they lie in the mapped file. Nothing is copied until asked for, and
/// the bytes are valid as long as the <see cref="TensorArchive"/> that gave it is not disposed.
/// </summary>
/// <remarks>Seen as a matrix: [<see cref="Rows"/>, <see cref="Columns"/>], the columns being the last dimension; a scalar is 1 × 1.</remarks>
[DebuggerDisplay("{Name} {Type} [{DebuggerShape,nq}]")]
public sealed unsafe class StoredTensor
{
    private readonly long[] shape;
    private readonly MappedFile file;
    private readonly long offset;

    internal StoredTensor(string name, StorageType type, long[] shape, MappedFile file, long offset, long byteCount, RowOrder order = default)
    {
        Name = name;
        Type = type;
        ByteCount = byteCount;
        Order = order;
        this.shape = shape;
        this.file = file;
        this.offset = offset;
        ElementCount = 1;
        foreach (long extent in shape) ElementCount *= extent;   // readers have checked the product
        // A vector is one row, unless its elements are reordered: then each is a row of its own.
        Columns = shape.Length == 0 || (shape.Length == 1 && !order.IsIdentity) ? 1 : shape[^1];
        Rows = ElementCount == 0 ? 0 : ElementCount / Columns;
    }

    /// <summary>The name, in Hugging Face's naming.</summary>
    public string Name { get; }

    /// <summary>How the elements are stored.</summary>
    public StorageType Type { get; }

    /// <summary>Extents, outermost first; empty for a scalar.</summary>
    public ReadOnlySpan<long> Shape => shape;

    /// <summary>Product of <see cref="Shape"/>.</summary>
    public long ElementCount { get; }

    /// <summary>Product of all extents but the last; 0 when the tensor is empty.</summary>
    public long Rows { get; }

    /// <summary>The last extent; 1 for a scalar.</summary>
    public long Columns { get; }

    /// <summary>Bytes that the tensor takes in the file.</summary>
    public long ByteCount { get; }

    /// <summary>The file that holds it, for messages.</summary>
    public string FilePath => file.Path;

    /// <summary>Offset of the first byte in <see cref="FilePath"/>.</summary>
    public long FileOffset => offset;

    /// <summary>How the rows lie in the file: kernels that read <see cref="Pointer"/> directly need <see cref="RowOrder.IsIdentity"/>.</summary>
    public RowOrder Order { get; }

    /// <summary>The first byte in the mapped file. Aligned as the file aligns it: possibly not to the size of an element.</summary>
    public byte* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(file.Pointer is null && file.Length > 0, file);
            return file.Pointer + offset;
        }
    }

    /// <summary>The bytes as they lie in the file (rows in <see cref="Order"/>).</summary>
    /// <exception cref="OverflowException">The tensor takes 2 GB or more: use <see cref="RowBytes"/> or <see cref="Pointer"/>.</exception>
    public ReadOnlySpan<byte> Bytes => file.Span(offset, checked((int)ByteCount));

    /// <summary>Bytes of one row in the file.</summary>
    public long BytesPerRow => Rows == 0 ? 0 : ByteCount / Rows;

    /// <summary>The bytes of a row by its logical number.</summary>
    public ReadOnlySpan<byte> RowBytes(long row)
    {
        CheckRow(row);
        return file.Span(offset + Order.Source(row) * BytesPerRow, checked((int)BytesPerRow));
    }

    /// <summary>Reads whole rows as f32, in logical order, dequantised where needed.</summary>
    /// <param name="firstRow">The first row.</param>
    /// <param name="destination">[count, <see cref="Columns"/>]; its length chooses the count.</param>
    public void ReadRows(long firstRow, Span<float> destination)
    {
        if (destination.IsEmpty) return;
        int columns = checked((int)Columns);
        if (columns == 0 || destination.Length % columns != 0)
            throw new ArgumentException($"{destination.Length} elements are not whole rows of {columns}", nameof(destination));
        int count = destination.Length / columns;
        CheckRow(firstRow);
        CheckRow(firstRow + count - 1);
        RequireReadable();
        if (Order.IsIdentity && BytesPerRow * count <= int.MaxValue)
        {
            ElementConversion.ToSingle(Type, file.Span(offset + firstRow * BytesPerRow, (int)(BytesPerRow * count)), destination);
            return;
        }
        for (int i = 0; i < count; i++)
            ElementConversion.ToSingle(Type, RowBytes(firstRow + i), destination.Slice(i * columns, columns));
    }

    /// <summary>Reads whole rows as bfloat16 (through f32, rounded to the nearest), in logical order.</summary>
    /// <param name="firstRow">The first row.</param>
    /// <param name="destination">[count, <see cref="Columns"/>] bfloat16 bits; its length chooses the count.</param>
    public void ReadRowsBFloat16(long firstRow, Span<ushort> destination)
    {
        if (destination.IsEmpty) return;
        int columns = checked((int)Columns);
        if (columns == 0 || destination.Length % columns != 0)
            throw new ArgumentException($"{destination.Length} elements are not whole rows of {columns}", nameof(destination));
        RequireReadable();
        float[]? row = Type == StorageType.BF16 ? null : ArrayPool<float>.Shared.Rent(columns);
        try
        {
            for (int i = 0; i < destination.Length / columns; i++)
            {
                Span<ushort> target = destination.Slice(i * columns, columns);
                if (row is null)
                {
                    MemoryMarshal.Cast<byte, ushort>(RowBytes(firstRow + i)).CopyTo(target);
                    continue;
                }
                ElementConversion.ToSingle(Type, RowBytes(firstRow + i), row.AsSpan(0, columns));
                ElementConversion.SingleToBFloat16(row.AsSpan(0, columns), target);
            }
        }
        finally
        {
            if (row is not null) ArrayPool<float>.Shared.Return(row);
        }
    }

    /// <summary>The whole tensor as f32, in logical order.</summary>
    public float[] ToSingleArray()
    {
        var values = new float[checked((int)ElementCount)];
        ReadRows(0, values);
        return values;
    }

    /// <summary>The whole tensor as integers.</summary>
    /// <exception cref="InvalidDataException">The type is not an integer type or Bool.</exception>
    public long[] ToInt64Array()
    {
        ReadOnlySpan<byte> bytes = Bytes;
        return Type switch
        {
            StorageType.I64 => MemoryMarshal.Cast<byte, long>(bytes).ToArray(),
            StorageType.U64 => Widen<ulong>(bytes, value => checked((long)value)),
            StorageType.I32 => Widen<int>(bytes, value => value),
            StorageType.U32 => Widen<uint>(bytes, value => value),
            StorageType.I16 => Widen<short>(bytes, value => value),
            StorageType.U16 => Widen<ushort>(bytes, value => value),
            StorageType.I8 => Widen<sbyte>(bytes, value => value),
            StorageType.U8 => Widen<byte>(bytes, value => value),
            StorageType.Bool => Widen<byte>(bytes, value => value == 0 ? 0 : 1),
            _ => throw new InvalidDataException($"{FilePath}: tensor '{Visible.Short(Name)}' is {Type.Name}, but whole numbers are needed; store it as I64"),
        };
    }

    /// <summary>Writes the shape as messages show it: <c>[2, 3]</c>.</summary>
    public string ShapeText => $"[{DebuggerShape}]";

    private string DebuggerShape => string.Join(", ", shape);

    private void CheckRow(long row)
    {
        if ((ulong)row >= (ulong)Rows) throw new ArgumentOutOfRangeException(nameof(row), row, $"tensor '{Name}' has {Rows} rows");
    }

    private void RequireReadable()
    {
        if (!ElementConversion.CanReadAsSingle(Type))
        {
            throw new InvalidDataException($"{FilePath}: tensor '{Visible.Short(Name)}' is stored as {Type.Name}, which cannot be read as numbers here; "
                + "convert the file to F16, BF16 or Q8_0");
        }
    }

    private static long[] Widen<T>(ReadOnlySpan<byte> bytes, Func<T, long> widen) where T : unmanaged
    {
        ReadOnlySpan<T> values = MemoryMarshal.Cast<byte, T>(bytes);
        var wide = new long[values.Length];
        for (int i = 0; i < wide.Length; i++) wide[i] = widen(values[i]);
        return wide;
    }
}
