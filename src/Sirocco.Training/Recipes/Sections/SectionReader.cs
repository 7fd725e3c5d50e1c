using System.Numerics;
using Sirocco.Formats;

namespace Sirocco.Training;

/// <summary>
/// Reads the keys of one section by type. Every key must be read or declared without effect before <see cref="Finish"/>, which refuses the others; every
/// failure names file, line, key, what was found and what is expected.
/// </summary>
internal sealed class SectionReader(RecipeMapping node, string path, RecipeReading reading)
{
    private readonly HashSet<string> known = new(StringComparer.Ordinal);

    public RecipeReading Reading { get; } = reading;

    /// <summary>Dotted path, empty for the whole recipe.</summary>
    public string Path { get; } = path;

    public ValueOrigin Origin => node.Origin;

    public IReadOnlyList<string> Keys => node.Keys;

    /// <summary>Whether a key is there with a value other than none.</summary>
    public bool Has(string key) => node[key] is not (null or RecipeScalar { Value: null, UnsetVariable: null });

    public string FullName(string key) => Path.Length == 0 ? key : $"{Path}.{key}";

    public bool Bool(string key, bool fallback) => OptionalBool(key, fallback) ?? throw Wrong(key, "true or false");

    public bool? OptionalBool(string key, bool? fallback = null) => Optional(key, "true or false", fallback, value => value as bool?);

    public int Int(string key, int fallback, int least = int.MinValue) => OptionalInt(key, fallback, least) ?? throw Wrong(key, Whole(least));

    public int? OptionalInt(string key, int? fallback, int least = int.MinValue) =>
        Optional(key, Whole(least), fallback, value => value is long number && number >= least && number <= int.MaxValue ? (int)number : null);

    public long Long(string key, long fallback) =>
        Optional<long>(key, Whole(int.MinValue), fallback, value => value as long?) ?? throw Wrong(key, Whole(int.MinValue));

    public int RequiredInt(string key, int least) => Has(key) ? Int(key, 0, least) : throw Missing(key, Whole(least));

    public double Number(string key, double fallback, double least = 0, bool above = false) =>
        OptionalNumber(key, fallback, least, above) ?? throw Wrong(key, Numeric(least, above));

    public double? OptionalNumber(string key, double? fallback, double least = 0, bool above = false) =>
        Optional(
            key,
            Numeric(least, above),
            fallback,
            value => AsNumber(value) is { } number && double.IsFinite(number) && (above ? number > least : number >= least) ? number : null);

    /// <summary>A number; none means the default too, and is shown as what it means.</summary>
    public double NumberOrDefault(string key, double fallback, double least = 0, bool above = false)
    {
        if (OptionalNumber(key, fallback, least, above) is { } number) return number;
        Reading.Replace(FullName(key), Show(fallback));
        return fallback;
    }

    public string RequiredText(string key, string expected) => Has(key) ? OptionalText(key)! : throw Missing(key, expected);

    /// <summary>Text; numbers count as text again, since a quoted number was made one.</summary>
    public string? OptionalText(string key, string? fallback = null)
    {
        RecipeScalar? scalar = Scalar(key, "text", fallback);
        return scalar is null ? fallback : AsText(scalar) ?? (scalar.Value is null ? null : throw Wrong(key, "text"));
    }

    public string Text(string key, string fallback) => OptionalText(key, fallback) ?? "";

    public T Choice<T>(string key, T fallback, params (string Name, T Value)[] choices)
        where T : struct => OptionalChoice(key, fallback, choices) ?? throw Wrong(key, OneOf(choices.Select(choice => choice.Name)));

    /// <summary>One of a few words, in any case of letters.</summary>
    public T? OptionalChoice<T>(string key, T? fallback, params (string Name, T Value)[] choices)
        where T : struct
    {
        string expected = OneOf(choices.Select(choice => choice.Name));
        RecipeScalar? scalar = Scalar(key, expected, fallback is { } value ? choices.First(choice => Equals(choice.Value, value)).Name : null);
        if (scalar is null) return fallback;
        if (scalar.Value is null) return null;
        string? text = AsText(scalar) ?? (scalar.Value is bool truth ? (truth ? "true" : "false") : null);
        foreach ((string name, T choice) in choices)
        {
            if (string.Equals(name, text, StringComparison.OrdinalIgnoreCase)) return choice;
        }

        throw Wrong(
            key,
            text is not null && NearestWord.Find(text, choices.Select(choice => choice.Name)) is { } near ? $"{expected}; did you mean {near}?" : expected);
    }

    /// <summary>Whether a key has one text where a list could stand.</summary>
    public bool IsText(string key) => node[key] is RecipeScalar { Value: string };

