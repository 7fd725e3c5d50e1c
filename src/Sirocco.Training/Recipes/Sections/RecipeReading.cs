namespace Sirocco.Training;

/// <summary>What one reading of a recipe found, beside the recipe itself: every value with its origin, keys without effect, things worth a warning.</summary>
internal sealed class RecipeReading
{
    private readonly HashSet<string> recorded = new(StringComparer.Ordinal);

    public List<ResolvedValue> Values { get; } = [];

    public List<string> Ignored { get; } = [];

    public List<string> Warnings { get; } = [];

    /// <summary>Shows a value that was noted as what it means.</summary>
    public void Replace(string key, string meaning)
    {
        int at = Values.FindIndex(value => value.Key == key);
        Values[at] = Values[at] with { Value = meaning };
    }

    /// <summary>Notes a value; the first reading of a key counts.</summary>
    public void Record(ResolvedValue value)
    {
        if (recorded.Add(value.Key)) Values.Add(value);
    }
}

/// <summary>A value that a run uses.</summary>
/// <param name="Key">Dotted path, such as <c>step_scheduler.max_steps</c>.</param>
/// <param name="Value">As YAML writes it; lists in one line.</param>
/// <param name="Origin">Where it came from.</param>
public sealed record ResolvedValue(string Key, string Value, ValueOrigin Origin);
