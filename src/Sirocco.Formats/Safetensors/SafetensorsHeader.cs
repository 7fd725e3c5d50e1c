using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;

namespace Sirocco.Formats;

/// <summary>A tensor as a safetensors header names it; offsets count from the first byte after the header.</summary>
internal readonly record struct SafetensorsEntry(string Name, StorageType Type, long[] Shape, long Start, long End);

/// <summary>
/// The header of a safetensors file: 8 bytes little-endian length n, n bytes of JSON, then the tensors without gap or overlap to the end of
/// the file. Judged as the reference library (0.8) judges it: strict JSON, duplicate names (the last wins), unknown fields and entries written as arrays are
/// accepted; gaps, overlaps, data after the last tensor, metadata that is not text and fractional bytes are refused.
/// </summary>
internal sealed class SafetensorsHeader
{
    internal const int MaximumLength = 100_000_000;

    // serde_json, which the reference parses with, stops at this depth too.
    private static readonly JsonReaderOptions Json = new() { MaxDepth = 128 };

    private SafetensorsHeader(IReadOnlyList<SafetensorsEntry> entries, IReadOnlyDictionary<string, string> metadata, long dataOffset)
    {
        Entries = entries;
        Metadata = metadata;
        DataOffset = dataOffset;
    }

    /// <summary>In the order of their first mention.</summary>
    internal IReadOnlyList<SafetensorsEntry> Entries { get; }

    internal IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Offset in the file of the first tensor's first byte.</summary>
    internal long DataOffset { get; }

    internal static SafetensorsHeader Read(MappedFile file)
    {
        string path = file.Path;
        if (file.Length < 8)
            throw Bad(path, $"is {file.Length} bytes long, but a safetensors file starts with 8 bytes giving the header's length; download it again");
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(file.Span(0, 8));
        if (length > MaximumLength)
        {
            string remedy = file.Span(0, 8).SequenceEqual("version "u8) ? "this looks like a git-lfs pointer: run git lfs pull"
                : "it is damaged or not a safetensors file";
            throw Bad(path, $"offset 0: header length {length} is over the limit of {MaximumLength}; {remedy}");
        }
        if ((long)length > file.Length - 8)
        {
            throw Bad(path, $"offset 0: header length {length} exceeds the {file.Length - 8} bytes that follow; "
                + "the file is truncated or not safetensors: download it again");
        }
        ReadOnlySpan<byte> json = file.Span(8, (int)length);
        if (!Utf8.IsValid(json)) throw Bad(path, "offset 8: the header is not valid UTF-8; the file is damaged: download it again");

        (List<SafetensorsEntry> entries, Dictionary<string, string> metadata) = Parse(path, json);
        CheckLayout(path, entries, file.Length - 8 - (long)length);
        return new SafetensorsHeader(entries, metadata, 8 + (long)length);
    }

