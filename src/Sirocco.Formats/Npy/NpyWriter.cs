using System.Runtime.InteropServices;

namespace Sirocco.Formats;

/// <summary>
/// Writes a matrix of f32 as a NumPy file row by row; the number of rows need not be known before. The file appears at <see cref="Commit"/>.
/// </summary>
public sealed class NpyWriter : IDisposable
{
    private readonly AtomicFile file;
    private readonly int columns;
    private long rows;

    /// <summary>Starts a file of rows of <paramref name="columns"/> numbers.</summary>
    public NpyWriter(string path, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        this.columns = columns;
        file = AtomicFile.Create(path);
        file.Stream.Write(NpyHeader.Write(StorageType.F32, [0, columns]));
    }

    /// <summary>Appends rows.</summary>
    /// <param name="values">[rows, columns]</param>
    public void Append(ReadOnlySpan<float> values)
    {
        if (columns == 0 ? !values.IsEmpty : values.Length % columns != 0)
            throw new ArgumentException($"{values.Length} values are not whole rows of {columns}", nameof(values));
        file.Stream.Write(MemoryMarshal.AsBytes(values));
        rows += columns == 0 ? 0 : values.Length / columns;
    }

    /// <summary>Writes the number of rows and gives the file its name.</summary>
    public void Commit()
    {
        file.Stream.Position = 0;
        file.Stream.Write(NpyHeader.Write(StorageType.F32, [rows, columns]));
        file.Commit();
    }

    /// <summary>Leaves an earlier file as it was unless this was committed.</summary>
    public void Dispose() => file.Dispose();

    /// <summary>Writes an array of any supported shape in one go.</summary>
    /// <typeparam name="T">float, double, long, int, byte or sbyte.</typeparam>
    public static void Write<T>(string path, ReadOnlySpan<long> shape, ReadOnlySpan<T> values) where T : unmanaged
    {
        long elements = 1;
        foreach (long extent in shape) elements = checked(elements * extent);
        if (elements != values.Length) throw new ArgumentException($"the shape does not hold {values.Length} values", nameof(values));
        using AtomicFile file = AtomicFile.Create(path);
        file.Stream.Write(NpyHeader.Write(OutgoingTensor.TypeOf<T>(), shape));
        file.Stream.Write(MemoryMarshal.AsBytes(values));
        file.Commit();
    }
}