    /// <summary>A list of texts, or a single one.</summary>
    public IReadOnlyList<string> Texts(string key, IReadOnlyList<string> fallback) =>
        List(key, "a text or a list of texts", fallback, item => item is RecipeScalar scalar ? AsText(scalar) : null);

    public IReadOnlyList<int> Ints(string key, int least) =>
        List(
            key,
            $"a list of {Whole(least).Replace("a whole number", "whole numbers", StringComparison.Ordinal)}",
            [],
            item => item is RecipeScalar { Value: long number } && number >= least && number <= int.MaxValue ? (int?)number : null)
            .Select(number => number!.Value).ToArray();

    public IReadOnlyList<double> Numbers(string key, double least) =>
        List(
            key,
            $"a list of numbers from {YamlWriter.Float(least)} up",
            [],
            item => item is RecipeScalar scalar && AsNumber(scalar.Value) is { } number && number >= least && double.IsFinite(number) ? (double?)number : null)
            .Select(number => number!.Value).ToArray();

    /// <summary>Items of a list, each read by the caller; a value that is no list is a list of one.</summary>
    public IReadOnlyList<T> List<T>(string key, string expected, IReadOnlyList<T> fallback, Func<RecipeNode, T?> read)
    {
        known.Add(key);
        RecipeNode? value = node[key];
        if (value is null || !Has(key))
        {
            RefuseUnset(value, key);
            Record(key, fallback.Count == 0 ? "[]" : $"[{string.Join(", ", fallback)}]", value?.Origin);
            return fallback;
        }

        List<T> result = [];
        IReadOnlyList<RecipeNode> items = value is RecipeSequence sequence ? sequence.Items : [value];
        foreach (RecipeNode item in items)
        {
            RefuseUnset(item, key);
            result.Add(read(item) ?? throw new InvalidDataException($"{item.Origin}: {FullName(key)} holds {item.Kind}; give {expected}"));
        }

        Record(key, Line(value), value.Origin);
        return result;
    }

    /// <summary>A section under this one, or null.</summary>
    public SectionReader? Section(string key)
    {
        known.Add(key);
        if (!Has(key)) return null;
        return node[key] is RecipeMapping mapping ? new SectionReader(mapping, FullName(key), Reading) : throw Wrong(key, "a section of keys and values");
    }

    /// <summary>A section under this one; where it is missing, one without keys, so that defaults are read from it.</summary>
    public SectionReader SectionOrEmpty(string key) => Section(key) ?? new SectionReader(new RecipeMapping(node.Origin), FullName(key), Reading);

    public SectionReader RequiredSection(string key) => Section(key) ?? throw Missing(key, "a section");

    /// <summary>The kind of component that <c>_target_</c> names.</summary>
    public TargetKind Target(TargetKind fallback, params TargetKind[] allowed)
    {
        const string Key = "_target_";
        RecipeScalar? scalar = Scalar(Key, "the import path of a component", RecipeTargets.Spelling(fallback));
        if (scalar?.Value is null) return fallback;
        string text = AsText(scalar) ?? throw Wrong(Key, "the import path of a component");
        TargetKind[] kinds = [fallback, .. allowed];
        string[] spellings = [.. kinds.SelectMany(RecipeTargets.Spellings)];
        if (RecipeTargets.Find(text) is not { } kind)
        {
            string remedy = NearestWord.Find(text, spellings) is { } near ? $"did you mean {near}?"
                : $"give {string.Join(" or ", kinds.Select(RecipeTargets.Spelling))}";
            throw new InvalidDataException($"{scalar.Origin}: {FullName(Key)} '{Visible.Short(text)}' is not known; {remedy}");
        }
        return kinds.Contains(kind) ? kind
            : throw new InvalidDataException($"{scalar.Origin}: {FullName(Key)} '{Visible.Short(text)}' does not belong into '{Path}'; "
                + $"give {string.Join(" or ", kinds.Select(RecipeTargets.Spelling))}");
    }

    /// <summary>Declares keys that the original has and that change nothing here.</summary>
    public void Ignore(params ReadOnlySpan<string> keys)
    {
        foreach (string key in keys)
        {
            known.Add(key);
            if (node[key] is not null) Reading.Ignored.Add(FullName(key));
        }
    }

    /// <summary>Reads what the caller has to judge itself.</summary>
    public RecipeNode? Raw(string key)
    {
        known.Add(key);
        if (node[key] is { } value) Record(key, Line(value), value.Origin);
        return node[key];
    }

