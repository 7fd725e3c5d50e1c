namespace Sirocco.Training;

/// <summary>What a value of a recipe was given by.</summary>
public enum ValueSource
{
    /// <summary>Nothing: the key is absent.</summary>
    Default,

    /// <summary>A line of the file.</summary>
    File,

    /// <summary>A dotted override.</summary>
    Override,
}

/// <summary>Where a value of a recipe came from, for messages and <c>--explain</c>.</summary>
/// <param name="Source">File, override or default.</param>
/// <param name="File">The file, or null.</param>
/// <param name="Line">Line of the value in the file, from 1; 0 elsewhere.</param>
/// <param name="Column">Column of the value in the file, from 1; 0 elsewhere.</param>
/// <param name="Text">The override as it was written, or null.</param>
/// <param name="Variables">Environment variables whose values were put into it.</param>
public sealed record ValueOrigin(
    ValueSource Source, string? File = null, int Line = 0, int Column = 0, string? Text = null, IReadOnlyList<string>? Variables = null)
{
    /// <summary>The origin of everything that nobody gave.</summary>
    public static ValueOrigin Default { get; } = new(ValueSource.Default);

    internal static ValueOrigin OfOverride(string text) => new(ValueSource.Override, Text: text);

    /// <summary>As messages begin: <c>llama.yaml:12</c>, <c>--seed 7</c> or <c>default</c>.</summary>
    public override string ToString()
    {
        string place = Source switch
        {
            ValueSource.File => $"{File}:{Line}",
            ValueSource.Override => Text!,
            _ => "default",
        };
        return Variables is { Count: > 0 } ? $"{place}, environment {string.Join(", ", Variables)}" : place;
    }
}
