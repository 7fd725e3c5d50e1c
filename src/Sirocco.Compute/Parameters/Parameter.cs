using Sirocco.Compute.Backends.Cpu;

namespace Sirocco.Compute;

/// <summary>The axis along which tensor parallelism may split a parameter.</summary>
public enum ShardAxis
{
    /// <summary>Every rank holds all of it (norms).</summary>
    None,

    /// <summary>Output channels (q, k, v, gate, up, embedding).</summary>
    Rows,

    /// <summary>Input channels (o, down).</summary>
    Columns,
}

/// <summary>
/// A weight of a network, by the name that public checkpoints give it. Its bytes are used where they lie (usually in a memory-mapped file); training
/// adds an f32 master and a gradient (<see cref="ParameterArena"/>), int8 products a quantised copy, made when first needed and remade when the
/// master moves.
/// </summary>
public sealed unsafe class Parameter
{
    private readonly object owner;
    private readonly void* stored;
    private readonly float scale;

    // Operands made on first use; several contexts may ask for them at once.
    private readonly Lock making = new();
    private volatile NativeBlock? vector;
    private QuantizedWeight? quantized;
    private int quantizedVersion = -1;
    private NativeBlock? squares;
    private int squaresVersion = -1;

    private Parameter(string name, IReadOnlyList<int> shape, ElementType type, void* stored, object owner, float scale = 1)
    {
        if (shape.Count is < 1 or > 2)
            throw new ArgumentException($"{name}: a parameter is a vector or a matrix, not of {shape.Count} dimensions", nameof(shape));
        Name = name;
        Shape = shape;
        Rows = shape.Count == 2 ? shape[0] : 1;
        Columns = shape[^1];
        StoredType = type;
        this.stored = stored;
        this.owner = owner;
        this.scale = scale;
    }

    /// <summary>Name in the checkpoint, such as <c>layers.0.self_attn.q_proj.weight</c>.</summary>
    public string Name { get; }

    /// <summary>[out, in] of a matrix, [n] of a vector.</summary>
    public IReadOnlyList<int> Shape { get; }

    /// <summary>Output channels of a matrix; 1 for a vector.</summary>
    public int Rows { get; }

    /// <summary>Input channels of a matrix; the length of a vector.</summary>
    public int Columns { get; }

    /// <summary>Number of elements.</summary>
    public long Count => (long)Rows * Columns;

    /// <summary>How the stored bytes are encoded.</summary>
    public ElementType StoredType { get; }

    /// <summary>The type in which the values can be written as they are: bf16 for 8-bit floats, whose scale is part of the value.</summary>
    public ElementType ValueType => StoredType.IsFloat8() ? ElementType.BF16 : StoredType;

    /// <summary>Where tensor parallelism may split it.</summary>
    public ShardAxis ShardAxis { get; init; }

    /// <summary>Whether a tape records gradients for it. Needs a place in a <see cref="ParameterArena"/>.</summary>
    public bool Trainable => Gradient is not null;

    /// <summary>Whether there are values to be read: a weight that is held in int8 only has none.</summary>
    internal bool HasValues => Master is not null || stored != null;

    /// <summary>Rises each time the master is changed; operands made from it carry the version they were made at.</summary>
    public int Version { get; private set; }

    /// <summary>f32 values being trained, in the arena; null outside training.</summary>
    public ArenaSlice? Master { get; internal set; }

    /// <summary>f32 gradient, in the arena; null where frozen.</summary>
    public ArenaSlice? Gradient { get; internal set; }

    /// <summary>The matrix that products read: the master where there is one, else the stored bytes.</summary>
    internal Operand Operand => Master is { } master
        ? new Operand { Data = master.Pointer, Type = ElementType.F32, Rows = Rows, Columns = Columns, Stride = Columns }
        : stored == null ? throw new InvalidOperationException($"{Name} is held in int8 only")
        : new Operand { Data = stored, Type = StoredType, Scale = scale, Rows = Rows, Columns = Columns, Stride = Columns };

    /// <summary>A parameter that reads bytes where they lie.</summary>
    /// <param name="name">Name in the checkpoint.</param>
    /// <param name="shape">[out, in] or [n].</param>
    /// <param name="type">Encoding of the bytes.</param>
    /// <param name="data">First byte; row-major.</param>
    /// <param name="owner">Kept alive as long as the parameter: what the bytes belong to, such as a memory-mapped file.</param>
    /// <param name="axis">Where tensor parallelism may split it.</param>
    /// <param name="scale">What 8-bit floats are multiplied by; 1 for other types.</param>
    public static Parameter FromMemory(
        string name, IReadOnlyList<int> shape, ElementType type, nint data, object owner, ShardAxis axis = ShardAxis.None, float scale = 1) =>
        new(name, shape, type, (void*)data, owner, scale) { ShardAxis = axis };

