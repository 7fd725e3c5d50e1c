using System.CommandLine;

namespace Sirocco.Cli.Frame;

/// <summary>Verbs under a word of their own, such as <c>sirocco adapter merge</c>.</summary>
internal sealed class VerbGroup : Command
{
    /// <param name="name">as typed</param>
    /// <param name="description">one sentence</param>
    /// <param name="verbs">what follows the word</param>
    public VerbGroup(string name, string description, params Verb[] verbs)
        : base(name, description)
    {
        foreach (Verb verb in verbs) Add(verb);
    }
}
