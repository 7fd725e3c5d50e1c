using Sirocco.Compute;
using Sirocco.Formats;

namespace Sirocco.Models;

/// <summary>The names that configuration files and command lines give to poolings.</summary>
public static class PoolingNames
{
    // NeMo AutoModel's and this project's names first, then sentence-transformers' and the boolean keys of its older versions.
    private static readonly (string Name, Pooling Pooling)[] Table =
    [
        ("avg", Pooling.Average),
        ("mean", Pooling.Average),
        ("cls", Pooling.First),
        ("last", Pooling.Last),
        ("weighted_avg", Pooling.Sum), // despite its name: no weights, no division
        ("lasttoken", Pooling.Last),
        ("max", Pooling.Max),
        ("mean_sqrt_len_tokens", Pooling.AverageSquareRoot),
        ("weightedmean", Pooling.PositionWeighted),
    ];

    private static readonly (string Key, Pooling Pooling)[] LegacyKeys =
    [
        ("pooling_mode_cls_token", Pooling.First),
        ("pooling_mode_max_tokens", Pooling.Max),
        ("pooling_mode_mean_tokens", Pooling.Average),
        ("pooling_mode_mean_sqrt_len_tokens", Pooling.AverageSquareRoot),
        ("pooling_mode_weightedmean_tokens", Pooling.PositionWeighted),
        ("pooling_mode_lasttoken", Pooling.Last),
    ];

    /// <summary>What a bi-encoder's configuration calls it when every token keeps its vector: two names for one thing, and no pooling.</summary>
    public static IReadOnlyList<string> MultiVector { get; } = ["colbert", "multi_vector"];

    /// <summary>All names.</summary>
    public static IEnumerable<string> All => Table.Select(entry => entry.Name);

    /// <summary>The pooling of that name.</summary>
    /// <exception cref="NotSupportedException">There is none; the message lists them.</exception>
    public static Pooling Parse(string name)
    {
        if (Find(name) is { } pooling) return pooling;
        if (MultiVector.Contains(name))
        {
            throw new NotSupportedException($"pooling '{name}' keeps a vector for each token, so a text has no single one; "
                + $"only recipes train it, elsewhere choose one of {string.Join(", ", All)}");
        }
        throw new NotSupportedException($"pooling '{Visible.Short(name)}' is not supported; supported are {string.Join(", ", All)}");
    }

    /// <summary>The pooling of that name, or null.</summary>
    internal static Pooling? Find(string name)
    {
        foreach (var (known, pooling) in Table)
        {
            if (known == name) return pooling;
        }

        return null;
    }

    /// <summary>The name that sentence-transformers gives to a pooling.</summary>
    internal static string SentenceTransformersName(Pooling pooling) => pooling switch
    {
        Pooling.Average => "mean",
        Pooling.First => "cls",
        Pooling.Last => "lasttoken",
        Pooling.Max => "max",
        Pooling.AverageSquareRoot => "mean_sqrt_len_tokens",
        Pooling.PositionWeighted => "weightedmean",
        _ => throw new NotSupportedException($"sentence-transformers has no pooling that is a {pooling}"),
    };

    /// <summary>The name that NeMo AutoModel gives to a pooling, for config.json.</summary>
    public static string ConfigName(Pooling pooling) => Table.First(entry => entry.Pooling == pooling).Name;

    /// <summary>The modes of a <c>1_Pooling/config.json</c>, in the order of their concatenation.</summary>
    internal static IReadOnlyList<Pooling> Read(ConfigReader file)
    {
        if (file.Has("pooling_mode"))
        {
            try
            {
                IReadOnlyList<Pooling> modes = [.. file.Texts("pooling_mode").Select(Parse)];
                return modes.Count > 0 ? modes : throw file.Wrong("pooling_mode", "a mode or a list of them");
            }
            catch (NotSupportedException e)
            {
                throw new NotSupportedException($"{file.File}: {e.Message}", e);
            }
        }

        IReadOnlyList<Pooling> legacy = [.. LegacyKeys.Where(entry => file.Bool(entry.Key, false)).Select(entry => entry.Pooling)];
        return legacy.Count > 0 ? legacy : [Pooling.Average];
    }
}
