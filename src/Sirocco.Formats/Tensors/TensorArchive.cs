using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;

namespace Sirocco.Formats;

/// <summary>
/// The named tensors of a checkpoint, memory-mapped: a safetensors file, a folder of shards with their index, or a GGUF file (whose tensors appear
/// under their Hugging Face names). Opening reads headers only; pointers and spans of its tensors are valid until <see cref="Dispose"/>.
/// </summary>
/// <remarks>Reading is safe from several threads; disposing while another thread reads is not.</remarks>
public abstract class TensorArchive : IDisposable
{
    private readonly FrozenDictionary<string, StoredTensor> byName;
    private readonly MappedFile[] files;

    /// <summary>Takes ownership of the mapped files.</summary>
    private protected TensorArchive(string path, IReadOnlyList<StoredTensor> tensors, IReadOnlyDictionary<string, string> metadata, MappedFile[] files)
    {
        Path = path;
        Tensors = tensors;
        Metadata = metadata;
        this.files = files;
        byName = tensors.ToFrozenDictionary(tensor => tensor.Name, StringComparer.Ordinal);
    }

    /// <summary>The file or folder that was opened.</summary>
    public string Path { get; }

    /// <summary>All tensors, in the order of the file's header.</summary>
    public IReadOnlyList<StoredTensor> Tensors { get; }

    /// <summary>The <c>__metadata__</c> of a safetensors file; for other formats their text entries.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The files that are mapped.</summary>
    public IEnumerable<string> FilePaths => files.Select(file => file.Path);

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="InvalidDataException">There is none; the message names the checkpoint and a near name.</exception>
    public StoredTensor this[string name] => TryGet(name, out StoredTensor? tensor) ? tensor : throw Missing(name);

    /// <summary>Whether the checkpoint has a tensor of that name.</summary>
    public bool Contains(string name) => byName.ContainsKey(name);

    /// <summary>Looks a tensor up.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out StoredTensor? tensor) => byName.TryGetValue(name, out tensor);

    /// <summary>Opens a checkpoint: a safetensors or GGUF file (told apart by content), or a folder that holds one.</summary>
    /// <exception cref="FileNotFoundException">There is no such file or folder, or the folder holds no weights.</exception>
    /// <exception cref="InvalidDataException">The bytes are not a valid checkpoint; the message names file, key or offset, and remedy.</exception>
    public static TensorArchive Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string found = Directory.Exists(path) ? CheckpointFolder.FindWeights(path) : path;
        if (found.EndsWith(ShardIndex.Suffix, StringComparison.Ordinal)) return ShardedSafetensors.Open(found);
        // opening a pipe would wait for its writer
        if (File.Exists(found) && new FileInfo(found).Length == 0) throw new InvalidDataException($"{found}: is empty or no regular file; download it again");
        if (GgufFile.HasSignature(found)) return GgufCheckpoint.Open(found);
        bool named = found.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) && ContentSniffer.Identify(found) != ContentKind.Safetensors;
        return named ? GgufCheckpoint.Open(found) : SafetensorsFile.Open(found);
    }

    /// <summary>Unmaps the files.</summary>
    public void Dispose()
    {
        foreach (MappedFile file in files) file.Dispose();
        GC.SuppressFinalize(this);
    }

    private InvalidDataException Missing(string name)
    {
        string last = name[(name.LastIndexOf('.', name.LastIndexOf('.') is var dot and > 0 ? dot - 1 : 0) + 1)..];
        string? near = Tensors.Select(tensor => tensor.Name).FirstOrDefault(other => other.EndsWith(last, StringComparison.Ordinal));
        string hint = near is null ? $"it has {Tensors.Count} tensors" : $"it has for instance '{Visible.Short(near)}'";
        return new InvalidDataException($"{Path}: tensor '{Visible.Short(name)}' is missing; {hint}: check that the checkpoint fits its config.json");
    }
}
