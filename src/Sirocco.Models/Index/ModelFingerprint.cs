using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Sirocco.Models;

/// <summary>
/// A digest by which an index knows its model again: SHA-256 over the settings and tokenizer files, and over names, sizes, and first and last 64 KB of the weight
/// files (whole weights would take seconds to read).
/// </summary>
public static class ModelFingerprint
{
    private const int Sample = 1 << 16;
    private static readonly string[] Wanted = [".json", ".safetensors", ".gguf"];
    private static readonly string[] Settings = ["config.json", "tokenizer.json", "tekken.json", "modules.json", "sentence_bert_config.json"];

    /// <summary>The digest of a model folder or file, in lower-case hexadecimal.</summary>
    public static string Of(string path)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        IEnumerable<string> files = Directory.Exists(path) ? Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories) : [path];
        string root = Directory.Exists(path) ? path : Path.GetDirectoryName(Path.GetFullPath(path))!;
        foreach (string file in files.Order(StringComparer.Ordinal))
        {
            string name = Path.GetRelativePath(root, file).Replace('\\', '/');
            if (!Wanted.Contains(Path.GetExtension(file)) || (file.EndsWith(".json", StringComparison.Ordinal) && !Settings.Contains(Path.GetFileName(file)) && !name.Contains('/'))) continue;
            Append(hash, name, file);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, string name, string file)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.Read);
        Span<byte> length = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(length, stream.Length);
        hash.AppendData(Encoding.UTF8.GetBytes(name));
        hash.AppendData(length);
        byte[] bytes = new byte[Sample];
        bool whole = name.EndsWith(".json", StringComparison.Ordinal);
        for (int read; (read = stream.Read(bytes)) > 0;)
        {
            hash.AppendData(bytes, 0, read);
            if (whole || stream.Position >= stream.Length - Sample) continue;
            stream.Seek(-Sample, SeekOrigin.End);
        }
    }
}
