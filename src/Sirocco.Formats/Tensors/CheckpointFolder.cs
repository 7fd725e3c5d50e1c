namespace Sirocco.Formats;

/// <summary>Which file of a model folder holds the weights.</summary>
internal static class CheckpointFolder
{
    /// <summary>
    /// Weights and settings under Mistral's own names, which are a folder's model where there is no config.json: beside one they are a second copy.
    /// </summary>
    internal static (string Weights, string Parameters)? Native(string folder)
    {
        string weights = Path.Combine(folder, "consolidated.safetensors"), parameters = Path.Combine(folder, "params.json");
        return File.Exists(weights) && File.Exists(parameters) && !File.Exists(Path.Combine(folder, "config.json")) ? (weights, parameters) : null;
    }

    /// <summary>
    /// The path of Mistral's own weights where these are the folder's, else of <c>model.safetensors</c>, else of its shard index, else of the only safetensors
    /// or GGUF file.
    /// </summary>
    internal static string FindWeights(string folder)
    {
        if (Native(folder) is (string native, _)) return native;
        string whole = Path.Combine(folder, "model.safetensors");
        if (File.Exists(whole)) return whole;
        string index = whole + ShardIndex.Suffix;
        if (File.Exists(index)) return index;

        string[] safetensors = Names(
            folder,
            "*.safetensors",
            name => !name.StartsWith("adapter_", StringComparison.Ordinal) && !name.StartsWith("consolidated", StringComparison.Ordinal));
        if (safetensors.Length == 1) return Path.Combine(folder, safetensors[0]);
        if (safetensors.Length > 1)
        {
            throw new FileNotFoundException($"{folder}: holds {safetensors.Length} safetensors files ({safetensors[0]}, {safetensors[1]}, …) "
                + "but no model.safetensors.index.json; download the index or name one file");
        }

        string[] gguf = Names(folder, "*.gguf", name => !name.Contains("mmproj", StringComparison.OrdinalIgnoreCase));
        if (gguf.Length == 1) return Path.Combine(folder, gguf[0]);
        if (gguf.Length > 1)
            throw new FileNotFoundException($"{folder}: holds {gguf.Length} GGUF files ({gguf[0]}, {gguf[1]}, …); name the one to use");

        string pickled = Names(folder, "pytorch_model*.bin", _ => true).FirstOrDefault() is string bin
            ? $" ({bin} is a pickle; convert it to safetensors)"
            : "";
        throw new FileNotFoundException($"{folder}: holds no weights: expected model.safetensors, model.safetensors.index.json or a .gguf file{pickled}");
    }

    /// <summary>The files that tensors of a folder are read from: the one that <see cref="FindWeights"/> finds, or the shards that it names.</summary>
    internal static IReadOnlyList<string> WeightFiles(string folder)
    {
        string weights = FindWeights(folder);
        return weights.EndsWith(ShardIndex.Suffix, StringComparison.Ordinal)
            ? [.. ShardIndex.Read(weights).Select(entry => entry.Shard).Distinct(StringComparer.Ordinal).Select(shard => Path.Combine(folder, shard))]
            : [weights];
    }

    private static string[] Names(string folder, string pattern, Func<string, bool> wanted) =>
        [.. Directory.EnumerateFiles(folder, pattern).Select(path => Path.GetFileName(path)).Where(name => !name.StartsWith('.') && wanted(name))
            .Order(StringComparer.Ordinal)];
}
