namespace Sirocco.Compute;

/// <summary>
/// Where tensors are made and what frees them. The operations of a network are extension methods on it, so a model reads
/// <c>f.RmsNorm(x, gain, eps)</c>; whether that is recorded and in which precision it multiplies is the scope's business, not the model's.
/// </summary>
public sealed class Scope : IDisposable
{
    private readonly Scope? parent;
    private readonly List<Tensor> owned = [];
    private readonly RecomputedBlock? recomputed;
    private bool disposed;

    internal Scope(ComputeContext context, Scope? parent, Precision precision, Tape? tape, RecomputedBlock? recomputed = null)
    {
        this.recomputed = recomputed;
        Context = context;
        this.parent = parent;
        Precision = precision;
        Tape = tape;
    }

    /// <summary>The device that this scope's tensors live on.</summary>
    public ComputeContext Context { get; }

    /// <summary>Precision of matrix products.</summary>
    public Precision Precision { get; }

    /// <summary>The recording in progress, or null.</summary>
    public Tape? Tape { get; }

    /// <summary>Asks operations of long runs to stop between kernels.</summary>
    public CancellationToken Cancellation { get; internal init; }

    /// <summary>What dropout draws from; null where nothing is dropped, as in inference.</summary>
    public DropoutDraw? DropoutDraw { get; internal init; }

    /// <summary>A scope within this one, for intermediate results.</summary>
    /// <param name="precision">Precision of the matrix products in it; null keeps this scope's.</param>
    /// <param name="dropout">What dropout draws from in it; null keeps this scope's.</param>
    public Scope BeginScope(Precision? precision = null, DropoutDraw? dropout = null) =>
        new(Context, this, precision ?? Precision, Tape, recomputed) { Cancellation = Cancellation, DropoutDraw = dropout ?? DropoutDraw };

    /// <summary>
    /// Runs one block of a network, such as a layer, in a scope of its own: all that it makes but its result is freed at its end (except what the
    /// tape saved). Where nothing is recorded, <paramref name="x"/> is freed too if this scope made it.
    /// </summary>
    public Tensor Block(Tensor x, Func<Scope, Tensor, Tensor> block)
    {
        Cancellation.ThrowIfCancellationRequested();
        Tensor y;
        using (Scope inner = BeginScope())
        {
            y = inner.Keep(block(inner, x));
        }

        if (Tape is null && y != x) Free(x);
        return y;
    }

    /// <summary>
    /// <see cref="Block"/> without saved intermediates: the tape keeps only <paramref name="x"/> and runs the block again, under a fresh tape,
    /// when its gradient is asked for (Chen et al. 2016).
    /// </summary>
    public Tensor Recomputed(Tensor x, Func<Scope, Tensor, Tensor> block)
    {
        if (Tape is not { } tape) return Block(x, block);
        Cancellation.ThrowIfCancellationRequested();
        Tensor y;
        RecomputedBlock reads = new(tape, x);
        using (Scope inner = new(Context, this, Precision, null, reads) { Cancellation = Cancellation, DropoutDraw = DropoutDraw })
        {
            y = inner.Keep(block(inner, x));
        }

        if (y == x || !(reads.Parameters.Count > 0 || tape.Tracks(x))) return y;
        tape.Record([y], [.. reads.Parameters], [.. reads.Outside], pass =>
        {
            using Tape fresh = new();
            using Scope again = Context.BeginScope(Precision, fresh, DropoutDraw, pass.Cancellation);
            if (pass.Wants(x)) fresh.Watch(x);
            fresh.Backward(block(again, x), pass.Gradient(y), pass.Cancellation);
            if (fresh.Gradient(x) is { } dx) pass.Add(x, dx);
        });
        return y;
    }

    /// <summary>Hands a tensor of this scope to the scope around it.</summary>
    public Tensor Keep(Tensor tensor)
    {
        if (parent is null) throw new InvalidOperationException("the outermost scope has nothing around it to keep a tensor in");
        if (owned.Remove(tensor)) parent.owned.Add(tensor);
        return tensor;
    }

    /// <summary>Frees a tensor of this scope before the scope ends; one that another scope made is left alone.</summary>
    public void Free(Tensor tensor)
    {
        if (owned.Remove(tensor)) tensor.Release();
    }

    /// <summary>Copies values from managed memory to the device.</summary>
    /// <param name="values">Row by row, <paramref name="rows"/> x <paramref name="columns"/> of them.</param>
    /// <param name="rows">Rows of the tensor.</param>
    /// <param name="columns">Columns of the tensor.</param>
    public Tensor Upload(ReadOnlySpan<float> values, int rows, int columns)
    {
        if (values.Length != (long)rows * columns) throw new ArgumentException($"{values.Length} values do not fill {rows} x {columns}", nameof(values));
        Tensor tensor = New(rows, columns);
        unsafe
        {
            values.CopyTo(new Span<float>(tensor.Data, values.Length));
        }

        return tensor;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        foreach (Tensor tensor in owned) tensor.Release();
        owned.Clear();
    }

    /// <summary>Whether an operation on these must be recorded.</summary>
    internal bool Records(ReadOnlySpan<Tensor> inputs, ReadOnlySpan<Parameter> parameters = default)
    {
        if (recomputed is not null) recomputed.Note(inputs, parameters);
        if (Tape is not { } tape) return false;
        foreach (Parameter parameter in parameters)
        {
            if (parameter.Trainable) return true;
        }

        foreach (Tensor input in inputs)
        {
            if (tape.Tracks(input)) return true;
        }

        return false;
    }

    /// <summary>A tensor of this scope with undefined contents.</summary>
    internal Tensor New(int rows, int columns, ElementType type = ElementType.F32)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        Tensor tensor = new(Context, rows, columns, type);
        owned.Add(tensor);
        recomputed?.Made(tensor);
        return tensor;
    }

    /// <summary>A list of integers in device memory, so that what a tape holds of ids and rows is no managed array of a token's size each.</summary>
    internal Tensor Integers(ReadOnlySpan<int> values)
    {
        Tensor tensor = New(1, values.Length);
        values.CopyTo(tensor.Integers);
        return tensor;
    }

    /// <summary>A tensor of this scope filled with zeros.</summary>
    internal Tensor Zeros(int rows, int columns)
    {
        Tensor tensor = New(rows, columns);
        unsafe
        {
            System.Runtime.InteropServices.NativeMemory.Clear(tensor.Pointer, (nuint)(tensor.Count * sizeof(float)));
        }

        return tensor;
    }
}
