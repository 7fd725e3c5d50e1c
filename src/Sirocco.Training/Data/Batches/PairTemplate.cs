using System.Text;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>prompt_template of a cross-encoder, read as Python's str.format reads it: two fields, doubled braces for literal ones.</summary>
internal sealed class PairTemplate
{
    private const string QueryField = "query", PassageField = "passage";

    private readonly List<(string Text, bool IsField)> parts;

    private PairTemplate(List<(string Text, bool IsField)> parts) => this.parts = parts;

    /// <exception cref="InvalidDataException">A brace stands alone, or a field has another name.</exception>
    public static PairTemplate Parse(string template)
    {
        List<(string, bool)> parts = [];
        StringBuilder literal = new();
        for (int i = 0; i < template.Length; i++)
        {
            char c = template[i];
            if (c is not ('{' or '}'))
            {
                literal.Append(c);
            }
            else if (i + 1 < template.Length && template[i + 1] == c)
            {
                literal.Append(c);
                i++;
            }
            else
            {
                int end = c == '{' ? template.IndexOf('}', i) : -1;
                if (end < 0) throw new InvalidDataException($"prompt_template has a lone '{c}' at character {i}; write '{c}{c}' for a literal brace");
                string field = template[(i + 1)..end];
                if (field is not (QueryField or PassageField))
                {
                    throw new InvalidDataException(
                        $"prompt_template has the field '{{{Visible.Short(field)}}}'; only {{{QueryField}}} and {{{PassageField}}} exist");
                }
                parts.Add((literal.ToString(), false));
                parts.Add((field, true));
                literal.Clear();
                i = end;
            }
        }

        parts.Add((literal.ToString(), false));
        return new PairTemplate(parts);
    }

    /// <summary>
    /// Refuses a template without both fields, or whose end is not one: long pairs are cut there, in training as in programs that use the export, and what is
    /// fixed must stay.
    /// </summary>
    /// <exception cref="InvalidDataException">The message begins with the key.</exception>
    public void RequireCuttableEnd()
    {
        foreach (string field in (string[])[QueryField, PassageField])
        {
            if (!parts.Contains((field, true)))
                throw new InvalidDataException($"prompt_template has no {{{field}}}; give a text with {{{QueryField}}} and {{{PassageField}}}");
        }

        if (parts[^1].Text.Length > 0)
        {
            throw new InvalidDataException($"prompt_template ends with '{Visible.Short(parts[^1].Text)}'; "
                + $"end it with {{{QueryField}}} or {{{PassageField}}}, which long pairs are cut in");
        }
    }

    public string Fill(string query, string passage) =>
        string.Concat(parts.Select(part => !part.IsField ? part.Text : part.Text == QueryField ? query : passage));
}
