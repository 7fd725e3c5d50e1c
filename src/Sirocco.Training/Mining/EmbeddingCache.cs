using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// The folder of a mining run's vectors: those of questions in one file, those of documents in chunks. A chunk is written when its last document is encoded; a
/// run that ended early, in whatever way, goes on with the first chunk that is missing. Files whose fingerprint is another are made anew, never used.
/// </summary>
/// <remarks>
/// The original's files (<c>query_embeddings.npz</c>, <c>passage_embeddings.npz</c>) say nothing of model or texts; they are used only where the recipe asks
/// for them.
/// </remarks>
internal sealed class EmbeddingCache : IDisposable
{
    private const string ChunkFolder = "corpus_chunks", QuestionsName = "queries.safetensors", ChunkPattern = "chunk_*.safetensors";
    private const string NumpyQuestions = "query_embeddings.npz", NumpyDocuments = "passage_embeddings.npz", NumpyArray = "arr_0.npy";

    private readonly string folder;
    private readonly AtomicFolder? scratch;      // where nothing is to be kept
    private AtomicFolder? unpacked;
    private readonly Action<string> warn;

    private EmbeddingCache(string folder, AtomicFolder? scratch, Action<string> warn)
    {
        (this.folder, this.scratch, this.warn) = (folder, scratch, warn);
        Directory.CreateDirectory(Path.Combine(folder, ChunkFolder));
    }

    /// <summary>Texts whose vectors were found.</summary>
    public long Reused { get; private set; }

    /// <summary>Opens the cache of a recipe, or a folder beside the output that goes when the run ends.</summary>
    public static EmbeddingCache Open(MiningRecipe recipe, Action<string> warn)
    {
        if (recipe.CacheFolder is { } kept) return new EmbeddingCache(kept, null, warn);
        AtomicFolder scratch = AtomicFolder.Create(Path.GetFullPath(recipe.Output) + ".vectors");
        return new EmbeddingCache(scratch.TemporaryFolder, scratch, warn);
    }

    /// <summary>Vectors of the original, if there are both files and none of ours.</summary>
    /// <exception cref="InvalidDataException">They are of other shapes.</exception>
    public (EmbeddingFile Questions, EmbeddingFile Documents)? FromNumpy(bool wanted, int questions, int documents, int features)
    {
        string[] packed = [Path.Combine(folder, NumpyQuestions), Path.Combine(folder, NumpyDocuments)];
        if (!packed.All(File.Exists)) return null;
        bool ours = File.Exists(Path.Combine(folder, QuestionsName)) || Directory.EnumerateFiles(Path.Combine(folder, ChunkFolder), ChunkPattern).Any();
        if (!wanted || ours)
        {
            warn($"{packed[0]} and {NumpyDocuments} do not say of which model and texts they are, "
                + $"and are not used{(ours ? "" : "; load_embeddings_from_cache: true takes them as they are")}");
            return null;
        }

        EmbeddingFile first = EmbeddingFile.OpenNumpy(Unpack(packed[0], questions, features), packed[0], questions, features);
        try
        {
            EmbeddingFile second = EmbeddingFile.OpenNumpy(Unpack(packed[1], documents, features), packed[1], documents, features);
            warn($"the vectors of {packed[0]} and {NumpyDocuments} are taken as they are: nothing in them says of which model and texts they are");
            Reused += questions + documents;
            return (first, second);
        }
        catch
        {
            first.Dispose();
            throw;
        }
    }

    public EmbeddingFile Questions(int count, int features, string fingerprint, Func<IEnumerable<float[]>> encode) =>
        Get(Path.Combine(folder, QuestionsName), count, features, fingerprint, encode);

    public EmbeddingFile Chunk(int number, int count, int features, string fingerprint, Func<IEnumerable<float[]>> encode) =>
        Get(ChunkPath(number), count, features, fingerprint, encode);

    /// <summary>Removes chunks that a run with more documents or smaller chunks left.</summary>
    public void RemoveChunksFrom(int number)
    {
        for (string path = ChunkPath(number); File.Exists(path); path = ChunkPath(++number)) File.Delete(path);
    }

    public void Dispose()
    {
        unpacked?.Dispose();
        scratch?.Dispose();
    }

    /// <summary>Digest of settings and texts.</summary>
    /// <param name="settings">All that vectors depend on beside the texts.</param>
    /// <param name="first">The first text.</param>
    /// <param name="count">Number of texts.</param>
    /// <param name="append">Appends a text, its length included.</param>
    public static string Fingerprint(string settings, int first, int count, Action<IncrementalHash, int> append)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(settings));
        for (int i = first; i < first + count; i++) append(hash, i);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private EmbeddingFile Get(string path, int count, int features, string fingerprint, Func<IEnumerable<float[]>> encode)
    {
        if (EmbeddingFile.TryOpen(path, count, features, fingerprint) is { } found)
        {
            Reused += count;
            return found;
        }

        if (File.Exists(path)) warn($"{path}: was made with another model, other texts or other settings; it is made anew");
        return EmbeddingFile.Write(path, count, features, fingerprint, encode());
    }

    private string ChunkPath(int number) => Path.Combine(folder, ChunkFolder, string.Create(CultureInfo.InvariantCulture, $"chunk_{number:D4}.safetensors"));

    /// <summary>The array of an npz file, as a file that can be mapped.</summary>
    private string Unpack(string path, int rows, int features)
    {
        const int Header = 1 << 17;
        long most = ((long)rows * features * sizeof(double)) + Header; // a larger array is not the one that is needed, whatever it unpacks to
        unpacked ??= AtomicFolder.Create(Path.Combine(folder, "unpacked"));
        string target = unpacked.PathOf(Path.GetFileNameWithoutExtension(path) + ".npy");
        try
        {
            using ZipArchive archive = ZipFile.OpenRead(path);
            ZipArchiveEntry entry = archive.GetEntry(NumpyArray) ?? throw new InvalidDataException($"has no array '{NumpyArray}'");
            using Stream from = entry.Open();
            using FileStream to = new(target, FileMode.CreateNew, FileAccess.Write);
            byte[] buffer = new byte[1 << 16];
            for (int read; to.Length <= most && (read = from.Read(buffer)) > 0;) to.Write(buffer, 0, read);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException(
                $"{path}: is no npz file of the original's ({Visible.OneLine(e.Message)}); remove it, or leave out load_embeddings_from_cache", e);
        }

        return target;
    }
}
