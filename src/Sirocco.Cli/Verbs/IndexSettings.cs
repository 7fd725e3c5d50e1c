using System.Globalization;
using Sirocco.Cli.Frame;
using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs;

/// <summary>The encoder options that an index remembers, because its queries must be embedded with them too.</summary>
internal static class IndexSettings
{
    private const string Precision = "precision", Bidirectional = "bidirectional", Pooling = "pooling", Normalize = "normalize", Dimensions = "dimensions", MaxLength = "max-length";

    public static Dictionary<string, string> Write(EmbedderOptions options)
    {
        Dictionary<string, string> settings = [];
        void add(string name, object? value)
        {
            if (value is not null) settings[name] = Convert.ToString(value, CultureInfo.InvariantCulture)!.ToLowerInvariant();
        }

        add(Precision, options.Precision is { } precision ? ComputeChoice.Name(precision) : null);
        add(Bidirectional, options.Bidirectional);
        add(Pooling, options.Pooling);
        add(Normalize, options.Normalize);
        add(Dimensions, options.Dimensions);
        add(MaxLength, options.MaxLength);
        return settings;
    }

    /// <param name="settings">what <see cref="Write"/> gave</param>
    /// <param name="index">the index, for messages</param>
    /// <param name="precision">asked for now, in place of the index's</param>
    /// <param name="threads">asked for now</param>
    public static EmbedderOptions Read(IReadOnlyDictionary<string, string> settings, string index, Precision? precision, int threads)
    {
        string? text(string name) => settings.GetValueOrDefault(name);
        T? value<T>(string name)
            where T : struct, ISpanParsable<T> =>
            text(name) is not { } word ? null : T.TryParse(word, CultureInfo.InvariantCulture, out T parsed) ? parsed
            : throw new InvalidDataException($"{index}: index.json: settings: {name} is '{word}'; make the index again");
        return new EmbedderOptions
        {
            Precision = precision ?? (text(Precision) is { } word ? ComputeChoice.ParsePrecision(word) : null),
            Threads = threads,
            Bidirectional = truth(Bidirectional),
            Pooling = text(Pooling),
            Normalize = truth(Normalize),
            Dimensions = value<int>(Dimensions),
            MaxLength = value<int>(MaxLength),
        };

        bool? truth(string name) => text(name) switch
        {
            null => null,
            "true" => true,
            "false" => false,
            string word => throw new InvalidDataException($"{index}: index.json: settings: {name} is '{word}'; make the index again"),
        };
    }
}
