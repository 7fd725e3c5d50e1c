using System.CommandLine;

namespace Sirocco.Cli.Frame;

/// <summary>One verb of the command line: its words, its examples, and what it does.</summary>
internal abstract class Verb : Command
{
    /// <param name="name">as typed</param>
    /// <param name="description">one sentence; the help shows it first</param>
    /// <param name="examples">command lines as a user would type them, each with a comment of a few words</param>
    protected Verb(string name, string description, params Example[] examples)
        : base(name, description)
    {
        Examples = examples;
        Add(CommonOptions.Quiet);
        Add(CommonOptions.Json);
        Add(CommonOptions.Debug);
    }

    public IReadOnlyList<Example> Examples { get; }

    /// <summary>Options that are accepted and change nothing.</summary>
    public ISet<Option> WithoutEffect { get; } = new HashSet<Option>();

    public abstract int Run(Invocation invocation);
}

/// <summary>A command line that works as printed, and what it is for.</summary>
internal sealed record Example(string Purpose, string Line);
