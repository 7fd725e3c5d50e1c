using System.Text;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>Lines of fields with tabs or other white space between, as run files and judgements have them; perhaps compressed (.gz).</summary>
internal static class FieldLines
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>Visits each line that is not blank with its fields and a name of its place for messages.</summary>
    public static void Read(string path, Action<string[], string> visit)
    {
        using FileStream file = File.OpenRead(path);
        using Stream content = GzipContent.Of(file, path);
        using LineReader lines = new(content, path);
        while (lines.TryRead(out ReadOnlyMemory<byte> line))
        {
            string[] fields;
            try
            {
                fields = Strict.GetString(line.Span).Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            }
            catch (DecoderFallbackException failure)
            {
                throw new InvalidDataException($"{lines.Place} is not UTF-8 (byte {failure.Index}); convert the file to UTF-8", failure);
            }

            if (fields.Length > 0) visit(fields, lines.Place);
        }
    }
}
