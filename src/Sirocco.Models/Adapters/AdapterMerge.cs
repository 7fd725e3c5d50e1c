using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>
/// A model's folder with an adapter's update in its weights: every file as it was (settings, tokenizer, sentence-transformers modules, the division into
/// shards), every tensor byte for byte but those that the adapter changes, which keep their type. One block of rows is in memory at a time.
/// </summary>
internal static class AdapterMerge
{
    // Other forms of the same weights would be those without the adapter.
    private static readonly string[] OtherWeights = [".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx", ".onnx_data", ".h5", ".msgpack", ".ot"];

    public static void Run(string modelPath, string adapterFolder, string output, CancellationToken cancellation)
    {
        ModelFolder folder = ModelFolder.Open(modelPath);
        if (folder.Directory is not { } directory || folder.Path != directory)
        {
            throw new NotSupportedException($"{folder.Path}: an adapter is merged into a folder with config.json and safetensors, "
                + "not into this form of a model; merge into the original and convert that");
        }
        string root = folder.ModulesDirectory ?? directory;
        if (Path.GetFullPath(output) == Path.GetFullPath(root))
            throw new IOException($"{output}: is the base model itself; name another folder for the merged one");
        if (File.Exists(Path.Combine(output, "config.json"))) throw new IOException($"{output}: holds a model already; name a new folder, or remove it");
        using PretrainedModel model = PretrainedModel.Open(modelPath, new ModelOptions { Adapter = adapterFolder });
        Dictionary<string, Projection> changed = model.Projections.Where(model.Adapter!.Changes)
            .ToDictionary(projection => model.Adapter.StoredName(projection.Weight), StringComparer.Ordinal);
        if (model is CausalModel { IsTied: true }
            && (changed.Values.FirstOrDefault(projection => projection.Name is ModuleMatching.Embedding or "lm_head") is { } shared))
        {
            throw new NotSupportedException($"{adapterFolder}: adapts {shared.Name}, but {modelPath} has one table for embedding and head, "
                + "and merging would change both; use it with --adapter");
        }

        using AtomicFolder merged = AtomicFolder.Create(output);
        using TensorArchive archive = TensorArchive.Open(directory);
        HashSet<string> weights = [.. archive.FilePaths.Select(Path.GetFullPath)];
        foreach (string file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories))
        {
            cancellation.ThrowIfCancellationRequested();
            string relative = Path.GetRelativePath(root, file).Replace('\\', '/');
            bool hidden = relative.Split('/').Any(part => part.StartsWith('.'));
            if (weights.Contains(Path.GetFullPath(file)) || hidden) continue;
            bool beside = Path.GetDirectoryName(Path.GetFullPath(file)) == Path.GetFullPath(directory);
            if (!beside || !OtherWeights.Contains(Path.GetExtension(file).ToLowerInvariant())) File.Copy(file, merged.PathOf(relative));
        }

        foreach (string file in archive.FilePaths)
        {
            using TensorArchive shard = SafetensorsFile.Open(file);
            SafetensorsWriter.Write(
                merged.PathOf(Path.GetRelativePath(root, file).Replace('\\', '/')),
                shard.Tensors.Select(tensor => Outgoing(tensor, changed, cancellation)),
                shard.Metadata,
                cancellation);
        }

        merged.Commit();
    }

    private static OutgoingTensor Outgoing(StoredTensor tensor, Dictionary<string, Projection> changed, CancellationToken cancellation)
    {
        if (!changed.TryGetValue(tensor.Name, out Projection? projection)) return OutgoingTensor.Copy(tensor);
        if (tensor.Type is not (StorageType.F32 or StorageType.BF16 or StorageType.F16))
        {
            throw new NotSupportedException($"{tensor.FilePath}: tensor '{tensor.Name}' is stored as {tensor.Type.Name}, in which an update would be lost; "
                + "merge into a checkpoint in bf16 or f32");
        }
        return new MergedWeight(projection).Outgoing(tensor.Name, tensor.Type, cancellation);
    }
}
