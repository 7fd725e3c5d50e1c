using System.Text.Json;
using System.Text.Unicode;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>A record of a data file, and where it stands.</summary>
/// <param name="File">The file.</param>
/// <param name="Index">Number of the record, from 0.</param>
/// <param name="Line">Its line in a JSON Lines file, from 1; 0 in other files.</param>
internal readonly record struct RecordPlace(string File, int Index, int Line)
{
    public override string ToString() => Line > 0 ? $"{File}:{Line}" : $"{File}: record {Index} (counted from 0)";
}

/// <summary>Takes one record; the element is valid during the call only.</summary>
internal delegate void RecordVisitor(JsonElement record, RecordPlace place);

/// <summary>
/// Records of a JSON file in any of the forms that the reference takes: an array, an object with the array under <c>data</c>, a single object, or one object
/// on each line, which may be compressed (.gz). The file is mapped, and one record is parsed at a time.
/// </summary>
internal static class JsonRecords
{
    private const int LongestJson = int.MaxValue;
    private const string HalfName = "the name of a member is not valid Unicode (half a surrogate pair); repair the name";

    private static readonly JsonReaderOptions ReaderOptions = new() { MaxDepth = 64, CommentHandling = JsonCommentHandling.Disallow };

    /// <summary>The kinds of the members of the file's one object, and what <c>corpus</c> holds; no members where the file is something else.</summary>
    /// <exception cref="InvalidDataException">It is one piece of JSON, but damaged or too large.</exception>
    public static (Dictionary<string, JsonValueKind> Members, JsonElement Corpus) Outline(string path)
    {
        using MappedFile file = MappedFile.Open(path);
        Dictionary<string, JsonValueKind> kinds = [];
        JsonElement corpus = default;
        if (file.Length == 0 || !IsOneValue(file) || (file.Length <= LongestJson && First(Content(file)) != (byte)'{')) return (kinds, corpus);
        Whole(file, (content, _) => Members(content, (name, value, _) =>
        {
            kinds[name] = value[0] switch { (byte)'[' => JsonValueKind.Array, (byte)'{' => JsonValueKind.Object, _ => JsonValueKind.Undefined };
            if (name == "corpus") corpus = Parse(value);
        }));
        return (kinds, corpus);
    }

    /// <summary>The members of the file's one object in their order, <c>data</c> without a value; of a repeated name the last.</summary>
    /// <exception cref="InvalidDataException">A text among them is half a surrogate pair, which no file can hold.</exception>
    public static IReadOnlyList<JsonMember> MembersBesideData(string path)
    {
        using MappedFile file = MappedFile.Open(path);
        List<JsonMember> members = [];
        Whole(file, (content, written) =>
        {
            OrderedDictionary<string, Range> places = new(StringComparer.Ordinal);
            Members(content, (name, value, start) => places[name] = start..(start + value.Length));
            foreach ((string name, Range place) in places)
            {
                if (name == "data")
                {
                    members.Add(new JsonMember(name, default));
                    continue;
                }

                if (HalfSurrogateAt(content[place], inTexts: true) >= 0)
                    throw new InvalidDataException($"{path}: '{name}' is not valid Unicode (half a surrogate pair); repair the text");
                Range more = (place.Start.Value - 1)..place.End;
                members.Add(new JsonMember(name, Parse(content[place]), content[more].SequenceEqual(written[more]) ? null : written[more].ToArray()));
            }
        });
        return members;
    }

    /// <summary>The folders that <c>corpus</c> names, as they are written.</summary>
    public static IEnumerable<string> CorpusPaths(string path) =>
        [.. RecordFields.Items(Outline(path).Corpus)
            .Select(corpus => corpus.TryGetProperty("path", out JsonElement folder) ? folder.GetString() : null).OfType<string>()];

    /// <summary>Visits every record.</summary>
    /// <exception cref="InvalidDataException">The file holds no records, or is damaged; the message names the line.</exception>
    public static void Read(string path, RecordVisitor visit)
    {
        if (GzipContent.IsNamed(path))
        {
            ReadPacked(path, visit);
            return;
        }

        using MappedFile file = MappedFile.Open(path);
        if (file.Length == 0) throw new InvalidDataException($"{path}: is empty; it should hold one JSON record on each line");
        if (!IsOneValue(file))
        {
            ReadLines(file, visit);
            return;
        }

        Whole(file, (content, _) =>
        {
            bool isObject = First(content) == (byte)'{';
            if (!isObject)
            {
                Elements(path, content, visit);
                return;
            }

            Range? data = null;     // of a repeated member the last, as Python reads it
            Members(content, (name, value, start) => data = name == "data" ? start..(start + value.Length) : data);
            if (data is not { } range) visit(Parse(content), new RecordPlace(path, 0, 1));
            else if (First(content[range]) == (byte)'[') Elements(path, content[range], visit);
            else visit(Parse(content[range]), new RecordPlace(path, 0, 0));
        });
    }

