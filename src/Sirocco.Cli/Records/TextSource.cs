using System.Text;
using Sirocco.Formats;

namespace Sirocco.Cli.Records;

/// <summary>A text to work on, and the JSON object it came in (null for a line of plain text or a word of the command line).</summary>
internal sealed record TextRecord(string Text, string? Id, byte[]? Json);

/// <summary>Texts in order, from the command line, a text file (a text a line) or JSON Lines; never more than one line in memory.</summary>
internal sealed class TextSource : IDisposable
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
    private readonly Stream? file;
    private readonly LineReader? lines;
    private readonly bool? json;
    private readonly string[] texts = [];
    private readonly Func<JsonRecord, string> read = record => record.TitledText();
    private long taken;

    /// <summary>Texts given as they are.</summary>
    public TextSource(IEnumerable<string> texts) => this.texts = [.. texts];

    /// <param name="path">.txt, .jsonl, either with .gz, or "-"; what comes from standard input is JSON Lines if it begins with '{'</param>
    /// <param name="read">the text of a record; by default its title and text</param>
    /// <param name="cancellation">ends the wait for a pipe's writer</param>
    public TextSource(string path, Func<JsonRecord, string>? read = null, CancellationToken cancellation = default)
    {
        json = DataFiles.Extension(path) switch
        {
            ".txt" => false,
            ".jsonl" or ".json" or ".ndjson" => true,
            "" => null,
            string other => throw new InvalidDataException($"{path}: texts are read from .txt and .jsonl files (also .gz), not {other}; rename or convert it"),
        };
        file = DataFiles.Open(path, cancellation);
        lines = new LineReader(DataFiles.Content(file, path), DataFiles.NameOf(path));
        if (read is not null) this.read = read;
    }

    /// <summary>How much of the input is done, from 0 to 1, where work goes on behind what has been read; null where that is not known.</summary>
    /// <param name="done">Texts that are done.</param>
    public double? PartOf(long done) => taken > 0 && file is { CanSeek: true, Length: > 0 } ? (double)file.Position / file.Length * done / taken : null;

    /// <summary>Whether the next text may be long in coming.</summary>
    public bool IsDrained => lines is { IsDrained: true };

    /// <summary>How many texts there are, where that is known beforehand.</summary>
    public long? Count => lines is null ? texts.Length : null;

    public IEnumerable<TextRecord> Read()
    {
        foreach (string text in texts) yield return new TextRecord(text, null, null);
        if (lines is null) yield break;
        bool? isJson = json;
        while (lines.TryRead(out ReadOnlyMemory<byte> line))
        {
            isJson ??= line.Span.TrimStart(" \t"u8) is [(byte)'{', ..];
            if (isJson.Value && line.Span.Trim(" \t"u8).IsEmpty) continue; // a blank line at the end of a file is no record
            taken++;
            if (isJson.Value)
            {
                using JsonRecord record = JsonRecord.Parse(line, lines.Place);
                yield return new TextRecord(read(record), record.Identifier("id") ?? record.Identifier("_id"), line.ToArray());
            }
            else
            {
                yield return new TextRecord(Decode(line), null, null);
            }
        }
    }

    public void Dispose()
    {
        lines?.Dispose();
        file?.Dispose();
    }

    private string Decode(ReadOnlyMemory<byte> line)
    {
        try
        {
            return StrictUtf8.GetString(line.Span);
        }
        catch (DecoderFallbackException failure)
        {
            throw new InvalidDataException($"{lines!.Place} is not UTF-8 (byte {failure.Index}); convert the file to UTF-8", failure);
        }
    }
}
