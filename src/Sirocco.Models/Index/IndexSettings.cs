using System.Globalization;
using Sirocco.Compute;

namespace Sirocco.Models;

/// <summary>The options of an embedder that an index remembers, because its queries must be embedded with them too.</summary>
internal static class IndexSettings
{
    public static Dictionary<string, string> Write(EmbedderOptions options)
    {
        Dictionary<string, string> settings = [];
        void Keep(string name, object? value)
        {
            if (value is not null) settings[name] = Convert.ToString(value, CultureInfo.InvariantCulture)!.ToLowerInvariant();
        }

        Keep("precision", options.Precision);
        Keep("bidirectional", !options.IsCausal);
        Keep("pooling", options.Pooling is { } pooling ? PoolingNames.ConfigName(pooling) : null);
        Keep("normalize", options.Normalize);
        Keep("dimensions", options.Dimensions);
        Keep("max-length", options.MaxLength);
        return settings;
    }

    /// <param name="settings">What <see cref="Write"/> gave.</param>
    /// <param name="folder">The index, for messages.</param>
    /// <exception cref="InvalidDataException">A value is none of its setting's.</exception>
    public static EmbedderOptions Read(IReadOnlyDictionary<string, string> settings, string folder)
    {
        string? Value(string name) => settings.GetValueOrDefault(name);
        InvalidDataException Wrong(string name) => new(
            $"{Path.Combine(folder, IndexDescription.FileName)}: settings.{name} is '{Value(name)}', which is no such setting; make the index again");
        bool? Flag(string name) => Value(name) is not { } text ? null : bool.TryParse(text, out bool flag) ? flag : throw Wrong(name);
        int? Number(string name) => Value(name) is not { } text ? null
            : int.TryParse(text, CultureInfo.InvariantCulture, out int number) && number > 0 ? number : throw Wrong(name);
        Pooling? pooling = Value("pooling") is not { } name ? null : PoolingNames.Find(name) ?? throw Wrong("pooling");
        Precision? precision = Value("precision") is not { } kept ? null
            : Enum.TryParse(kept, ignoreCase: true, out Precision known) && Enum.IsDefined(known) ? known : throw Wrong("precision");
        return new EmbedderOptions
        {
            Precision = precision,
            IsCausal = !Flag("bidirectional"),
            Pooling = pooling,
            Normalize = Flag("normalize"),
            Dimensions = Number("dimensions"),
            MaxLength = Number("max-length"),
        };
    }
}
