using System.Text;
using System.Text.Json;

namespace Sirocco.Formats;

/// <summary>The <c>model.safetensors.index.json</c> of a sharded checkpoint: which file holds which tensor.</summary>
internal static class ShardIndex
{
    internal const string Suffix = ".index.json";

    /// <summary>Reads <c>weight_map</c>: tensor name → shard file name, in the order of the file.</summary>
    internal static List<(string Tensor, string Shard)> Read(string path)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: no such file", path);
        // opening a pipe would wait for its writer
        if (new FileInfo(path).Length == 0)
            throw new InvalidDataException($"{path}: is not valid JSON: it is empty or no regular file; download the index again");
        if (new FileInfo(path).Length > SafetensorsHeader.MaximumLength)
            throw new InvalidDataException($"{path}: is over {SafetensorsHeader.MaximumLength} bytes long, which no index is; download it again");
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("weight_map", out JsonElement map)
                || map.ValueKind != JsonValueKind.Object)
            {
                throw new InvalidDataException($"{path}: key 'weight_map' must be an object from tensor names to file names; download the index again");
            }
            var entries = new List<(string, string)>();
            var seen = new HashSet<string>(StringComparer.Ordinal);
            foreach (JsonProperty entry in map.EnumerateObject())
            {
                string? shard = entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString() : null;
                if (shard is null || !SafePath.IsFileName(shard))
                    throw new InvalidDataException($"{path}: weight_map['{Visible.Short(entry.Name)}'] must be the name of a file in the same folder");
                if (!seen.Add(entry.Name)) throw new InvalidDataException($"{path}: weight_map names tensor '{Visible.Short(entry.Name)}' twice; keep one");
                entries.Add((entry.Name, shard));
            }
            return entries;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            string where = e is JsonException { LineNumber: long line } ? $"line {line + 1}: " : "";
            throw new InvalidDataException($"{path}: {where}is not valid JSON; download the index again", e);
        }
    }

    /// <summary>The index as Hugging Face's libraries write it: sorted keys, two spaces.</summary>
    internal static byte[] Write(IEnumerable<(string Tensor, string Shard)> entries, long totalSize)
    {
        var text = new StringBuilder();
        text.Append("{\n  \"metadata\": {\n    \"total_size\": ").Append(totalSize).Append("\n  },\n  \"weight_map\": {");
        string separator = "\n";
        foreach ((string tensor, string shard) in entries.OrderBy(entry => entry.Tensor, StringComparer.Ordinal))
        {
            text.Append(separator).Append("    ");
            JsonText.AppendQuoted(text, tensor);
            text.Append(": ");
            JsonText.AppendQuoted(text, shard);
            separator = ",\n";
        }
        text.Append("\n  }\n}\n");
        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