    /// <summary>A weight that is held in int8 only: for products in that precision, with no values to be read. The memory of the values is freed.</summary>
    internal static Parameter FromQuantized(CpuBackend backend, string name, IReadOnlyList<int> shape, ElementType type, NativeBlock values, ShardAxis axis)
    {
        QuantizedWeight weight = QuantizedWeight.Quantize(backend, Operand.Dense((void*)values.Pointer, type, shape[0], shape[1]));
        values.Free();
        return new Parameter(name, shape, type, null, weight) { ShardAxis = axis, quantized = weight, quantizedVersion = 0 };
    }

    /// <summary>A parameter with f32 values of its own.</summary>
    /// <exception cref="ArgumentException">The number of values is not that of the shape.</exception>
    public static Parameter FromValues(string name, IReadOnlyList<int> shape, ReadOnlySpan<float> values)
    {
        long count = shape.Aggregate(1L, (a, b) => checked(a * b));
        if (values.Length != count) throw new ArgumentException($"{name}: {values.Length} values for a shape of {count}", nameof(values));
        NativeBlock block = new(count * sizeof(float));
        values.CopyTo(new Span<float>((void*)block.Pointer, values.Length));
        return new Parameter(name, shape, ElementType.F32, (void*)block.Pointer, block);
    }

    /// <summary>
    /// Replaces the values: of the master, or of a parameter that holds f32 values of its own, such as one that <see cref="FromValues"/> made.
    /// </summary>
    /// <exception cref="ArgumentException">The number of values is not that of the parameter.</exception>
    /// <exception cref="InvalidOperationException">The parameter has no master and reads a file or holds another type than f32.</exception>
    public void SetValues(ReadOnlySpan<float> values)
    {
        if (values.Length != Count) throw new ArgumentException($"{Name}: {values.Length} values for {Count}", nameof(values));
        if (Master is null && (owner is not NativeBlock || StoredType != ElementType.F32))
            throw new InvalidOperationException($"{Name} has no f32 values of its own; give it a place in a ParameterArena before it is changed");
        values.CopyTo(Master is { } master ? master.Span(0, values.Length) : new Span<float>(stored, values.Length));
        Version++;
    }

    /// <summary>Tells that the master's values were changed.</summary>
    public void MasterChanged() => Version++;

    /// <summary>All values in f32, row by row, from the master where there is one.</summary>
    public void CopyTo(Span<float> destination)
    {
        if (destination.Length < Count) throw new ArgumentException($"{Name} has {Count} values, room for {destination.Length}", nameof(destination));
        for (int row = 0; row < Rows; row++) CopyRowTo(row, destination.Slice(row * Columns, Columns));
    }

    /// <summary>One row in f32.</summary>
    public void CopyRowTo(int row, Span<float> destination)
    {
        if (destination.Length < Columns)
            throw new ArgumentException($"a row of {Name} has {Columns} values, room for {destination.Length}", nameof(destination));
        fixed (float* to = destination) RowConversion.ToF32(Operand, row, 0, Columns, to);
        GC.KeepAlive(owner);
    }

    /// <summary>The values of a vector (a norm's gain, a bias) in f32: the master, the stored bytes, or a copy of them made on first use.</summary>
    internal float* Vector
    {
        get
        {
            if (Master is { } master) return master.Pointer;
            if (StoredType == ElementType.F32) return (float*)stored;
            if (vector is { } made) return (float*)made.Pointer;
            lock (making)
            {
                if (vector is null)
                {
                    NativeBlock copy = new(Count * sizeof(float), zeroed: false);
                    CopyTo(new Span<float>((void*)copy.Pointer, checked((int)Count)));
                    vector = copy;
                }

                return (float*)vector.Pointer;
            }
        }
    }

    /// <summary>Σ_j w[i,j]² of every row, computed when first asked for and when the master moved.</summary>
    internal float* SquaredRowNorms(CpuBackend backend)
    {
        lock (making)
        {
            if (squares is null || squaresVersion != Version)
            {
                squares ??= new NativeBlock((long)Rows * sizeof(float), zeroed: false);
                RowDriver.Rows(backend, Rows, Columns, new RowSquares { Matrix = Operand, Squares = (float*)squares.Pointer });
                squaresVersion = Version;
            }

            return (float*)squares.Pointer;
        }
    }

    /// <summary>The int8 operand of this weight, made on first use. One that was replaced lives on while a product of another context reads it.</summary>
    internal QuantizedWeight Quantized(CpuBackend backend)
    {
        lock (making)
        {
            if (quantized is null || quantizedVersion != Version || quantized.Kernel != backend.Kernels.Int8)
            {
                quantized = QuantizedWeight.Quantize(backend, Operand);
                quantizedVersion = Version;
                GC.KeepAlive(owner);
            }

            return quantized;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} [{string.Join(", ", Shape)}] {StoredType}";

    private struct RowSquares : IRowKernel
    {
        public Operand Matrix;
        public float* Squares;

        public readonly void Row(int row)
        {
            const int Chunk = 512;
            float* values = stackalloc float[Chunk];
            double sum = 0;
            for (int i = 0; i < Matrix.Columns; i += Chunk)
            {
                int count = Math.Min(Chunk, Matrix.Columns - i);
                RowConversion.ToF32(Matrix, row, i, count, values);
                sum += VectorRow.Dot(values, values, count);
            }

            Squares[row] = (float)sum;
        }
    }
}
