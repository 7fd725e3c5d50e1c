using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Sirocco.Formats;

/// <summary>Where the bytes of one text or binary value lie.</summary>
internal readonly record struct ByteView(int Buffer, int Start, int Length);

/// <summary>The items of one list: rows [<paramref name="Start"/>, <paramref name="Start"/> + <paramref name="Count"/>) of its child column.</summary>
public readonly record struct ListItems(int Start, int Count);

/// <summary>
/// Consecutive values of a column, in memory. Texts stay UTF-8 where they were decompressed or mapped; a string is made only by <see cref="Text"/>.
/// Valid as long as the <see cref="ColumnBatch"/> that it belongs to.
/// </summary>
public sealed partial class Column
{
    // One byte a row, 0 where the value is null; null where no value is.
    private readonly byte[]? valid;
    private readonly ReadOnlyMemory<byte> values;
    private readonly ByteView[] views = [];
    private readonly ReadOnlyMemory<byte>[] buffers = [];
    private readonly ListItems[] items = [];

    private Column(ColumnField field, int length, byte[]? valid)
    {
        Field = field;
        Length = length;
        this.valid = valid;
    }

    /// <summary>Values of a fixed width.</summary>
    internal Column(ColumnField field, int length, byte[]? valid, ReadOnlyMemory<byte> values)
        : this(field, length, valid) => this.values = values[..checked(length * field.Type.StorageWidth)];

    /// <summary>Texts or binary values.</summary>
    internal Column(ColumnField field, int length, byte[]? valid, ByteView[] views, ReadOnlyMemory<byte>[] buffers)
        : this(field, length, valid) => (this.views, this.buffers) = (views, buffers);

    /// <summary>Lists or maps.</summary>
    internal Column(ColumnField field, byte[]? valid, ListItems[] items, int length, Column child)
        : this(field, length, valid) => (this.items, Children) = (items, [child]);

    /// <summary>Structs, whose children have a value for each.</summary>
    internal Column(ColumnField field, int length, byte[]? valid, IReadOnlyList<Column> children)
        : this(field, length, valid) => Children = children;

    /// <summary>Name and type.</summary>
    public ColumnField Field { get; }

    /// <summary>Number of values, nulls included.</summary>
    public int Length { get; }

    /// <summary>The fields of a struct (one value a row), or the items of all lists or maps.</summary>
    public IReadOnlyList<Column> Children { get; } = [];

    /// <summary>A field of a struct column.</summary>
    /// <exception cref="KeyNotFoundException">There is none of that name.</exception>
    public Column this[string name] =>
        Children.FirstOrDefault(child => child.Field.Name == name) ?? throw new KeyNotFoundException($"{Field.Name} has no field {name}");

    /// <summary>Whether the value is null.</summary>
    public bool IsNull(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Length, nameof(row));
        return valid is null ? Field.Type.Kind == ColumnKind.Null : valid[row] == 0;
    }

    /// <summary>All values of a column of numbers, in the width that <see cref="ColumnKind"/> says; what stands for a null is unspecified.</summary>
    /// <typeparam name="T">A type of that width.</typeparam>
    public ReadOnlySpan<T> Values<T>() where T : unmanaged
    {
        if (Unsafe.SizeOf<T>() != Field.Type.StorageWidth) throw new InvalidOperationException($"{Field} is not made of values of {Unsafe.SizeOf<T>()} bytes");
        return MemoryMarshal.Cast<byte, T>(values.Span);
    }

    /// <summary>The bytes of a text or binary value; of a number as it is stored. Empty for null.</summary>
    public ReadOnlySpan<byte> Bytes(int row)
    {
        if (IsNull(row)) return default;
        if (Field.Type.StorageWidth is int width and > 0) return values.Span.Slice(row * width, width);
        if (Field.Type.Kind is not (ColumnKind.Text or ColumnKind.Binary)) throw new InvalidOperationException($"{Field} is not made of bytes");
        ByteView view = views[row];
        return buffers[view.Buffer].Span.Slice(view.Start, view.Length);
    }

    /// <summary>A text; null for null.</summary>
    public string? Text(int row)
    {
        if (Field.Type.Kind is not (ColumnKind.Text or ColumnKind.Null)) throw new InvalidOperationException($"{Field} is not text");
        return IsNull(row) ? null : Encoding.UTF8.GetString(Bytes(row));
    }

    /// <summary>A truth value.</summary>
    public bool Boolean(int row) =>
        Field.Type.Kind == ColumnKind.Boolean ? Bytes(row) is [1] : throw new InvalidOperationException($"{Field} is not a truth value");

    /// <summary>A whole number of any width, a date or a time in its unit; 0 for null.</summary>
    /// <exception cref="OverflowException">The number is unsigned and exceeds 2^63.</exception>
    public long Integer(int row)
    {
        ReadOnlySpan<byte> bytes = Bytes(row);
        if (bytes.IsEmpty) return 0;
        return Field.Type.Kind switch
        {
            ColumnKind.Int8 => (sbyte)bytes[0],
            ColumnKind.UInt8 => bytes[0],
            ColumnKind.Int16 => MemoryMarshal.Read<short>(bytes),
            ColumnKind.UInt16 => MemoryMarshal.Read<ushort>(bytes),
            ColumnKind.Int32 or ColumnKind.Date => MemoryMarshal.Read<int>(bytes),
            ColumnKind.UInt32 => MemoryMarshal.Read<uint>(bytes),
            ColumnKind.Int64 or ColumnKind.Time or ColumnKind.Timestamp or ColumnKind.Duration => MemoryMarshal.Read<long>(bytes),
            ColumnKind.UInt64 => checked((long)MemoryMarshal.Read<ulong>(bytes)),
            _ => throw new InvalidOperationException($"{Field} is not a whole number"),
        };
    }

    /// <summary>A number of any type but decimal; NaN for null.</summary>
    public double Number(int row)
    {
        ReadOnlySpan<byte> bytes = Bytes(row);
        if (bytes.IsEmpty) return double.NaN;
        return Field.Type.Kind switch
        {
            ColumnKind.Float16 => (double)MemoryMarshal.Read<Half>(bytes),
            ColumnKind.Float32 => MemoryMarshal.Read<float>(bytes),
            ColumnKind.Float64 => MemoryMarshal.Read<double>(bytes),
            ColumnKind.UInt64 => MemoryMarshal.Read<ulong>(bytes),
            _ => Integer(row),
        };
    }

    /// <summary>Which rows of the one child a list or map consists of; none for null.</summary>
    public ListItems Items(int row)
    {
        if (Field.Type.Kind is not (ColumnKind.List or ColumnKind.Map)) throw new InvalidOperationException($"{Field} is not a list");
        return IsNull(row) ? default : items[row];
    }
}
