using System.Globalization;
using System.Text;
using System.Text.Json;
using Sirocco.Cli.Frame;

namespace Sirocco.Cli.Records;

/// <summary>An ordered list of named facts that is printed as aligned lines for a person or as one JSON object for a program.</summary>
internal sealed class Facts
{
    private readonly List<(string Name, object Value)> entries = [];

    public bool IsEmpty => entries.Count == 0;

    /// <param name="name">the JSON key; underscores become spaces for a person</param>
    /// <param name="value">text, number, truth, another <see cref="Facts"/>, or a list of these; null is left out</param>
    public Facts Add(string name, object? value)
    {
        if (value is not null) entries.Add((name, value));
        return this;
    }

    public void WriteJson(Stream output)
    {
        using Utf8JsonWriter writer = new(output, JsonRecord.WriterOptions with { Indented = true, NewLine = "\n" });
        Write(writer, this);
        writer.Flush();
        output.WriteByte((byte)'\n');
    }

    public void WriteText(TextWriter output)
    {
        StringBuilder text = new();
        Write(text, this, 0);
        output.Write(text);
    }

    /// <summary>A size as people read it, with the exact number where it is small.</summary>
    public static string Bytes(long bytes)
    {
        string[] units = ["bytes", "KB", "MB", "GB", "TB"];
        double size = bytes;
        int unit = 0;
        while (size >= 1000 && unit < units.Length - 1)
        {
            size /= 1000;
            unit++;
        }

        return string.Create(
            CultureInfo.InvariantCulture,
            $"{(unit == 0 ? bytes.ToString(CultureInfo.InvariantCulture) : size.ToString(size >= 100 ? "0" : "0.0", CultureInfo.InvariantCulture))} "
                + $"{units[unit]}");
    }

    private static void Write(Utf8JsonWriter writer, object value)
    {
        switch (value)
        {
            case Facts facts:
                writer.WriteStartObject();
                foreach ((string name, object entry) in facts.entries)
                {
                    writer.WritePropertyName(name);
                    Write(writer, entry);
                }

                writer.WriteEndObject();
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case bool truth:
                writer.WriteBooleanValue(truth);
                break;
            case double or float:
                double number = Convert.ToDouble(value, CultureInfo.InvariantCulture);
                if (double.IsFinite(number)) writer.WriteNumberValue(number);
                else writer.WriteStringValue(number.ToString(CultureInfo.InvariantCulture));
                break;
            case System.Collections.IEnumerable list:
                writer.WriteStartArray();
                foreach (object entry in list) Write(writer, entry);
                writer.WriteEndArray();
                break;
            default:
                writer.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
        }
    }

    private static void Write(StringBuilder text, Facts facts, int indent)
    {
        int width = facts.entries.Count == 0 ? 0 : facts.entries.Max(entry => entry.Name.Length);
        foreach ((string name, object value) in facts.entries)
        {
            text.Append(' ', indent).Append(name.Replace('_', ' ')).Append(':');
            switch (value)
            {
                case Facts inner:
                    text.Append('\n');
                    Write(text, inner, indent + 2);
                    break;
                case IEnumerable<Facts> list:
                    text.Append('\n');
                    foreach (Facts inner in list) text.Append(' ', indent + 2).Append(inner.OnOneLine()).Append('\n');
                    break;
                default:
                    text.Append(' ', width - name.Length + 1).Append(Plain(name, value)).Append('\n');
                    break;
            }
        }
    }

    private string OnOneLine() => string.Join("  ", entries.Select(entry => Plain(entry.Name, entry.Value)));

    private static string Plain(string name, object value) => value switch
    {
        bool truth => truth ? "yes" : "no",
        string text => text,
        double seconds when name.EndsWith("seconds", StringComparison.Ordinal) && seconds >= 60 => ProgressLine.Span(TimeSpan.FromSeconds(seconds)),
        double or float => Convert.ToDouble(value, CultureInfo.InvariantCulture).ToString("G5", CultureInfo.InvariantCulture),
        System.Collections.IEnumerable list => string.Join(", ", list.Cast<object>().Select(entry => Plain(name, entry))),
        long or int when name.EndsWith("bytes", StringComparison.Ordinal) => Bytes(Convert.ToInt64(value, CultureInfo.InvariantCulture)),
        long or int => Convert.ToInt64(value, CultureInfo.InvariantCulture).ToString("N0", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };
}
