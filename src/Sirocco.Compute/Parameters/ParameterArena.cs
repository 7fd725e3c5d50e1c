using System.Runtime.InteropServices;

namespace Sirocco.Compute;

/// <summary>
/// Flat f32 memory for parameters in training: masters in one block, gradients in another, each parameter at the same offset in both. Optimizers
/// keep their moments in blocks of the same layout, so an update, a norm or a reduction over ranks runs over plain ranges.
/// </summary>
public sealed class ParameterArena
{
    private readonly NativeBlock masters;
    private readonly NativeBlock gradients;

    /// <summary>Gives every parameter a master (a copy of its present values) and a gradient of zeros; none where one of them cannot be read.</summary>
    /// <exception cref="ArgumentException">A parameter is there twice.</exception>
    /// <exception cref="InvalidOperationException">A parameter has no values: it is held in int8 only.</exception>
    public ParameterArena(IEnumerable<Parameter> parameters)
    {
        Parameters = [.. parameters];
        long[] offsets = new long[Parameters.Count];
        HashSet<Parameter> distinct = [];
        for (int i = 0; i < offsets.Length; i++)
        {
            if (!distinct.Add(Parameters[i])) throw new ArgumentException($"{Parameters[i].Name} is there twice", nameof(parameters));
            offsets[i] = Length;
            Length += (Parameters[i].Count + Alignment - 1) / Alignment * Alignment;
        }

        Offsets = offsets;
        masters = new NativeBlock(Length * sizeof(float));
        gradients = new NativeBlock(Length * sizeof(float));
        for (int i = 0; i < offsets.Length; i++)
        {
            Parameter parameter = Parameters[i];
            ArenaSlice master = Masters;
            for (int row = 0; row < parameter.Rows; row++)
                parameter.CopyRowTo(row, master.Span(offsets[i] + ((long)row * parameter.Columns), parameter.Columns));
        }

        for (int i = 0; i < offsets.Length; i++)
        {
            Parameter parameter = Parameters[i];
            parameter.Master = new ArenaSlice(masters, offsets[i], parameter.Count);
            parameter.Gradient = new ArenaSlice(gradients, offsets[i], parameter.Count);
            parameter.MasterChanged();
        }
    }

    /// <summary>Floats between starts of parameters are a multiple of this: one 64-byte cache line.</summary>
    public const int Alignment = 16;

    /// <summary>The parameters, in arena order.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Offset in floats of each parameter.</summary>
    public IReadOnlyList<long> Offsets { get; }

    /// <summary>Floats in one block, padding included (padding stays zero).</summary>
    public long Length { get; }

    /// <summary>All masters.</summary>
    public ArenaSlice Masters => new(masters, 0, Length);

    /// <summary>All gradients.</summary>
    public ArenaSlice Gradients => new(gradients, 0, Length);

    /// <summary>Another block of the same layout, of zeros: an optimizer's moments.</summary>
    public ArenaSlice NewBlock() => new(new NativeBlock(Length * sizeof(float)), 0, Length);

    /// <summary>Sets every gradient to zero.</summary>
    public unsafe void ZeroGradients() => NativeMemory.Clear(Gradients.Pointer, (nuint)(Length * sizeof(float)));

    /// <summary>Tells every parameter that its master was changed.</summary>
    public void MastersChanged()
    {
        foreach (Parameter parameter in Parameters) parameter.MasterChanged();
    }
}

/// <summary>A range of f32 native memory.</summary>
public sealed unsafe class ArenaSlice
{
    private readonly NativeBlock block;
    private readonly long offset;

    internal ArenaSlice(NativeBlock block, long offset, long length)
    {
        this.block = block;
        this.offset = offset;
        Length = length;
    }

    /// <summary>Number of floats.</summary>
    public long Length { get; }

    internal float* Pointer => (float*)block.Pointer + offset;

    /// <summary>All values, copied.</summary>
    public float[] ToArray()
    {
        float[] values = Span(0, checked((int)Length)).ToArray();
        GC.KeepAlive(this);
        return values;
    }

    /// <summary>Part of the range. Its memory is that of the slice: who holds the span must hold the slice, or the arena.</summary>
    public Span<float> Span(long start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + length, Length);
        return new Span<float>(Pointer + start, length);
    }
}
