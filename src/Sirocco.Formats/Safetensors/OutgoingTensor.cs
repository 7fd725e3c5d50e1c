using System.Runtime.InteropServices;

namespace Sirocco.Formats;

/// <summary>A tensor on its way into a file: what the header says of it, and how its bytes are produced when their turn comes.</summary>
public sealed class OutgoingTensor
{
    private readonly Action<Stream> write;

    /// <summary>A tensor whose bytes are produced while the file is written; nothing of it is held before.</summary>
    /// <param name="name">The name in the header.</param>
    /// <param name="type">How the elements are stored.</param>
    /// <param name="shape">Extents, outermost first.</param>
    /// <param name="write">Writes exactly <see cref="ByteCount"/> bytes, little-endian, row-major.</param>
    public OutgoingTensor(string name, StorageType type, ReadOnlySpan<long> shape, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(write);
        long elements = 1;
        foreach (long extent in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(extent, nameof(shape));
            elements = checked(elements * extent);
        }
        if (!type.IsInSafetensors || !type.TryByteCount(elements, out long bytes))
            throw new ArgumentException($"tensor '{name}': {elements} elements of {type.Name} cannot be stored in safetensors", nameof(type));
        Name = name;
        Type = type;
        Shape = shape.ToArray();
        ByteCount = bytes;
        this.write = write;
    }

    public string Name { get; }

    public StorageType Type { get; }

    public IReadOnlyList<long> Shape { get; }

    /// <summary>Bytes that it takes in the file.</summary>
    public long ByteCount { get; }

    /// <summary>A tensor from values in memory.</summary>
    /// <typeparam name="T">float, double, Half, bool, or an integer type; its storage type follows from it.</typeparam>
    public static OutgoingTensor Create<T>(string name, ReadOnlySpan<long> shape, ReadOnlyMemory<T> values) where T : unmanaged =>
        Create(name, TypeOf<T>(), shape, values);

    /// <summary>A tensor from elements in memory whose storage type does not follow from <typeparamref name="T"/> (ushort as BF16, byte as F8).</summary>
    public static OutgoingTensor Create<T>(string name, StorageType type, ReadOnlySpan<long> shape, ReadOnlyMemory<T> values) where T : unmanaged
    {
        var tensor = new OutgoingTensor(name, type, shape, stream => stream.Write(MemoryMarshal.AsBytes(values.Span)));
        int size = MemoryMarshal.AsBytes(values.Span).Length;
        return tensor.ByteCount == size ? tensor
            : throw new ArgumentException($"tensor '{name}': the shape takes {tensor.ByteCount} bytes but {size} are given", nameof(values));
    }

    /// <summary>A tensor from f32 values, rounded to <paramref name="type"/> while it is written.</summary>
    /// <param name="name">The name in the header.</param>
    /// <param name="type">F32, F64, F16, BF16, F8_E4M3 or F8_E5M2.</param>
    /// <param name="shape">Extents, outermost first.</param>
    /// <param name="values">Row-major; must stay unchanged until the file is written.</param>
    public static OutgoingTensor FromSingle(string name, StorageType type, ReadOnlySpan<long> shape, ReadOnlyMemory<float> values)
    {
        var tensor = new OutgoingTensor(name, type, shape, stream => Convert(type, values.Span, stream));
        return tensor.ByteCount / type.BlockBytes == values.Length ? tensor
            : throw new ArgumentException($"tensor '{name}': the shape does not hold {values.Length} values", nameof(values));
    }

    /// <summary>A copy of a stored tensor, byte for byte, under its own or another name; quantised tensors are written as F32.</summary>
    public static OutgoingTensor Copy(StoredTensor source, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Type.IsInSafetensors)
            return new OutgoingTensor(name ?? source.Name, source.Type, source.Shape, stream => CopyBytes(source, stream));
        return new OutgoingTensor(name ?? source.Name, StorageType.F32, source.Shape, stream => CopyDequantised(source, stream));
    }

    internal void WriteTo(Stream stream)
    {
        var counted = new CountedStream(stream, ByteCount);
        write(counted);
        if (counted.Written != ByteCount)
            throw new InvalidOperationException($"tensor '{Name}': {counted.Written} bytes were written, {ByteCount} were announced");
    }

    private static void Convert(StorageType type, ReadOnlySpan<float> values, Stream stream)
    {
        const int Step = 1 << 15;
        byte[] buffer = new byte[Math.Min(Step, values.Length) * type.BlockBytes];
        for (int start = 0; start < values.Length; start += Step)
        {
            ReadOnlySpan<float> part = values[start..Math.Min(values.Length, start + Step)];
            Span<byte> bytes = buffer.AsSpan(0, part.Length * type.BlockBytes);
            ElementConversion.FromSingle(type, part, bytes);
            stream.Write(bytes);
        }
    }

    private static unsafe void CopyBytes(StoredTensor source, Stream stream)
    {
        if (!source.Order.IsIdentity)
        {
            for (long row = 0; row < source.Rows; row++) stream.Write(source.RowBytes(row));
            return;
        }
        for (long start = 0; start < source.ByteCount; start += 1 << 24)
            stream.Write(new ReadOnlySpan<byte>(source.Pointer + start, (int)Math.Min(1 << 24, source.ByteCount - start)));
    }

    private static void CopyDequantised(StoredTensor source, Stream stream)
    {
        if (source.Rows == 0) return;
        var row = new float[source.Columns];
        for (long r = 0; r < source.Rows; r++)
        {
            source.ReadRows(r, row);
            stream.Write(MemoryMarshal.AsBytes(row.AsSpan()));
        }
    }

    internal static StorageType TypeOf<T>() where T : unmanaged => default(T) switch
    {
        float => StorageType.F32,
        double => StorageType.F64,
        Half => StorageType.F16,
        bool => StorageType.Bool,
        byte => StorageType.U8,
        sbyte => StorageType.I8,
        ushort => StorageType.U16,
        short => StorageType.I16,
        uint => StorageType.U32,
        int => StorageType.I32,
        ulong => StorageType.U64,
        long => StorageType.I64,
        _ => throw new NotSupportedException($"{typeof(T).Name} has no storage type of its own; name one"),
    };

    /// <summary>Refuses the byte after the last announced one, so that a wrong producer cannot shift the tensors behind it.</summary>
    private sealed class CountedStream(Stream inner, long announced) : Stream
    {
        internal long Written { get; private set; }

        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => Written; set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            Written += buffer.Length;
            if (Written > announced) throw new InvalidOperationException($"more than the {announced} bytes announced were written");
            inner.Write(buffer);
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
        public override void Flush() => inner.Flush();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
