using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Sirocco.Models;

/// <summary>
/// A digest by which vectors know their model again: SHA-256 over the settings and tokenizer files, and over names, sizes, and first and last 64 KB of the
/// weight files that are loaded (whole weights take seconds to read, which is worth it only where encoding takes much longer). Other forms of the weights may
/// come and go.
/// </summary>
public static class ModelFingerprint
{
    private const int Sample = 1 << 16;
    private static readonly string[] Settings = [
        "config.json", "tokenizer.json", "tokenizer_config.json", "tekken.json", "modules.json", "sentence_bert_config.json", "adapter_config.json"];

    /// <summary>The digest of a model folder or file, and of the folder of its adapter where there is one, in lower-case hexadecimal.</summary>
    /// <param name="path">The model.</param>
    /// <param name="adapter">The adapter's folder, or null.</param>
    /// <param name="whole">Whether every byte of the weights counts: a merged adapter may change only those in the middle.</param>
    public static string Of(string path, string? adapter = null, bool whole = false)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        if (adapter is not null)
        {
            foreach (string file in SettingsOf(adapter).Append(Path.Combine(adapter, AdapterWeights.FileName)).Order(StringComparer.Ordinal))
                Append(hash, "adapter/" + Path.GetFileName(file), file, whole);
        }
        if (!Directory.Exists(path)) Append(hash, Path.GetFileName(path), path, whole);
        else foreach (string file in Files(path).Order(StringComparer.Ordinal)) Append(hash, Path.GetRelativePath(path, file).Replace('\\', '/'), file, whole);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Settings and weights of the folder and of its sentence-transformers modules (1_Pooling, 2_Dense, …).</summary>
    private static IEnumerable<string> Files(string folder)
    {
        IEnumerable<string> modules = Directory.EnumerateDirectories(folder).Where(name => char.IsAsciiDigit(Path.GetFileName(name)[0]));
        return modules.Prepend(folder).SelectMany(place => SettingsOf(place).Concat(ModelFolder.WeightFiles(place)));
    }

    private static IEnumerable<string> SettingsOf(string folder) => Settings.Select(name => Path.Combine(folder, name)).Where(File.Exists);

    private static void Append(IncrementalHash hash, string name, string file, bool whole)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.Read);
        Span<byte> length = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(length, stream.Length);
        hash.AppendData(Encoding.UTF8.GetBytes(name));
        hash.AppendData(length);
        byte[] bytes = new byte[Sample];
        whole |= name.EndsWith(".json", StringComparison.Ordinal);
        for (int read; (read = stream.Read(bytes)) > 0;)
        {
            hash.AppendData(bytes, 0, read);
            if (whole || stream.Position >= stream.Length - Sample) continue;
            stream.Seek(-Sample, SeekOrigin.End);
        }
    }
}
