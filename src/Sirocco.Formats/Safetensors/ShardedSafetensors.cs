namespace Sirocco.Formats;

/// <summary>A checkpoint in several safetensors files with an index that says which holds what.</summary>
public sealed class ShardedSafetensors : TensorArchive
{
    private ShardedSafetensors(string path, IReadOnlyList<StoredTensor> tensors, IReadOnlyDictionary<string, string> metadata, MappedFile[] files)
        : base(path, tensors, metadata, files)
    {
    }

    /// <summary>Opens the shards that an index names.</summary>
    /// <param name="indexPath">Path of <c>model.safetensors.index.json</c>.</param>
    /// <exception cref="FileNotFoundException">A shard is missing.</exception>
    /// <exception cref="InvalidDataException">Index and shards do not agree, or one of them is damaged.</exception>
    public static new ShardedSafetensors Open(string indexPath)
    {
        List<(string Tensor, string Shard)> entries = ShardIndex.Read(indexPath);
        string folder = System.IO.Path.GetDirectoryName(indexPath) is { Length: > 0 } parent ? parent : ".";
        string indexName = System.IO.Path.GetFileName(indexPath);
        var files = new List<MappedFile>();
        try
        {
            var shards = new Dictionary<string, Dictionary<string, StoredTensor>>(StringComparer.Ordinal);
            var holders = new Dictionary<string, string>(StringComparer.Ordinal);
            var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (string shard in entries.Select(entry => entry.Shard).Distinct(StringComparer.Ordinal))
            {
                string path = System.IO.Path.Combine(folder, shard);
                if (!File.Exists(path))
                    throw new FileNotFoundException($"{shard} is named by {indexName} but missing in {folder}; download it again or fix the index", path);
                MappedFile file = MappedFile.Open(path);
                files.Add(file);
                SafetensorsHeader header = SafetensorsHeader.Read(file);
                foreach ((string key, string value) in header.Metadata) metadata[key] = value;
                shards[shard] = SafetensorsFile.Describe(file, header).ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
                foreach (string name in shards[shard].Keys)
                {
                    if (!holders.TryAdd(name, shard))
                    {
                        throw new InvalidDataException(
                            $"{path}: tensor '{Visible.Short(name)}' is also in {holders[name]}; a tensor must be in one shard: save the checkpoint again");
                    }
                }
            }

            var tensors = new List<StoredTensor>(entries.Count);
            foreach ((string name, string shard) in entries)
            {
                if (!shards[shard].TryGetValue(name, out StoredTensor? tensor))
                {
                    throw new InvalidDataException($"{System.IO.Path.Combine(folder, shard)}: "
                        + $"tensor '{Visible.Short(name)}' is named by {indexName} but missing in this shard; download both again");
                }
                tensors.Add(tensor);
            }
            return new ShardedSafetensors(folder, tensors, metadata, [.. files]);
        }
        catch
        {
            foreach (MappedFile file in files) file.Dispose();
            throw;
        }
    }
}
