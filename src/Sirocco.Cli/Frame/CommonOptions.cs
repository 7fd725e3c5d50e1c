using System.CommandLine;
using System.Globalization;
using Sirocco.Compute;
using Sirocco.Models;

namespace Sirocco.Cli.Frame;

/// <summary>The options that mean the same in every verb that takes them.</summary>
internal static class CommonOptions
{
    public const string DebugName = "--debug";

    public static readonly Option<bool> Quiet = new("--quiet", "-q") { Description = "No progress and no notices on stderr" };

    public static readonly Option<bool> Json = new("--json") { Description = "Results as JSON on stdout" };

    public static readonly Option<bool> Debug = new(DebugName) { Description = "Add the stack to an error" };

    public static readonly Option<string> Precision = Choice("--precision", "auto",
        "How the weights are held and multiplied: auto keeps what the file has", "auto", "f32", "bf16", "int8");

    public static readonly Option<int?> Threads = Integer("--threads", "N", 1, 4096, "Worker threads (default: one for each core)");

    public static readonly Option<string> Device = new("--device")
    {
        Description = "cpu; cuda is not part of this build",
        HelpName = "cpu|cuda[:N]",
        DefaultValueFactory = _ => "cpu",
    };

    public static readonly Option<string?> Adapter = new("--adapter")
    {
        Description = "A LoRA or DoRA adapter's folder, used with the model as it is",
        HelpName = "DIR",
    };

    /// <summary>Part of the reranker in the order of what a search found; 1 where it is not given.</summary>
    public static readonly Option<double?> RerankShare = Number(
        "--rerank-share",
        "W",
        "The reranker's part in the order: 1, it alone; 0.5, the mean of the search's score and its own, each in standard deviations [1]",
        above: 0,
        most: 1);

    public static readonly Option<int?> Seed = Integer("--seed", "N", 0, int.MaxValue, "Seed of everything random");

    /// <summary>An option whose value is a whole number within bounds.</summary>
    public static Option<int?> Integer(string name, string valueName, int least, int most, string description) => Parsed<int>(
        name,
        valueName,
        description,
        word => int.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most
            ? value
            : null,
        most == int.MaxValue ? $"a whole number from {least} up" : $"a whole number from {least} to {most}");

    /// <summary>An option whose value is a finite number, within bounds where they are given.</summary>
    public static Option<double?> Number(
        string name, string valueName, string description, double above = double.NegativeInfinity, double most = double.MaxValue) => Parsed<double>(
        name,
        valueName,
        description,
        word => double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value > above && value <= most ? value : null,
        double.IsInfinity(above) ? "a number" : string.Create(CultureInfo.InvariantCulture, $"a number above {above} and up to {most}"));

    /// <summary>An option whose value is what <paramref name="read"/> makes of the word, unless that is null.</summary>
    private static Option<T?> Parsed<T>(string name, string valueName, string description, Func<string, T?> read, string expected)
        where T : struct => new(name)
        {
            Description = description,
            HelpName = valueName,
            CustomParser = result =>
            {
                string word = result.Tokens[0].Value;
                T? value = read(word);
                if (value is null) result.AddError($"{name} takes {expected}, not '{word}'");
                return value;
            },
        };

    /// <summary>An option whose value is one of a few words.</summary>
    public static Option<string> Choice(string name, string? otherwise, string description, params string[] words)
    {
        Option<string> option = new(name) { Description = description, HelpName = string.Join('|', words) };
        if (otherwise is not null) option.DefaultValueFactory = _ => otherwise;
        option.Validators.Add(result =>
        {
            string? word = result.Tokens.Count > 0 ? result.Tokens[^1].Value : null;
            if (word is not null && !words.Contains(word)) result.AddError($"{name} takes one of {string.Join(", ", words)}, not '{word}'");
        });
        return option;
    }

    /// <summary>The name of a pooling.</summary>
    public static Option<string> Pooling(string description)
    {
        Option<string> option = Choice("--pooling", null, $"{description}: {string.Join(", ", PoolingNames.All)}", [.. PoolingNames.All]);
        option.HelpName = "NAME";
        return option;
    }

    /// <summary>What the option of <see cref="Pooling(string)"/> says, or null.</summary>
    public static Pooling? Pooling(Invocation invocation, Option<string> option) => invocation.Get(option) is { } name ? PoolingNames.Parse(name) : null;

    /// <summary>
    /// Every verb takes the common options, also where they change nothing, so that one set of them serves a whole script; help shows those that do.
    /// </summary>
    public static void AcceptEverywhere(Verb verb)
    {
        if (verb is ITakesOverrides) return; // what such a verb does not know itself is a key of its recipe
        foreach (Option option in (Option[])[Precision, Threads, Device, Seed])
        {
            if (verb.Options.Any(own => own.Name == option.Name)) continue;
            verb.Add(option);
            verb.WithoutEffect.Add(option);
        }
    }

    /// <summary>An empty word, as an unset shell variable leaves one, is no path: every option and argument of the verb that takes a path says so.</summary>
    public static void RefuseEmptyPaths(Verb verb)
    {
        foreach (Option<string> option in verb.Options.OfType<Option<string>>().Where(TakesPath))
        {
            option.Validators.Add(result =>
            {
                if (result.Tokens.Any(token => token.Value.Length == 0)) result.AddError($"{option.Name} takes a path, not an empty word");
            });
        }

        foreach (Argument<string> argument in verb.Arguments.OfType<Argument<string>>().Where(argument => argument.Name.All(char.IsAsciiLetterUpper)))
        {
            argument.Validators.Add(result =>
            {
                if (result.Tokens.Any(token => token.Value.Length == 0)) result.AddError($"{argument.Name} takes a path, not an empty word");
            });
        }
    }

    /// <summary>Whether help names the value a path, perhaps with the endings that it may have, as FILE.svg|png.</summary>
    private static bool TakesPath(Option<string> option) => option.HelpName?.Split('.')[0] is "FILE" or "DIR" or "MODEL" or "RECIPE";

    /// <summary>A pair of switches such as --normalize and --no-normalize.</summary>
    public static (Option<bool> Yes, Option<bool> No) Switch(string yes, string no, string whenYes, string whenNo) =>
        (new(yes) { Description = whenYes }, new(no) { Description = whenNo });
}
