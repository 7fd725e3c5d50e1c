using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Sirocco.Formats;

/// <summary>
/// Writes safetensors files as the reference library does, byte for byte: tensors by type (widest alignment first), then by name; a compact
/// header padded with spaces to a multiple of 8. Tensors are produced one after the other; the file appears when it is complete.
/// </summary>
public static class SafetensorsWriter
{
    /// <summary>The size at which Hugging Face's libraries start a new shard: 5 GB.</summary>
    public const long DefaultShardBytes = 5_000_000_000;

    private const string LoneFile = "model.safetensors";

    /// <summary>Writes one file.</summary>
    /// <exception cref="IOException">It cannot be written; an earlier file of that name is as it was.</exception>
    public static void Write(
        string path, IEnumerable<OutgoingTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null, CancellationToken cancellation = default) =>
        AtomicFile.Write(path, stream => Write(stream, tensors, metadata, cancellation));

    /// <summary>Writes the bytes of a file to a stream.</summary>
    public static void Write(
        Stream stream, IEnumerable<OutgoingTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null, CancellationToken cancellation = default)
    {
        OutgoingTensor[] sorted = [.. tensors.OrderByDescending(tensor => tensor.Type).ThenBy(tensor => tensor.Name, Utf8Order.Instance)];
        byte[] header = Header(sorted, metadata);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (OutgoingTensor tensor in sorted)
        {
            cancellation.ThrowIfCancellationRequested();
            tensor.WriteTo(stream);
        }
    }

    /// <summary>
    /// Writes the weights of a model folder: <c>model.safetensors</c>, or <c>model-00001-of-0000N.safetensors</c> … with their index when they exceed
    /// <paramref name="shardBytes"/>. Earlier weights in the folder are replaced only when all new ones are complete.
    /// </summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="tensors">In the order in which they fill the shards.</param>
    /// <param name="metadata">The <c>__metadata__</c> of each file; null writes <c>format: pt</c>, which some readers require.</param>
    /// <param name="shardBytes">A new shard starts where the next tensor would exceed this size.</param>
    /// <param name="cancellation">Leaves the folder as it was.</param>
    public static void WriteModel(string folder, IEnumerable<OutgoingTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null,
        long shardBytes = DefaultShardBytes, CancellationToken cancellation = default)
    {
        IReadOnlyList<IReadOnlyList<OutgoingTensor>> shards = Split(tensors, shardBytes);
        if (shards.Count > 1) WriteShards(folder, shards, metadata, cancellation: cancellation);
        else WriteFiles(folder, shards, [LoneFile], indexed: false, metadata, cancellation);
    }

    /// <summary>
    /// Writes the weights of a model folder as <c>model-00001-of-0000N.safetensors</c> … with their index, also where N is 1. Earlier weights in the folder are
    /// replaced only when all new ones are complete.
    /// </summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="shards">The tensors of each file.</param>
    /// <param name="metadata">The <c>__metadata__</c> of each file; null writes <c>format: pt</c>, which some readers require.</param>
    /// <param name="numbersLoneFile">
    /// Whether a file that is the only one has a number too; otherwise it is <c>model.safetensors</c>, still with an index.
    /// </param>
    /// <param name="cancellation">Leaves the folder as it was.</param>
    public static void WriteShards(
        string folder, IReadOnlyList<IReadOnlyList<OutgoingTensor>> shards, IReadOnlyDictionary<string, string>? metadata = null, bool numbersLoneFile = true,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(shards);
        string[] names =
            [.. Enumerable.Range(1, shards.Count).Select(i => string.Create(CultureInfo.InvariantCulture, $"model-{i:D5}-of-{shards.Count:D5}.safetensors"))];
        WriteFiles(folder, shards, names.Length > 1 || numbersLoneFile ? names : [LoneFile], indexed: true, metadata, cancellation);
    }

