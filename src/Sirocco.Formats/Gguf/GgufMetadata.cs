using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Sirocco.Formats;

/// <summary>
/// The key-value entries of a GGUF file: integers of all widths, float, double, bool, string, and arrays of them (nested arrays as object[]).
/// The typed readers accept any width and name file and key when a value is missing or of the wrong kind.
/// </summary>
public sealed class GgufMetadata
{
    private readonly IReadOnlyDictionary<string, object> values;
    private readonly string path;

    internal GgufMetadata(string path, IReadOnlyDictionary<string, object> values)
    {
        this.path = path;
        this.values = values;
    }

    /// <summary>All entries as they are stored.</summary>
    public IReadOnlyDictionary<string, object> Entries => values;

    /// <summary>The value as it is stored.</summary>
    public bool TryGet(string key, [NotNullWhen(true)] out object? value) => values.TryGetValue(key, out value);

    /// <summary>Whether there is such an entry.</summary>
    public bool Contains(string key) => values.ContainsKey(key);

    /// <summary>A text.</summary>
    /// <exception cref="InvalidDataException">The entry is missing or not a text.</exception>
    public string Text(string key) => TextOrNull(key) ?? throw Missing(key, "a text");

    /// <summary>A text, or null where there is no such entry.</summary>
    public string? TextOrNull(string key) => values.TryGetValue(key, out object? value) ? value as string ?? throw Wrong(key, value, "a text") : null;

    /// <summary>A whole number; an array of equal numbers (one for each layer) counts as that number.</summary>
    /// <exception cref="InvalidDataException">The entry is missing or not a whole number.</exception>
    public long Integer(string key) => IntegerOrNull(key) ?? throw Missing(key, "a whole number");

    /// <summary>A whole number, or null where there is no such entry.</summary>
    public long? IntegerOrNull(string key)
    {
        if (!values.TryGetValue(key, out object? value)) return null;
        if (AsInteger(value) is long single) return single;
        if (value is not Array { Length: > 0 } array || AsInteger(array.GetValue(0)) is not long first) throw Wrong(key, value, "a whole number");
        foreach (object element in array)
        {
            if (AsInteger(element) != first)
            {
                throw new InvalidDataException(
                    $"{path}: key '{key}' differs from layer to layer ({first}, {element}, …), which is not supported; use a model whose layers are alike");
            }
        }
        return first;
    }

    /// <summary>A finite number, or null where there is no such entry.</summary>
    public double? NumberOrNull(string key)
    {
        if (!values.TryGetValue(key, out object? value)) return null;
        return value switch
        {
            float f when float.IsFinite(f) => f,
            double d when double.IsFinite(d) => d,
            float or double => throw Wrong(key, value, "a finite number"),
            _ => AsInteger(value) ?? throw Wrong(key, value, "a number"),
        };
    }

    /// <summary>A bool (an integer 0 or 1 counts), or null where there is no such entry.</summary>
    public bool? BooleanOrNull(string key)
    {
        if (!values.TryGetValue(key, out object? value)) return null;
        if (value is bool flag) return flag;
        return AsInteger(value) is long number and (0 or 1) ? number == 1 : throw Wrong(key, value, "true or false");
    }

    /// <summary>An array of <typeparamref name="T"/>, or null where there is no such entry.</summary>
    public T[]? ArrayOrNull<T>(string key)
    {
        if (!values.TryGetValue(key, out object? value)) return null;
        // The runtime lets uint[] pass for int[]; the entry must be what it says.
        return value.GetType() == typeof(T[]) ? (T[])value : throw Wrong(key, value, $"an array of {typeof(T).Name}");
    }

    private static long? AsInteger(object? value) => value switch
    {
        byte or sbyte or short or ushort or int or uint or long => Convert.ToInt64(value, CultureInfo.InvariantCulture),
        ulong and <= long.MaxValue => (long)(ulong)value,
        _ => null,
    };

    private InvalidDataException Missing(string key, string expected) =>
        new($"{path}: key '{key}' is missing; {expected} was expected: the file is incomplete, convert the model again");

    private InvalidDataException Wrong(string key, object value, string expected)
    {
        string shown = value is Array array ? $"an array of {array.Length}" : Visible.Short(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "");
        return new InvalidDataException($"{path}: key '{key}' is {shown}, but {expected} was expected; convert the model again");
    }
}
