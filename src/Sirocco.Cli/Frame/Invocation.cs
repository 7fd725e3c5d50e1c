using System.CommandLine;

namespace Sirocco.Cli.Frame;

/// <summary>A verb with its values read: what one run was asked to do, where it writes, and when to stop.</summary>
internal sealed class Invocation(ParseResult parsed, Terminal terminal, Interruption? interruption)
{
    public Terminal Terminal { get; } = terminal;

    public CancellationToken Cancellation { get; } = interruption?.Token ?? default;

    /// <summary>The signals; null where nothing listens to them.</summary>
    public Interruption? Interruption { get; } = interruption;

    public bool Quiet => parsed.GetValue(CommonOptions.Quiet);

    public bool Json => parsed.GetValue(CommonOptions.Json);

    public int? Threads => parsed.GetValue(CommonOptions.Threads);

    public int? Seed => parsed.GetValue(CommonOptions.Seed);

    /// <summary>Precision and threads; only for verbs that take these options.</summary>
    public ComputeChoice Compute() => ComputeChoice.From(this);

    public T? Get<T>(Option<T> option) => parsed.GetValue(option);

    public T Get<T>(Argument<T> argument) => parsed.GetRequiredValue(argument);

    /// <summary>Whether the option is on the command line.</summary>
    public bool Has(Option option) => parsed.GetResult(option) is { Implicit: false };

    /// <summary>Refuses options that this run would not read: its result would be taken for one of theirs.</summary>
    /// <param name="reason">what follows the option's name: what it needs, or what it has no use beside</param>
    /// <param name="unread">the options</param>
    public void Refuse(string reason, params ReadOnlySpan<Option> unread)
    {
        foreach (Option option in unread)
        {
            if (Has(option)) throw new UsageException($"{option.Name} {reason}");
        }
    }

    /// <summary>True, false, or null where neither switch of the pair was given.</summary>
    public bool? Get((Option<bool> Yes, Option<bool> No) pair)
    {
        bool yes = parsed.GetValue(pair.Yes);
        bool no = parsed.GetValue(pair.No);
        if (yes && no) throw new UsageException($"{pair.Yes.Name} and {pair.No.Name} contradict each other; give one of them");
        return yes ? true : no ? false : null;
    }

    /// <summary>A warning or a fact worth knowing, on stderr, unless --quiet.</summary>
    public void Notice(string line)
    {
        if (!Quiet) Terminal.ErrorWriter.WriteLine(line);
    }

    /// <summary>The folder or file that a MODEL argument means; a hub id is looked up in the cache and downloaded when absent.</summary>
    public string Model(string model) => Model(model, Cancellation);

    /// <summary>The same where something else than the signals alone ends a download.</summary>
    public string Model(string model, CancellationToken cancellation) => ModelLocation.Resolve(this, model, cancellation);

    /// <summary>The folder that --adapter means, found as a model's is; null where the option is not given.</summary>
    public string? Adapter() => Get(CommonOptions.Adapter) is { } adapter ? Model(adapter) : null;

    /// <summary>Loads a model; what it refuses of the options, such as more dimensions than it has, is a mistake of the command line.</summary>
    public static T Load<T>(Func<T> load)
    {
        try
        {
            return load();
        }
        catch (ArgumentException refused)
        {
            throw new UsageException(Failure.Describe(refused));
        }
    }

    public ProgressLine Progress(string activity, string unit, long? total = null) => new(Terminal, Quiet, activity, unit, total);
}
