using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Sirocco.Training;

/// <summary>
/// Writes JSON as Python's <c>json.dumps(…, ensure_ascii=False)</c> does, byte for byte: with an indent a value on each line, without one everything on one
/// line; infinities and NaN as bare words.
/// </summary>
/// <param name="output">Where to.</param>
/// <param name="indent">Spaces of a level; null writes no line breaks.</param>
internal sealed class PythonJson(TextWriter output, int? indent = null)
{
    private readonly Stack<bool> filled = new();    // for each open object or list: whether it has a value
    private bool named;

    public void Begin(char bracket)
    {
        Separate();
        output.Write(bracket);
        filled.Push(false);
    }

    public void End(char bracket)
    {
        if (filled.Pop()) Break();
        output.Write(bracket);
    }

    public void Name(string name)
    {
        Separate();
        Quoted(name);
        output.Write(": ");
        named = true;
    }

    public void Text(string? text)
    {
        Separate();
        if (text is null) output.Write("null");
        else Quoted(text);
    }

    public void Truth(bool? value) => Raw(value is { } truth ? truth ? "true" : "false" : "null");

    public void Integer(long value) => Raw(value.ToString(CultureInfo.InvariantCulture));

    public void Real(double? value) => Raw(value is { } number ? Words(double.IsNaN(number) ? "nan" : PythonText.Real(number)) : "null");

    /// <summary>A value that was read, as Python would write it back.</summary>
    public void Value(JsonMember member) => Value(member.Value, member);

    private void Value(JsonElement value, JsonMember within)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                Begin('{');
                foreach (IGrouping<string, JsonProperty> member in value.EnumerateObject().GroupBy(member => member.Name))
                {
                    Name(member.Key);
                    Value(member.Last().Value, within);
                }

                End('}');
                break;
            case JsonValueKind.Array:
                Begin('[');
                foreach (JsonElement item in value.EnumerateArray()) Value(item, within);
                End(']');
                break;
            case JsonValueKind.String:
                if (within.BareNumber(value) is { } word) Raw(word);
                else Text(value.GetString());
                break;
            case JsonValueKind.Number:
                Raw(Words(PythonText.Of(value)!));
                break;
            case JsonValueKind.True or JsonValueKind.False:
                Truth(value.GetBoolean());
                break;
            default:
                Raw("null");
                break;
        }
    }

    private static string Words(string number) => number switch { "inf" => "Infinity", "-inf" => "-Infinity", "nan" => "NaN", _ => number };

    private void Raw(string text)
    {
        Separate();
        output.Write(text);
    }

    private void Separate()
    {
        if (named)
        {
            named = false;
            return;
        }

        if (filled.Count == 0) return;
        if (filled.Pop()) output.Write(indent is null ? ", " : ",");
        filled.Push(true);
        Break();
    }

    private void Break()
    {
        if (indent is not { } spaces) return;
        output.Write('\n');
        for (int i = filled.Count * spaces; i > 0; i--) output.Write(' ');
    }

    private void Quoted(string text)
    {
        StringBuilder quoted = new(text.Length + 2);
        quoted.Append('"');
        foreach (char c in text)
        {
            switch (c)
            {
                case '"':
                    quoted.Append("\\\"");
                    break;
                case '\\':
                    quoted.Append("\\\\");
                    break;
                case '\n':
                    quoted.Append("\\n");
                    break;
                case '\r':
                    quoted.Append("\\r");
                    break;
                case '\t':
                    quoted.Append("\\t");
                    break;
                case '\f':
                    quoted.Append("\\f");
                    break;
                case '\b':
                    quoted.Append("\\b");
                    break;
                case < ' ':
                    quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
                    break;
                default:
                    quoted.Append(c);
                    break;
            }
        }

        output.Write(quoted.Append('"'));
    }
}
