namespace Sirocco.Formats;

/// <summary>A NumPy array file, memory-mapped: numbers or bools, little-endian, row-major.</summary>
public sealed class NpyFile : IDisposable
{
    private readonly MappedFile file;

    private NpyFile(MappedFile file, NpyHeader header)
    {
        this.file = file;
        long bytes = header.Shape.Aggregate((long)header.Type.BlockBytes, (product, extent) => product * extent);
        Array = new StoredTensor(Path.GetFileName(file.Path), header.Type, header.Shape, file, header.DataOffset, bytes);
    }

    /// <summary>The array; valid until <see cref="Dispose"/>.</summary>
    public StoredTensor Array { get; }

    /// <summary>Maps a file and reads its header.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is damaged, or holds something else than numbers in row-major order.</exception>
    public static NpyFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            return new NpyFile(file, NpyHeader.Read(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose() => file.Dispose();
}
