using System.Text;
using Sirocco.Formats;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Sirocco.Training;

/// <summary>
/// Reads a YAML 1.1 document as PyYAML's safe loader does: plain scalars are resolved by <see cref="YamlScalar"/>, aliases share what their anchor names,
/// <c>&lt;&lt;</c> merges mappings. Keys given twice, tags that make objects, and documents that are too large, too deep or that grow too much by aliases are
/// refused.
/// </summary>
internal sealed class YamlReader
{
    private const int SizeLimit = 4 << 20;
    private const int DepthLimit = 64;
    private const int NodeLimit = 200_000;

    private readonly string file;
    private readonly Parser events;
    private readonly Dictionary<string, (RecipeNode? Node, int Size)> anchors = new(StringComparer.Ordinal);
    private int nodes;
    private int depth;

    private YamlReader(string file, string text)
    {
        this.file = file;
        events = new Parser(new Scanner(new StringReader(text), skipComments: true));
    }

    /// <summary>Reads a recipe file.</summary>
    /// <exception cref="InvalidDataException">It is no YAML, or none that a recipe can be; the message begins with file and line.</exception>
    public static RecipeMapping ReadFile(string path)
    {
        if (Directory.Exists(path)) throw new InvalidDataException($"{path}: is a folder; give a recipe in it, a .yaml file");
        using FileStream stream = File.OpenRead(path);
        if (stream.Length > SizeLimit)
            throw new InvalidDataException($"{path}: has {stream.Length} bytes, more than the {SizeLimit} that a recipe may have; is it a recipe?");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        try
        {
            ReadOnlySpan<byte> content = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes.AsSpan(Encoding.UTF8.Preamble.Length) : bytes;
            return Read(new UTF8Encoding(false, true).GetString(content), path);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"{path}: is not UTF-8 text (byte {e.Index}); save it as UTF-8", e);
        }
    }

    /// <summary>Reads a recipe from text.</summary>
    /// <param name="text">the document</param>
    /// <param name="file">its name, for messages</param>
    public static RecipeMapping Read(string text, string file)
    {
        RefuseControlCharacters(text, file);
        YamlReader reader = new(file, text);
        try
        {
            return reader.Document();
        }
        catch (YamlException e)
        {
            if (TabIndentation(text, e.Start.Line, e.End.Line) is { } line)
                throw new InvalidDataException($"{file}:{line}: is indented with a tab; YAML wants blanks", e);
            throw new InvalidDataException($"{file}:{e.Start.Line}: {Visible.OneLine(e.Message.TrimEnd('.'))}; correct the YAML at column {e.Start.Column}", e);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or FormatException or OverflowException or IndexOutOfRangeException)
        {
            // The scanner's own slips over broken documents.
            throw new InvalidDataException($"{file}:{reader.Line}: is not YAML here ({Visible.Short(e.Message)}); correct the document", e);
        }
    }

    private long Line => events.Current?.End.Line ?? 1;

    private RecipeMapping Document()
    {
        Next(); // stream start
        if (Next() is StreamEnd) throw new InvalidDataException($"{file}: is empty; a recipe is a mapping with a key 'recipe'");
        RecipeNode root = Node(Next());
        Next(); // document end
        if (Next() is not StreamEnd) throw Wrong(events.Current!, "a second document begins; a recipe is one document");
        return root as RecipeMapping ?? throw new InvalidDataException($"{root.Origin}: a recipe is a mapping of sections, not {root.Kind}");
    }

    private ParsingEvent Next()
    {
        if (!events.MoveNext()) throw new InvalidDataException($"{file}:{Line}: the document ends too early");
        return events.Current!;
    }

    private RecipeNode Node(ParsingEvent start)
    {
        if (start is AnchorAlias alias) return Alias(alias);
        if (++nodes > NodeLimit) throw Wrong(start, $"more than {NodeLimit} values; a recipe is smaller");
        string? anchor = start is NodeEvent { Anchor.IsEmpty: false } named ? named.Anchor.Value : null;
        int before = nodes;
        if (anchor is not null) anchors[anchor] = (null, 0);
        if (++depth > DepthLimit) throw Wrong(start, $"nested deeper than {DepthLimit} levels");
        RecipeNode node = start switch
        {
            Scalar scalar => new RecipeScalar(Value(scalar), Origin(scalar)),
            SequenceStart sequence => Sequence(sequence),
            MappingStart mapping => Mapping(mapping),
            _ => throw Wrong(start, "a value was expected"),
        };
        depth--;
        if (anchor is not null) anchors[anchor] = (node, nodes - before + 1);
        return node;
    }

    private RecipeNode Alias(AnchorAlias alias)
    {
        string name = alias.Value.Value;
        if (!anchors.TryGetValue(name, out (RecipeNode? Node, int Size) anchor))
            throw Wrong(alias, $"alias *{Visible.Short(name)} has no anchor &{Visible.Short(name)} before it");
        if (anchor.Node is null) throw Wrong(alias, $"alias *{Visible.Short(name)} stands inside its own anchor");
        nodes += anchor.Size;
        if (nodes > NodeLimit) throw Wrong(alias, $"aliases make more than {NodeLimit} values; a recipe is smaller");
        return anchor.Node;
    }

    private RecipeSequence Sequence(SequenceStart start)
    {
        RefuseTag(start, start.Tag, "tag:yaml.org,2002:seq");
        List<RecipeNode> items = [];
        for (ParsingEvent next = Next(); next is not SequenceEnd; next = Next()) items.Add(Node(next));
        return new RecipeSequence(items, Origin(start));
    }

    private RecipeMapping Mapping(MappingStart start)
    {
        RefuseTag(start, start.Tag, "tag:yaml.org,2002:map");
        RecipeMapping own = new(Origin(start));
        List<RecipeMapping> merged = [];
        for (ParsingEvent next = Next(); next is not MappingEnd; next = Next())
        {
            if (next is AnchorAlias) throw Wrong(next, "a key is a word, not an alias");
            if (next is not Scalar key) throw Wrong(next, "a key is a word, not a list or mapping");
            bool merge = key is { Value: "<<", Style: ScalarStyle.Plain };
            RecipeNode value = Node(Next());
            if (merge) Merge(key, value, merged);
            else if (own[key.Value] is { } earlier)
                throw Wrong(key, $"key '{Visible.Short(key.Value)}' was given before, in line {earlier.Origin.Line}; keep one of them");
            else own.Set(key.Value, value);
        }

        return merged.Count == 0 ? own : Flatten(own, merged);
    }

    // The value of << is a mapping or a list of them, of which the earlier ones win.
    private void Merge(Scalar key, RecipeNode value, List<RecipeMapping> merged)
    {
        IReadOnlyList<RecipeNode> sources = value is RecipeSequence list ? list.Items : [value];
        foreach (RecipeNode source in sources.Reverse())
            merged.Add(source as RecipeMapping ?? throw Wrong(key, $"<< merges a mapping or a list of mappings, not {source.Kind}"));
    }

    private static RecipeMapping Flatten(RecipeMapping own, List<RecipeMapping> merged)
    {
        RecipeMapping whole = new(own.Origin);
        foreach (RecipeMapping source in merged.Append(own))
        {
            foreach (string key in source.Keys) whole.Set(key, source[key]!);
        }

        return whole;
    }

    private object? Value(Scalar scalar)
    {
        string text = scalar.Value;
        if (scalar.Tag.IsEmpty || scalar.Tag.IsNonSpecific)
            return scalar.Style == ScalarStyle.Plain && !scalar.Tag.IsNonSpecific ? YamlScalar.Resolve(text) : text;
        const string Prefix = "tag:yaml.org,2002:";
        string tag = scalar.Tag.Value;
        object? value = tag.StartsWith(Prefix, StringComparison.Ordinal) ? tag[Prefix.Length..] switch
        {
            "str" => text,
            "bool" => YamlScalar.Truth(text),
            "int" => YamlScalar.Integer(text),
            "float" => YamlScalar.Float(text),
            "null" when YamlScalar.IsNull(text) => DBNull.Value,
            _ => null,
        } : null;
        return value switch
        {
            null => throw Wrong(scalar, $"tag '{Visible.Short(tag)}' of '{Visible.Short(text)}' is not supported; remove it"),
            DBNull => null,
            _ => value,
        };
    }

    private void RefuseTag(ParsingEvent start, TagName tag, string allowed)
    {
        if (!tag.IsEmpty && !tag.IsNonSpecific && tag.Value != allowed) throw Wrong(start, $"tag '{Visible.Short(tag.Value)}' is not supported; remove it");
    }

    private ValueOrigin Origin(ParsingEvent at) => new(ValueSource.File, file, (int)at.Start.Line, (int)at.Start.Column);

    private InvalidDataException Wrong(ParsingEvent at, string problem) => new($"{file}:{at.Start.Line}: {problem}");

    // The first line of a refused stretch that begins with a tab, which the scanner only reports as something unexpected.
    private static long? TabIndentation(string text, long first, long last)
    {
        long line = 0;
        foreach (ReadOnlySpan<char> content in text.AsSpan().EnumerateLines())
        {
            if (++line >= first && line <= last + 1 && content.TrimStart(' ').StartsWith('\t')) return line;
        }

        return null;
    }

    private static void RefuseControlCharacters(string text, string file)
    {
        int line = 1;
        foreach (char c in text)
        {
            if (c == '\n') line++;
            if (char.IsControl(c) && c is not ('\t' or '\n' or '\r' or '\u0085'))
                throw new InvalidDataException($"{file}:{line}: holds the control character U+{(int)c:X4}; is it a text file?");
        }
    }
}
