using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>A model folder or file, opened as far as its settings: what it is decides which class reads the rest.</summary>
internal sealed class ModelFolder
{
    private ModelFolder(string path, string? directory, ModelConfig config)
    {
        Path = path;
        Directory = directory;
        Config = config;
        if (directory is not null && File.Exists(System.IO.Path.Combine(directory, "modules.json"))) ModulesDirectory = directory;
    }

    /// <summary>As the user gave it.</summary>
    public string Path { get; }

    /// <summary>The folder; null for a lone file.</summary>
    public string? Directory { get; }

    /// <summary>config.json, or what a GGUF says of itself.</summary>
    public ModelConfig Config { get; }

    /// <summary>The sentence-transformers folder around it, which old versions keep a level above the model; null where there is none.</summary>
    public string? ModulesDirectory { get; private init; }

    /// <summary>Whether it is a sentence-transformers folder.</summary>
    public bool HasModules => ModulesDirectory is not null;

    /// <summary>The folder or file that a model's name means; a hub id that the cache lacks is downloaded first.</summary>
    public static string Locate(string path) => LocateAsync(path, null, CancellationToken.None).GetAwaiter().GetResult();

    /// <summary>As <see cref="Locate"/>.</summary>
    public static async Task<string> LocateAsync(string path, IProgress<HubProgress>? progress, CancellationToken cancellation)
    {
        if (HubModel.FindLocal(path) is { } local) return local;
        return !HubModelId.TryParse(path, out _) ? path
            : await HubModel.ResolveAsync(path, HubOptions.FromEnvironment(), progress, cancellation).ConfigureAwait(false);
    }

    /// <param name="path">A model folder, a GGUF file or a hub id.</param>
    public static ModelFolder Open(string path)
    {
        path = Locate(path);
        if (System.IO.Directory.Exists(path))
        {
            string config = System.IO.Path.Combine(path, "config.json");
            if (File.Exists(config)) return new ModelFolder(path, path, ModelConfig.Load(config));
            if (File.Exists(System.IO.Path.Combine(path, "modules.json")) && SentenceTransformersFolder.TransformerPath(path) is { Length: > 0 } inside)
            {
                string transformer = System.IO.Path.Combine(path, inside);
                ModelConfig settings = ModelConfig.Load(System.IO.Path.Combine(transformer, "config.json"));
                return new ModelFolder(transformer, transformer, settings) { ModulesDirectory = path };
            }

            if (CheckpointFolder.Native(path) is (string weights, string parameters)) return new ModelFolder(weights, path, NativeConfig.Read(parameters));
            string[] gguf = Gguf(path);
            if (gguf.Length == 1) return new ModelFolder(gguf[0], path, GgufConfig.Read(gguf[0]));
            throw new FileNotFoundException(
                $"{path}: holds no config.json, no params.json with consolidated.safetensors and no single .gguf file; is this a model folder?", config);
        }

        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: no such folder or file; give a model folder, a .gguf file or a hub id", path);
        return new ModelFolder(path, null, GgufConfig.Read(path));
    }

    /// <summary>
    /// The files that weights are read from, and the settings that only go with them; nothing where there are no weights, as in a tokenizer's folder.
    /// </summary>
    /// <param name="folder">A model's folder, or a module's in it.</param>
    public static IReadOnlyList<string> WeightFiles(string folder)
    {
        if (!File.Exists(System.IO.Path.Combine(folder, "config.json")))
            return CheckpointFolder.Native(folder) is (string weights, string parameters) ? [weights, parameters] : Gguf(folder);
        try
        {
            return CheckpointFolder.WeightFiles(folder);
        }
        catch (FileNotFoundException)
        {
            return [];
        }
    }

    private static string[] Gguf(string folder) =>
        [.. System.IO.Directory.EnumerateFiles(folder, "*.gguf").Where(name => !name.Contains("mmproj", StringComparison.OrdinalIgnoreCase))];

    /// <summary>What the folder is for, or, where attention is chosen by the caller, what that makes of it.</summary>
    public ModelTask Task(bool? causal)
    {
        if (Config.IsClassifier) return ModelTask.Classification;
        if (causal is { } chosen) return chosen ? ModelTask.Causal : ModelTask.Embedding;
        return HasModules || Config.IsCausal is false ? ModelTask.Embedding : ModelTask.Causal;
    }

    /// <summary>Opens the weights and builds the network.</summary>
    /// <param name="precision">Of the products to come: what quantised blocks become.</param>
    /// <param name="config">Settings in place of the folder's own; null keeps those.</param>
    public (Decoder Decoder, Checkpoint Checkpoint) LoadNetwork(Precision precision, ModelConfig? config = null)
    {
        Checkpoint checkpoint = Checkpoint.Open(Path, precision, Config.HeadSize);
        try
        {
            Decoder decoder = new(config ?? Config, checkpoint);
            checkpoint.RequireAllTaken();
            return (decoder, checkpoint);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }
}