    /// <summary>
    /// Refuses keys that nobody read. Sections of a whole recipe's file are without effect instead, as in the original, unless they look misspelt.
    /// </summary>
    public void Finish()
    {
        foreach (string key in node.Keys)
        {
            if (known.Contains(key)) continue;
            string? near = NearestWord.Find(key, known);
            if (near is null && Path.Length == 0 && node[key] is RecipeMapping { Origin.Source: ValueSource.File })
            {
                Reading.Ignored.Add(key);
                continue;
            }

            string where = Path.Length == 0 ? "a recipe has" : $"'{Path}' has";
            string remedy = near is not null ? $"did you mean {near}?"
                : $"it takes {string.Join(", ", known.Where(name => name != "_target_").Order(StringComparer.Ordinal))}";
            throw new InvalidDataException($"{node[key]!.Origin}: {where} no key '{Visible.Short(key)}'; {remedy}");
        }
    }

    /// <summary>Runs a check of the section's record; its failure gets the line of the key, or path of keys, that it begins with.</summary>
    public void Check(Action check)
    {
        try
        {
            check();
        }
        catch (Exception e) when (e is ArgumentException or InvalidDataException or OverflowException)
        {
            string before = Path.Length == 0 ? "" : Path + ".",
                message = e.Message.StartsWith(before, StringComparison.Ordinal) ? e.Message[before.Length..] : e.Message;
            RecipeNode found = node;
            foreach (string key in message.Split(' ', 2)[0].Split('.'))
            {
                if ((found as RecipeMapping)?[key] is not { } inside) break;
                found = inside;
            }

            throw new InvalidDataException($"{found.Origin}: {before}{message}", e);
        }
    }

    public InvalidDataException Wrong(string key, string expected) => node[key] is { } value
        ? new InvalidDataException($"{value.Origin}: {FullName(key)} is {value.Kind}; give {expected}")
        : Missing(key, expected);

    private InvalidDataException Missing(string key, string expected) => new($"{Origin}: {FullName(key)} is missing; give {expected}");

    private T? Optional<T>(string key, string expected, T? fallback, Func<object?, T?> convert)
        where T : struct
    {
        RecipeScalar? scalar = Scalar(key, expected, fallback is null ? null : Show(fallback.Value));
        if (scalar is null) return fallback;
        return scalar.Value is null ? null : convert(scalar.Value) ?? throw Wrong(key, expected);
    }

    // Null where the key is absent, which then is recorded with its default.
    private RecipeScalar? Scalar(string key, string expected, string? fallback)
    {
        known.Add(key);
        RecipeNode? value = node[key];
        RefuseUnset(value, key);
        if (value is null)
        {
            Record(key, fallback ?? "null", null);
            return null;
        }

        RecipeScalar scalar = value as RecipeScalar ?? throw Wrong(key, expected);
        Record(key, Line(scalar), scalar.Origin);
        return scalar;
    }

    private void RefuseUnset(RecipeNode? value, string key)
    {
        if (value is RecipeScalar { UnsetVariable: { } variable })
        {
            throw new InvalidDataException($"{value.Origin with { Variables = null }}: "
                + $"{FullName(key)} needs environment variable {variable}, which is not set; set it or write ${{{variable},default}}");
        }
    }

    private void Record(string key, string value, ValueOrigin? origin) =>
        Reading.Record(new ResolvedValue(FullName(key), value, origin ?? ValueOrigin.Default));

    private static string Line(RecipeNode value) => value switch
    {
        RecipeScalar { Value: string text } => YamlWriter.Line(text),
        RecipeScalar scalar => YamlWriter.Plain(scalar.Value),
        RecipeSequence sequence => $"[{string.Join(", ", sequence.Items.Select(Line))}]",
        RecipeMapping mapping => $"{{{string.Join(", ", mapping.Keys.Select(key => $"{key}: {Line(mapping[key]!)}"))}}}",
        _ => "",
    };

    private static string Show<T>(T value) => value switch
    {
        bool truth => YamlWriter.Plain(truth),
        int number => YamlWriter.Plain((long)number),
        double number => YamlWriter.Plain(number),
        _ => $"{value}",
    };

    private static string? AsText(RecipeScalar scalar) => scalar.Value switch
    {
        string text => text,
        long or BigInteger or double => YamlWriter.Plain(scalar.Value),
        _ => null,
    };

    private static double? AsNumber(object? value) => value switch
    {
        double number => number,
        long number => number,
        BigInteger number => (double)number,
        _ => null,
    };

    private static string Whole(int least) => least switch
    {
        int.MinValue => "a whole number",
        0 => "a whole number from 0 up",
        _ => $"a whole number from {least} up",
    };

    private static string Numeric(double least, bool above) =>
        double.IsNegativeInfinity(least) ? "a number" : above ? $"a number above {YamlWriter.Float(least)}" : $"a number from {YamlWriter.Float(least)} up";

    private static string OneOf(IEnumerable<string> names) => $"one of {string.Join(", ", names)}";
}