    private static (List<SafetensorsEntry>, Dictionary<string, string>) Parse(string path, ReadOnlySpan<byte> json)
    {
        var entries = new List<SafetensorsEntry>();
        var positions = new Dictionary<string, int>(StringComparer.Ordinal);
        Dictionary<string, string>? metadata = null;
        var reader = new Utf8JsonReader(json, Json);
        bool metadataSeen = false;
        try
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject) throw Bad(path, "offset 8: the header must be a JSON object");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                reader.Read();
                if (name == "__metadata__")
                {
                    if (metadataSeen) throw Bad(path, "header key '__metadata__' appears twice");
                    metadataSeen = true;
                    metadata = ParseMetadata(path, ref reader);
                    continue;
                }
                SafetensorsEntry entry = ParseEntry(path, name, ref reader);
                if (positions.TryGetValue(name, out int earlier))
                {
                    entries[earlier] = entry;
                }
                else
                {
                    positions.Add(name, entries.Count);
                    entries.Add(entry);
                }
            }
            reader.Read();   // anything but white space after the object throws
        }
        catch (JsonException e)
        {
            throw Bad(path, $"offset {8 + reader.BytesConsumed}: the header is not valid JSON ({Reason(e)}); the file is damaged: download it again");
        }
        catch (InvalidOperationException)   // a string with half of a surrogate pair
        {
            throw Bad(path, $"offset {8 + reader.TokenStartIndex}: the header holds text that is not valid Unicode");
        }
        return (entries, metadata ?? []);
    }

    private static Dictionary<string, string>? ParseMetadata(string path, ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        if (reader.TokenType != JsonTokenType.StartObject) throw Bad(path, "header key '__metadata__' must be an object of texts");
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw Bad(path, $"header key '__metadata__' must map texts to texts, but '{Visible.Short(key)}' is not a text");
            metadata[key] = reader.GetString()!;
        }
        return metadata;
    }

    // {"dtype": …, "shape": […], "data_offsets": [start, end]}, or the same three values as an array in this order.
    private static SafetensorsEntry ParseEntry(string path, string name, ref Utf8JsonReader reader)
    {
        StorageType? type = null;
        long[]? shape = null;
        ulong[]? offsets = null;
        if (reader.TokenType == JsonTokenType.StartArray)
        {
            reader.Read();
            type = ParseType(path, name, ref reader);
            reader.Read();
            shape = Shape(path, name, ParseNumbers(path, name, "shape", ref reader));
            reader.Read();
            offsets = ParseNumbers(path, name, "data_offsets", ref reader);
            reader.Read();
            if (reader.TokenType != JsonTokenType.EndArray) throw Bad(path, $"tensor '{Visible.Short(name)}': expected [dtype, shape, data_offsets]");
        }
        else
        {
            if (reader.TokenType != JsonTokenType.StartObject)
                throw Bad(path, $"tensor '{Visible.Short(name)}': expected an object with dtype, shape and data_offsets");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string field = reader.GetString()!;
                reader.Read();
                bool known = field is "dtype" or "shape" or "data_offsets";
                if (field switch { "dtype" => type is not null, "shape" => shape is not null, "data_offsets" => offsets is not null, _ => false })
                    throw Bad(path, $"tensor '{Visible.Short(name)}': field '{field}' appears twice");
                if (field == "dtype") type = ParseType(path, name, ref reader);
                else if (field == "shape") shape = Shape(path, name, ParseNumbers(path, name, field, ref reader));
                else if (field == "data_offsets") offsets = ParseNumbers(path, name, field, ref reader);
                else if (!known) reader.Skip();
            }
        }
        if (type is null || shape is null || offsets is null)
            throw Bad(path, $"tensor '{Visible.Short(name)}': field '{(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}' is missing");
        if (offsets.Length != 2) throw Bad(path, $"tensor '{Visible.Short(name)}': data_offsets must be two numbers, not {offsets.Length}");
        if (offsets[0] > offsets[1] || offsets[1] > long.MaxValue)
            throw Bad(path, $"tensor '{Visible.Short(name)}': data_offsets [{offsets[0]}, {offsets[1]}] are not a range inside the file");
        return new SafetensorsEntry(name, type.Value, shape, (long)offsets[0], (long)offsets[1]);
    }

    private static StorageType ParseType(string path, string name, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.String) throw Bad(path, $"tensor '{Visible.Short(name)}': dtype must be a text such as \"F32\"");
        string text = reader.GetString()!;
        return StorageTypes.TryFromSafetensors(text, out StorageType type) ? type
            : throw Bad(path, $"tensor '{Visible.Short(name)}': unknown dtype '{Visible.Short(text)}'");
    }

    private static ulong[] ParseNumbers(string path, string name, string field, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw Bad(path, $"tensor '{Visible.Short(name)}': {field} must be an array of whole numbers");
        var numbers = new List<ulong>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            // -0, 2.0 and 2e1 are whole in mathematics but not in this format.
            if (reader.TokenType != JsonTokenType.Number || reader.ValueSpan.ContainsAnyExceptInRange((byte)'0', (byte)'9')
                || !reader.TryGetUInt64(out ulong number))
            {
                throw Bad(path, $"tensor '{Visible.Short(name)}': {field} must hold whole numbers from 0 to 2^64-1");
            }
            numbers.Add(number);
        }
        return [.. numbers];
    }

    private static long[] Shape(string path, string name, ulong[] extents)
    {
        // Multiplied in order with a check at each step, as the reference does: a later 0 does not heal an overflow.
        UInt128 product = 1;
        foreach (ulong extent in extents)
        {
            product *= extent;
            if (product > ulong.MaxValue)
                throw Bad(path, $"tensor '{Visible.Short(name)}': the number of elements of shape [{string.Join(", ", extents.Take(8))}] overflows");
        }
        return Array.ConvertAll(
            extents, extent => extent <= long.MaxValue ? (long)extent : throw Bad(path, $"tensor '{Visible.Short(name)}': extent {extent} is too large"));
    }

    private static void CheckLayout(string path, List<SafetensorsEntry> entries, long dataLength)
    {
        long expected = 0;
        foreach (SafetensorsEntry entry in entries.OrderBy(entry => entry.Start).ThenBy(entry => entry.End))
        {
            string name = Visible.Short(entry.Name);
            if (entry.Start != expected)
            {
                throw Bad(
                    path,
                    $"tensor '{name}': data starts at {entry.Start} but the tensor before it ends at {expected}; tensors must lie without gap or overlap");
            }
            Int128 elements = 1;
            foreach (long extent in entry.Shape) elements *= extent;
            if (elements > long.MaxValue || !entry.Type.TryByteCount((long)elements, out long bytes))
                throw Bad(path, $"tensor '{name}': {elements} elements of {entry.Type.Name} are not a whole number of bytes in range");
            if (entry.End - entry.Start != bytes)
            {
                throw Bad(path, $"tensor '{name}': shape [{string.Join(", ", entry.Shape.Take(8))}] of {entry.Type.Name} takes {bytes} bytes but data_offsets "
                    + $"give {entry.End - entry.Start}");
            }
            expected = entry.End;
        }
        if (expected != dataLength)
        {
            string what = expected > dataLength ? "the file is truncated" : "there are bytes after the last tensor";
            throw Bad(path, $"the header describes {expected} bytes of tensors but {dataLength} follow it: {what}; download it again");
        }
    }

    private static InvalidDataException Bad(string path, string what) => new($"{path}: {what}");

    private static string Reason(JsonException e)
    {
        string message = e.Message.ReplaceLineEndings(" ");
        int end = message.IndexOf(". ", StringComparison.Ordinal);
        return Visible.Short(end < 0 ? message : message[..end]);
    }
}
