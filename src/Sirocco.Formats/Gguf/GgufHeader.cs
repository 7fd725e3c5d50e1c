using System.Numerics;

namespace Sirocco.Formats;

/// <summary>A tensor as a GGUF header names it: its shape outermost first, and where it lies in the file.</summary>
internal readonly record struct GgufEntry(string Name, StorageType Type, long[] Shape, long Offset, long ByteCount);

/// <summary>
/// The header of a GGUF file (ggml's docs/gguf.md), versions 2 and 3: signature, version, counts, metadata, tensor descriptions; then the tensors, each at a
/// multiple of <c>general.alignment</c> (32 unless said).
/// </summary>
internal sealed class GgufHeader
{
    private const uint Signature = 0x46554747;   // "GGUF"
    private const int MostDimensions = 4;

    private GgufHeader(uint version, IReadOnlyDictionary<string, object> values, IReadOnlyList<GgufEntry> entries)
    {
        Version = version;
        Values = values;
        Entries = entries;
    }

    internal uint Version { get; }

    internal IReadOnlyDictionary<string, object> Values { get; }

    internal IReadOnlyList<GgufEntry> Entries { get; }

    internal static bool HasSignature(ReadOnlySpan<byte> start) => start.StartsWith("GGUF"u8);

    internal static GgufHeader Read(MappedFile file)
    {
        var cursor = new GgufCursor(file);
        if (cursor.U32("the signature") != Signature) throw cursor.Bad(0, "does not start with GGUF; it is not a GGUF file");
        uint version = cursor.U32("the version");
        if (version is not (2 or 3))
        {
            string remedy = version == 1 ? "convert it with a current llama.cpp"
                : BitOperations.RotateRight(version, 24) <= 0xFF && version > 0xFFFF ? "this is a big-endian file: convert it to little-endian"
                : "the file is damaged or of a newer format";
            throw cursor.Bad(4, $"GGUF version {version} is not supported (2 and 3 are); {remedy}");
        }
        int tensorCount = cursor.Count("the number of tensors", 24);
        int valueCount = cursor.Count("the number of metadata entries", 13);

        var values = new Dictionary<string, object>(StringComparer.Ordinal);
        for (int i = 0; i < valueCount; i++)
        {
            long offset = cursor.Position;
            string key = cursor.Text($"metadata key {i}");
            if (!values.TryAdd(key, cursor.Value(Visible.Short(key)))) throw cursor.Bad(offset, $"key '{Visible.Short(key)}' appears twice");
        }
        uint alignment = Alignment(cursor, values);

        var relative = new (GgufEntry Entry, long Described)[tensorCount];
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < tensorCount; i++)
        {
            long offset = cursor.Position;
            relative[i] = (Entry(cursor, i, alignment), offset);
            if (!names.Add(relative[i].Entry.Name)) throw cursor.Bad(offset, $"tensor '{Visible.Short(relative[i].Entry.Name)}' appears twice");
        }

        long dataStart = (cursor.Position + alignment - 1) / alignment * alignment;
        var entries = Array.ConvertAll(relative, pair => Place(cursor, pair.Entry, pair.Described, dataStart, file.Length));
        CheckOverlap(cursor, entries);
        return new GgufHeader(version, values, entries);
    }

    private static uint Alignment(GgufCursor cursor, Dictionary<string, object> values)
    {
        if (!values.TryGetValue("general.alignment", out object? value)) return 32;
        return value is uint alignment and > 0 and <= 1 << 20 && BitOperations.IsPow2(alignment)
            ? alignment
            : throw cursor.Bad(cursor.Position, $"key 'general.alignment' is {value} but must be a power of two up to 2^20 (u32)");
    }

    // With Offset still relative to the start of the data.
    private static GgufEntry Entry(GgufCursor cursor, int number, uint alignment)
    {
        long described = cursor.Position;
        string name = cursor.Text($"the name of tensor {number}");
        string shown = Visible.Short(name);
        uint dimensions = cursor.U32($"the rank of tensor '{shown}'");
        if (dimensions > MostDimensions) throw cursor.Bad(described, $"tensor '{shown}' has {dimensions} dimensions, but GGUF allows {MostDimensions}");
        var shape = new long[dimensions];
        Int128 elements = 1;
        for (int i = (int)dimensions - 1; i >= 0; i--)   // the file lists the innermost first
        {
            ulong extent = cursor.U64($"the shape of tensor '{shown}'");
            elements *= extent;
            if (extent > long.MaxValue || elements > long.MaxValue) throw cursor.Bad(described, $"the number of elements of tensor '{shown}' overflows");
            shape[i] = (long)extent;
        }
        uint code = cursor.U32($"the type of tensor '{shown}'");
        if (code > int.MaxValue || !StorageTypes.TryFromGguf((int)code, out StorageType type))
            throw cursor.Bad(described, $"tensor '{shown}' has type number {code}, which is not known; convert the file to a common type such as Q8_0 or Q4_K");
        long columns = dimensions == 0 ? 1 : shape[^1];
        if (columns % type.BlockElements != 0 || !type.TryByteCount((long)elements, out long bytes))
            throw cursor.Bad(described, $"tensor '{shown}': rows of {columns} elements are not whole {type.Name} blocks of {type.BlockElements}");
        ulong offset = cursor.U64($"the offset of tensor '{shown}'");
        if (offset > long.MaxValue || offset % alignment != 0)
            throw cursor.Bad(described, $"tensor '{shown}' lies at {offset}, which is not a multiple of the alignment {alignment}");
        return new GgufEntry(name, type, shape, (long)offset, bytes);
    }

    private static GgufEntry Place(GgufCursor cursor, GgufEntry entry, long described, long dataStart, long fileLength)
    {
        if ((Int128)dataStart + entry.Offset + entry.ByteCount > fileLength)
        {
            throw cursor.Bad(
                described,
                $"tensor '{Visible.Short(entry.Name)}' ends beyond the end of the file ({fileLength} bytes); the file is truncated: download it again");
        }
        return entry with { Offset = dataStart + entry.Offset };
    }

    private static void CheckOverlap(GgufCursor cursor, GgufEntry[] entries)
    {
        GgufEntry before = default;
        foreach (GgufEntry entry in entries.Where(entry => entry.ByteCount > 0).OrderBy(entry => entry.Offset))
        {
            if (entry.Offset < before.Offset + before.ByteCount)
            {
                throw cursor.Bad(
                    entry.Offset, $"tensors '{Visible.Short(before.Name)}' and '{Visible.Short(entry.Name)}' overlap; the file is damaged: download it again");
            }
            before = entry;
        }
    }
}