    private static void WriteFiles(
        string folder, IReadOnlyList<IReadOnlyList<OutgoingTensor>> shards, string[] names, bool indexed, IReadOnlyDictionary<string, string>? metadata,
        CancellationToken cancellation)
    {
        metadata ??= new Dictionary<string, string> { ["format"] = "pt" };
        var files = new List<AtomicFile>();
        try
        {
            for (int i = 0; i < shards.Count; i++)
            {
                files.Add(AtomicFile.Create(Path.Combine(folder, names[i])));
                Write(files[i].Stream, shards[i], metadata, cancellation);
            }
            if (indexed)
            {
                var entries = shards.SelectMany((shard, i) => shard.Select(tensor => (tensor.Name, names[i])));
                files.Add(AtomicFile.Create(Path.Combine(folder, LoneFile + ShardIndex.Suffix)));
                files[^1].Stream.Write(ShardIndex.Write(entries, shards.Sum(shard => shard.Sum(tensor => tensor.ByteCount))));
            }
            cancellation.ThrowIfCancellationRequested();
            foreach (AtomicFile file in files) file.Commit();
        }
        finally
        {
            foreach (AtomicFile file in files) file.Dispose();
        }
        RemoveEarlierWeights(folder, [.. files.Select(file => Path.GetFileName(file.Path))]);
    }

    /// <summary>Tensors in their order, file by file.</summary>
    /// <param name="tensors">In the order in which they fill the files.</param>
    /// <param name="shardBytes">A new file starts where the next tensor would exceed this size.</param>
    public static IReadOnlyList<IReadOnlyList<OutgoingTensor>> Split(IEnumerable<OutgoingTensor> tensors, long shardBytes = DefaultShardBytes)
    {
        var shards = new List<List<OutgoingTensor>> { new() };
        long size = 0;
        foreach (OutgoingTensor tensor in tensors)
        {
            if (shards[^1].Count > 0 && size + tensor.ByteCount > shardBytes)
            {
                shards.Add([]);
                size = 0;
            }
            shards[^1].Add(tensor);
            size += tensor.ByteCount;
        }
        return shards;
    }

    /// <summary>A folder with both an old <c>model.safetensors</c> and a new index would load the old weights.</summary>
    private static void RemoveEarlierWeights(string folder, HashSet<string> written)
    {
        var stale = Directory.EnumerateFiles(folder, "model-?????-of-?????.safetensors")
            .Append(Path.Combine(folder, LoneFile))
            .Append(Path.Combine(folder, LoneFile + ShardIndex.Suffix))
            .Where(path => !written.Contains(Path.GetFileName(path)));
        foreach (string path in stale.ToArray()) File.Delete(path);
    }

    private static byte[] Header(OutgoingTensor[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var text = new StringBuilder("{");
        string separator = "";
        if (metadata is not null)
        {
            text.Append("\"__metadata__\":{");
            foreach ((string key, string value) in metadata)
            {
                text.Append(separator);
                JsonText.AppendQuoted(text, key);
                text.Append(':');
                JsonText.AppendQuoted(text, value);
                separator = ",";
            }
            text.Append('}');
            separator = ",";
        }
        var names = new HashSet<string>(StringComparer.Ordinal) { "__metadata__" };
        long offset = 0;
        foreach (OutgoingTensor tensor in tensors)
        {
            if (!names.Add(tensor.Name)) throw new ArgumentException($"tensor '{tensor.Name}' is given twice or has a reserved name", nameof(tensors));
            text.Append(separator);
            JsonText.AppendQuoted(text, tensor.Name);
            text.Append(CultureInfo.InvariantCulture, $":{{\"dtype\":\"{tensor.Type.Name}\",\"shape\":[").AppendJoin(',', tensor.Shape);
            text.Append(CultureInfo.InvariantCulture, $"],\"data_offsets\":[{offset},{offset + tensor.ByteCount}]}}");
            offset += tensor.ByteCount;
            separator = ",";
        }
        text.Append('}');
        byte[] json = Encoding.UTF8.GetBytes(text.ToString());
        byte[] padded = new byte[(json.Length + 7) / 8 * 8];
        padded.AsSpan().Fill((byte)' ');
        json.CopyTo(padded, 0);
        return padded.Length <= SafetensorsHeader.MaximumLength
            ? padded
            : throw new ArgumentException(
                $"the header would take {padded.Length} bytes, over the format's limit of {SafetensorsHeader.MaximumLength}; write several files",
                nameof(tensors));
    }

    /// <summary>Order by code points, which is the order of UTF-8 bytes (and not of UTF-16 units).</summary>
    private sealed class Utf8Order : IComparer<string>
    {
        internal static readonly Utf8Order Instance = new();

        public int Compare(string? x, string? y) => Encoding.UTF8.GetBytes(x!).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y!));
    }
}
