using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// Records of comma- or tab-separated text (RFC 4180): a header names the columns, quoted cells may hold separators, line ends and doubled quotes. Each row
/// becomes an object of texts; an empty cell is null.
/// </summary>
internal static class CsvRecords
{
    private const int LongestRow = 1 << 28;

    public static void Read(string path, RecordVisitor visit)
    {
        byte separator = Path.GetExtension(path).Equals(".tsv", StringComparison.OrdinalIgnoreCase) ? (byte)'\t' : (byte)',';
        using MappedFile file = MappedFile.Open(path);
        List<byte[]?> cells = [];
        JsonEncodedText[]? header = null;
        ArrayBufferWriter<byte> json = new();
        using Utf8JsonWriter writer = new(json);
        int line = 1, index = 0;
        for (long start = Mark(file); start < file.Length;)
        {
            RecordPlace place = new(path, index, line);
            start += Row(
                file.Span(start, (int)Math.Min(file.Length - start, LongestRow)), start + LongestRow >= file.Length, separator, cells, place, ref line);
            if (cells is [null]) continue;   // a blank line
            if (header is null)
            {
                header = Header(cells, place);
                continue;
            }

            if (cells.Count > header.Length)
                throw new InvalidDataException($"{place}: the row has {cells.Count} cells, the header {header.Length}; put cells with separators in quotes");
            json.ResetWrittenCount();
            writer.Reset();
            writer.WriteStartObject();
            for (int i = 0; i < cells.Count; i++)
            {
                if (cells[i] is { } text) writer.WriteString(header[i], text);
                else writer.WriteNull(header[i]);
            }

            writer.WriteEndObject();
            writer.Flush();
            using JsonDocument record = JsonDocument.Parse(json.WrittenMemory);
            visit(record.RootElement, place);
            index++;
        }

        if (index == 0)
            throw new InvalidDataException($"{path}: holds no records; it should hold a line with the names of columns, then a line for each record");
    }

    private static int Mark(MappedFile file) => file.Length >= 3 && file.Span(0, 3).SequenceEqual("\uFEFF"u8) ? 3 : 0;

    private static JsonEncodedText[] Header(List<byte[]?> cells, RecordPlace place)
    {
        string[] names = [.. cells.Select(cell => System.Text.Encoding.UTF8.GetString(cell ?? []).Trim())];
        if (Array.Exists(names, name => name.Length == 0)) throw new InvalidDataException($"{place}: the header has a column without a name");
        string? twice = names.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1)?.Key;
        if (twice is not null) throw new InvalidDataException($"{place}: the header names the column '{twice}' twice");
        return [.. names.Select(name => JsonEncodedText.Encode(name))];
    }

    /// <summary>Reads the cells of one row.</summary>
    /// <returns>Bytes read, the line end included.</returns>
    private static int Row(ReadOnlySpan<byte> text, bool isRest, byte separator, List<byte[]?> cells, RecordPlace place, ref int line)
    {
        cells.Clear();
        int at = 0;
        while (true)
        {
            bool isQuoted = at < text.Length && text[at] == (byte)'"';
            byte[] cell = isQuoted ? Quoted(text, ref at, place, ref line) : Plain(text, ref at, separator);
            if (!Utf8.IsValid(cell)) throw new InvalidDataException($"{place}: column {cells.Count + 1} is not valid UTF-8; save the file as UTF-8");
            cells.Add(cell.Length == 0 ? null : cell);
            if (at == text.Length && !isRest) throw new InvalidDataException($"{place}: the row is longer than {LongestRow >> 20} MB; a quote may be missing");
            if (at == text.Length) return at;
            byte end = text[at++];
            if (end == separator) continue;
            if (end == (byte)'\r' && at < text.Length && text[at] == (byte)'\n') at++;
            else if (end is not ((byte)'\n' or (byte)'\r'))
                throw new InvalidDataException($"{place}: something follows the closing quote of column {cells.Count}; double the quotes inside a cell");
            line++;
            return at;
        }
    }

    private static byte[] Plain(ReadOnlySpan<byte> text, ref int at, byte separator)
    {
        int length = text[at..].IndexOfAny(separator, (byte)'\n', (byte)'\r');
        if (length < 0) length = text.Length - at;
        byte[] cell = text.Slice(at, length).ToArray();
        at += length;
        return cell;
    }

    private static byte[] Quoted(ReadOnlySpan<byte> text, ref int at, RecordPlace place, ref int line)
    {
        ArrayBufferWriter<byte> cell = new();
        while (true)
        {
            int length = text[++at..].IndexOf((byte)'"');
            if (length < 0) throw new InvalidDataException($"{place}: a quoted cell has no closing quote");
            ReadOnlySpan<byte> part = text.Slice(at, length);
            cell.Write(part);
            line += part.Count((byte)'\n');
            at += length + 1;
            if (at == text.Length || text[at] != (byte)'"') return cell.WrittenSpan.ToArray();
            cell.Write("\""u8);
        }
    }
}
