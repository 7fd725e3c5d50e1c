using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// Vectors on disk: a safetensors file with one matrix and, in its metadata, a fingerprint of all that the vectors depend on. It appears when it is complete,
/// so that whatever is found under its name can be used, or is another's.
/// </summary>
internal sealed class EmbeddingFile : IDisposable
{
    private const string TensorName = "embeddings", FingerprintKey = "fingerprint";

    private readonly IDisposable file;
    private readonly StoredTensor vectors;

    private EmbeddingFile(IDisposable file, StoredTensor vectors) => (this.file, this.vectors) = (file, vectors);

    public int Rows => (int)vectors.Rows;

    public int Features => (int)vectors.Columns;

    /// <summary>Reads rows as f32.</summary>
    /// <param name="first">The first.</param>
    /// <param name="destination">[rows, features]</param>
    public void Read(int first, Span<float> destination) => vectors.ReadRows(first, destination);

    /// <summary>The file, or null where there is none with these rows, features and fingerprint.</summary>
    public static EmbeddingFile? TryOpen(string path, int rows, int features, string fingerprint)
    {
        if (!File.Exists(path)) return null;
        TensorArchive? archive = null;
        try
        {
            archive = TensorArchive.Open(path);
            bool known = archive.Metadata.GetValueOrDefault(FingerprintKey) == fingerprint && archive.TryGet(TensorName, out StoredTensor? found)
                && found.Type == StorageType.F32 && found.Shape.SequenceEqual([rows, features]);
            if (known) return new EmbeddingFile(archive, archive[TensorName]);
        }
        catch (InvalidDataException)
        {
            // Damaged: as good as none, it is written anew.
        }

        archive?.Dispose();
        return null;
    }

    /// <summary>Writes vectors as they come and opens the file.</summary>
    public static EmbeddingFile Write(string path, int rows, int features, string fingerprint, IEnumerable<float[]> vectors)
    {
        OutgoingTensor matrix = new(TensorName, StorageType.F32, [rows, features], stream =>
        {
            foreach (float[] vector in vectors) stream.Write(MemoryMarshal.AsBytes(vector.AsSpan()));
        });
        SafetensorsWriter.Write(path, [matrix], new Dictionary<string, string> { [FingerprintKey] = fingerprint });
        return TryOpen(path, rows, features, fingerprint) ?? throw new InvalidDataException($"{path}: does not hold what was written to it; check the disk");
    }

    /// <summary>A NumPy file of vectors that something else made.</summary>
    /// <exception cref="InvalidDataException">It is no matrix of that shape, or holds what is no number.</exception>
    public static EmbeddingFile OpenNumpy(string path, string shownAs, int rows, int features)
    {
        NpyFile file;
        try
        {
            file = NpyFile.Open(path);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException(e.Message.Replace(path, shownAs, StringComparison.Ordinal), e);
        }

        EmbeddingFile embeddings = new(file, file.Array);
        try
        {
            if (!file.Array.Shape.SequenceEqual([rows, features])
                || (file.Array.Type != StorageType.F32 && file.Array.Type != StorageType.F16 && file.Array.Type != StorageType.F64))
            {
                throw new InvalidDataException($"{shownAs}: holds {file.Array.ShapeText} of {file.Array.Type.Name}, but {rows} vectors of {features} numbers "
                    + "are needed; it was made of other texts or another model: leave out load_embeddings_from_cache");
            }
            embeddings.RequireFinite(shownAs);
            return embeddings;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose() => file.Dispose();

    private void RequireFinite(string shownAs)
    {
        float[] vector = new float[Features];
        for (int row = 0; row < Rows; row++)
        {
            Read(row, vector);
            if (!float.IsFinite(TensorPrimitives.SumOfMagnitudes<float>(vector)))
            {
                throw new InvalidDataException(
                    $"{shownAs}: vector {row} (counted from 0) is not finite; make the file anew, or leave out load_embeddings_from_cache");
            }
        }
    }
}
