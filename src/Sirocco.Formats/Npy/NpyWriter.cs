using System.Runtime.InteropServices;

namespace Sirocco.Formats;

/// <summary>
/// Writes a matrix of f32 as a NumPy file row by row; the number of rows need not be known before. The file appears at <see cref="Commit"/>.
/// </summary>
public sealed class NpyWriter : IDisposable
{
    private readonly AtomicFile _file;
    private readonly int _columns;
    private long _rows;

    /// <summary>Starts a file of rows of <paramref name="columns"/> numbers.</summary>
    public NpyWriter(string path, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        _columns = columns;
        _file = AtomicFile.Create(path);
        _file.Stream.Write(NpyHeader.Write(StorageType.F32, [0, columns]));
    }

    /// <summary>Appends rows.</summary>
    /// <param name="values">[rows, columns]</param>
    public void Append(ReadOnlySpan<float> values)
    {
        if (_columns == 0 ? !values.IsEmpty : values.Length % _columns != 0) throw new ArgumentException($"{values.Length} values are not whole rows of {_columns}", nameof(values));
        _file.Stream.Write(MemoryMarshal.AsBytes(values));
        _rows += _columns == 0 ? 0 : values.Length / _columns;
    }

    /// <summary>Writes the number of rows and gives the file its name.</summary>
    public void Commit()
    {
        _file.Stream.Position = 0;
        _file.Stream.Write(NpyHeader.Write(StorageType.F32, [_rows, _columns]));
        _file.Commit();
    }

    /// <summary>Leaves an earlier file as it was unless this was committed.</summary>
    public void Dispose() => _file.Dispose();

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