    /// <summary>
    /// Where a name, or a text too, is half a surrogate pair, which JSON can escape and no string can hold; −1 where there is none. Names are compared with
    /// others before anybody knows their record, so they are looked at when the file is read; most texts when they are decoded.
    /// </summary>
    internal static int HalfSurrogateAt(ReadOnlySpan<byte> json, bool inTexts = false)
    {
        if (json.IndexOf("\\ud"u8) < 0 && json.IndexOf("\\uD"u8) < 0) return -1;
        Utf8JsonReader reader = new(json, ReaderOptions);
        while (reader.Read())
        {
            if (!reader.ValueIsEscaped || (!inTexts && reader.TokenType != JsonTokenType.PropertyName)) continue;
            try
            {
                _ = reader.GetString();
            }
            catch (InvalidOperationException)
            {
                return (int)reader.TokenStartIndex;
            }
        }

        return -1;
    }

    /// <summary>
    /// Python writes NaN and infinities as bare words, which JSON does not have. They are read as empty texts, so that none of them passes for a number.
    /// </summary>
    internal static byte[]? WithoutBareNumbers(ReadOnlySpan<byte> json)
    {
        byte[]? patched = null;
        bool inText = false;
        for (int i = 0; i < json.Length; i++)
        {
            byte c = json[i];
            if (inText)
            {
                if (c == (byte)'\\') i++;
                else if (c == (byte)'"') inText = false;
                continue;
            }

            if (c == (byte)'"') inText = true;
            if (c is not ((byte)'N' or (byte)'I')) continue;
            ReadOnlySpan<byte> word = c == (byte)'N' ? "NaN"u8 : "Infinity"u8;
            if (!json[i..].StartsWith(word)) continue;
            patched ??= json.ToArray();
            patched.AsSpan(i, word.Length).Fill((byte)' ');
            "\"\""u8.CopyTo(patched.AsSpan(i));
            if (i > 0 && patched[i - 1] == (byte)'-') patched[i - 1] = (byte)' ';
            i += word.Length - 1;
        }

        return patched;
    }

    private static ReadOnlySpan<byte> Content(MappedFile file)
    {
        ReadOnlySpan<byte> content = file.Span(0, (int)file.Length);
        return content.StartsWith("\uFEFF"u8) ? content[3..] : content;
    }

    private static byte First(ReadOnlySpan<byte> json)
    {
        ReadOnlySpan<byte> content = json.TrimStart(" \t\r\n"u8);
        return content.IsEmpty ? (byte)0 : content[0];
    }

    /// <summary>Whether the file is one JSON value and nothing else, rather than a value on each line.</summary>
    private static bool IsOneValue(MappedFile file)
    {
        bool isLong = file.Length > LongestJson;
        ReadOnlySpan<byte> content = (isLong ? file.Span(0, 4096).TrimStart("\uFEFF"u8) : Content(file)).Trim(" \t\r\n"u8);
        if (content.IsEmpty) return false;
        if (content[0] == (byte)'[') return true;
        int end = content.IndexOf((byte)'\n');
        if (end < 0) return !isLong;
        ReadOnlySpan<byte> line = content[..end].TrimEnd(" \t\r"u8);
        if (line.Length == 1) return !IsValue(line);    // a brace alone begins an object over many lines, be it a damaged one
        return !isLong && !IsValue(line) && IsValue(content);
    }

    private static bool IsValue(ReadOnlySpan<byte> json)
    {
        try
        {
            Utf8JsonReader reader = new(json, ReaderOptions);
            while (reader.Read()) continue;
            return reader.BytesConsumed > 0;
        }
        catch (JsonException)
        {
            return WithoutBareNumbers(json) is { } patched && IsValue(patched);
        }
    }

    /// <summary>Takes a file's content as JSON, and as it is written: places are the same.</summary>
    private delegate void ContentVisitor(ReadOnlySpan<byte> json, ReadOnlySpan<byte> written);

    private static void Whole(MappedFile file, ContentVisitor visit)
    {
        if (file.Length > LongestJson)
            throw new InvalidDataException($"{file.Path}: is larger than 2 GB in one piece of JSON; write one record on each line (.jsonl) instead");
        ReadOnlySpan<byte> written = Content(file), content = written;
        if (!Utf8.IsValid(content))
            throw new InvalidDataException($"{file.Path}:{LineOf(content, InvalidAt(content))}: is not valid UTF-8; save the file as UTF-8");
        try
        {
            Check(content);
        }
        catch (JsonException failure)
        {
            byte[]? patched = WithoutBareNumbers(content);
            try
            {
                if (patched is null) throw;
                Check(patched);
            }
            catch (JsonException)
            {
                throw new InvalidDataException($"{file.Path}:{(failure.LineNumber ?? 0) + 1}: "
                    + $"is not JSON at byte {failure.BytePositionInLine ?? 0} of the line; repair or remove the record", failure);
            }

            content = patched;
        }

        int half = HalfSurrogateAt(content);
        if (half >= 0) throw new InvalidDataException($"{file.Path}:{LineOf(content, half)}: {HalfName}");
        visit(content, written);
    }

