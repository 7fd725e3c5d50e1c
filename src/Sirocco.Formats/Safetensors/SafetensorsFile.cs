namespace Sirocco.Formats;

/// <summary>One safetensors file, memory-mapped.</summary>
public sealed class SafetensorsFile : TensorArchive
{
    private SafetensorsFile(MappedFile file, SafetensorsHeader header)
        : base(file.Path, Describe(file, header), header.Metadata, [file])
    {
    }

    /// <summary>Maps a file and checks its header against its length.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is not a valid safetensors file.</exception>
    public static new SafetensorsFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            return new SafetensorsFile(file, SafetensorsHeader.Read(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    internal static StoredTensor[] Describe(MappedFile file, SafetensorsHeader header) =>
        [.. header.Entries.Select(
            entry => new StoredTensor(entry.Name, entry.Type, entry.Shape, file, header.DataOffset + entry.Start, entry.End - entry.Start))];
}
