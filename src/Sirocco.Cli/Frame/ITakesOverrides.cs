using System.CommandLine;

namespace Sirocco.Cli.Frame;

/// <summary>A verb that takes <c>--a.b value</c>, <c>--a.b=value</c> and <c>a.b=value</c> for keys of a recipe beside its own options.</summary>
internal interface ITakesOverrides
{
    /// <summary>Receives the overrides, each as one word.</summary>
    Option<string[]> Overrides { get; }
}
