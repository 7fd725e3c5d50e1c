namespace Sirocco.Formats;

/// <summary>A GGUF file as it is: any architecture, tensors under the names that the file gives them and in its row order.</summary>
/// <remarks><see cref="GgufCheckpoint"/> shows the same file as a Hugging Face checkpoint.</remarks>
public sealed class GgufFile : TensorArchive
{
    private GgufFile(MappedFile file, GgufHeader header)
        : base(
            file.Path,
            [.. header.Entries.Select(entry => new StoredTensor(entry.Name, entry.Type, entry.Shape, file, entry.Offset, entry.ByteCount))],
            Texts(header.Values),
            [file])
    {
        Version = header.Version;
        Values = new GgufMetadata(file.Path, header.Values);
    }

    /// <summary>2 or 3.</summary>
    public uint Version { get; }

    /// <summary>All entries with their types; <see cref="TensorArchive.Metadata"/> has those that are texts.</summary>
    public GgufMetadata Values { get; }

    /// <summary>Maps a file and reads its header.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is not a valid GGUF file of version 2 or 3.</exception>
    public static new GgufFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            return new GgufFile(file, GgufHeader.Read(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    internal static bool HasSignature(string path)
    {
        if (!File.Exists(path)) return false;
        using FileStream stream = File.OpenRead(path);
        Span<byte> start = stackalloc byte[4];
        return stream.ReadAtLeast(start, 4, throwOnEndOfStream: false) == 4 && GgufHeader.HasSignature(start);
    }

    internal static Dictionary<string, string> Texts(IReadOnlyDictionary<string, object> values) =>
        values.Where(pair => pair.Value is string).ToDictionary(pair => pair.Key, pair => (string)pair.Value, StringComparer.Ordinal);
}
