using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>The settings that a GGUF file carries, read as the config.json that they stand for.</summary>
internal static class GgufConfig
{
    public static ModelConfig Read(string path)
    {
        using TensorArchive archive = TensorArchive.Open(path);
        if (archive is not GgufCheckpoint gguf)
            throw new InvalidDataException($"{path}: is not a GGUF file; a lone safetensors file needs its folder with config.json");
        return ConfigFile.Read(ConfigReader.FromObject(path, gguf.Config));
    }
}