    private static void Check(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json, ReaderOptions);
        while (reader.Read()) continue;
    }

    private delegate void MemberVisitor(string name, ReadOnlySpan<byte> value, int start);

    private static void Members(ReadOnlySpan<byte> json, MemberVisitor visit)
    {
        Utf8JsonReader reader = new(json, ReaderOptions);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            reader.Skip();
            visit(name, json[start..(int)reader.BytesConsumed], start);
        }

        while (reader.Read()) continue;
    }

    private static void Elements(string path, ReadOnlySpan<byte> json, RecordVisitor visit)
    {
        Utf8JsonReader reader = new(json, ReaderOptions);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray)
            throw new InvalidDataException($"{path}: holds a JSON {reader.TokenType} where records are expected");
        for (int index = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; index++)
        {
            using JsonDocument record = JsonDocument.ParseValue(ref reader);
            visit(record.RootElement, new RecordPlace(path, index, 0));
        }
    }

    private static JsonElement Parse(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json, ReaderOptions);
        return JsonElement.ParseValue(ref reader);
    }

    private static void ReadLines(MappedFile file, RecordVisitor visit)
    {
        int number = 0, index = 0;
        for (long start = 0; start < file.Length;)
        {
            ReadOnlySpan<byte> rest = file.Span(start, (int)Math.Min(file.Length - start, int.MaxValue));
            int length = rest.IndexOf((byte)'\n');
            if (length < 0 && rest.Length < file.Length - start) throw new InvalidDataException($"{file.Path}:{number + 1}: the line is longer than 2 GB");
            ReadOnlySpan<byte> line = length < 0 ? rest : rest[..length];
            start += line.Length + 1;
            if (number++ == 0 && line.StartsWith("\uFEFF"u8)) line = line[3..];
            line = line.Trim(" \t\r\f\v"u8);
            if (!line.IsEmpty) Line(line, new RecordPlace(file.Path, index++, number), visit);
        }

        if (index == 0) throw new InvalidDataException($"{file.Path}: holds no records; it should hold one JSON object on each line");
    }

    /// <summary>A compressed file is read as JSON Lines, one line in memory at a time.</summary>
    private static void ReadPacked(string path, RecordVisitor visit)
    {
        using FileStream file = File.OpenRead(path);
        using Stream content = GzipContent.Of(file, path);
        using LineReader lines = new(content, path);
        int index = 0;
        while (lines.TryRead(out ReadOnlyMemory<byte> text))
        {
            ReadOnlySpan<byte> line = text.Span.Trim(" \t\r\f\v"u8);
            if (!line.IsEmpty) Line(line, new RecordPlace(path, index++, checked((int)lines.Number)), visit);
        }

        if (index == 0) throw new InvalidDataException($"{path}: holds no records; it should hold one JSON object on each line");
    }

    private static void Line(ReadOnlySpan<byte> line, RecordPlace place, RecordVisitor visit)
    {
        if (!Utf8.IsValid(line)) throw new InvalidDataException($"{place}: is not valid UTF-8 at byte {InvalidAt(line)}; save the file as UTF-8");
        JsonDocument record;
        try
        {
            record = ParseLine(line);
        }
        catch (JsonException failure)
        {
            throw new InvalidDataException($"{place}: is not JSON at byte {failure.BytePositionInLine ?? 0}; every line must be one JSON object", failure);
        }

        using (record)
        {
            if (HalfSurrogateAt(line) >= 0) throw new InvalidDataException($"{place}: {HalfName}");
            visit(record.RootElement, place);
        }
    }

    private static JsonDocument ParseLine(ReadOnlySpan<byte> line)
    {
        try
        {
            return ParseOne(line);
        }
        catch (JsonException)
        {
            if (WithoutBareNumbers(line) is not { } patched) throw;
            return ParseOne(patched);
        }
    }

    private static JsonDocument ParseOne(ReadOnlySpan<byte> line)
    {
        Utf8JsonReader reader = new(line, ReaderOptions);
        JsonDocument record = JsonDocument.ParseValue(ref reader);
        try
        {
            while (reader.Read()) continue;   // throws where anything follows the value
            return record;
        }
        catch (JsonException)
        {
            record.Dispose();
            throw;
        }
    }

    private static int InvalidAt(ReadOnlySpan<byte> bytes)
    {
        int at = 0;
        while (at < bytes.Length && System.Text.Rune.DecodeFromUtf8(bytes[at..], out _, out int length) == System.Buffers.OperationStatus.Done) at += length;
        return at;
    }

    private static int LineOf(ReadOnlySpan<byte> content, int at) => content[..at].Count((byte)'\n') + 1;
}
