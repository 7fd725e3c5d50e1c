using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Sirocco.Cli.Records;

/// <summary>Strings of JSON with escapes that stand for no character: halves of surrogate pairs, as Python writes text that was cut between them.</summary>
internal static class JsonText
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>Writes a property as it is, such escapes included, which the writer itself refuses.</summary>
    public static void Copy(JsonProperty property, Utf8JsonWriter writer)
    {
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(property.Value);
        if (raw.IndexOf("\\ud"u8) < 0 && raw.IndexOf("\\uD"u8) < 0)
        {
            property.WriteTo(writer);
            return;
        }

        writer.WritePropertyName(property.Name);
        writer.WriteRawValue(raw, skipInputValidation: true);
    }

    /// <summary>The string with U+FFFD for every half; null where it is not UTF-8, which no escape can be blamed for.</summary>
    /// <param name="raw">A string that the parser took, with its quotes and escapes.</param>
    public static string? Repair(ReadOnlySpan<byte> raw)
    {
        string json;
        try
        {
            json = StrictUtf8.GetString(raw[1..^1]);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }

        StringBuilder text = new(json.Length);
        for (int i = 0; i < json.Length; i++)
        {
            if (json[i] != '\\')
            {
                text.Append(json[i]);
                continue;
            }

            char escape = json[++i];
            if (escape != 'u')
            {
                text.Append(escape switch { 'b' => '\b', 'f' => '\f', 'n' => '\n', 'r' => '\r', 't' => '\t', _ => escape });
                continue;
            }

            text.Append((char)ushort.Parse(json.AsSpan(i + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
            i += 4;
        }

        return string.Concat(text.ToString().EnumerateRunes());
    }
}
