using System.CommandLine;
using Sirocco.Models;

namespace Sirocco.Cli.Frame;

/// <summary>The options of verbs that run a network on tensors.</summary>
internal sealed class NetworkOptions
{
    private readonly (Option<bool> Yes, Option<bool> No) attention = CommonOptions.Switch("--bidirectional", "--causal",
        "Every token sees all others", "A token sees only those before it");

    private readonly Option<string> pooling = CommonOptions.Pooling("How token vectors become one");
    private readonly (Option<bool> Yes, Option<bool> No) normalize = CommonOptions.Switch(
        "--normalize", "--no-normalize", "Vectors of unit length", "Vectors as they come");

    private readonly Option<string> positions = CommonOptions.Choice("--positions", "columns",
        "What positions count: columns of the padded matrix, as the reference library does, or real tokens", "columns", "tokens");

    private readonly Option<bool> deterministic = new("--deterministic")
    {
        Description = "Not one bit of a sequence's result depends on what it was batched with (slower)",
    };

    public void AddTo(Verb verb)
    {
        Option[] options =
        [
            attention.Yes, attention.No, pooling, normalize.Yes, normalize.No, positions,
            deterministic, CommonOptions.Precision, CommonOptions.Threads, CommonOptions.Device,
        ];
        foreach (Option option in options) verb.Add(option);
    }

    /// <param name="invocation">whose options</param>
    /// <param name="differentiated">what is asked for that needs weights with a gradient; null where nothing does</param>
    public ForwardPassOptions Read(Invocation invocation, string? differentiated = null)
    {
        ComputeChoice compute = invocation.Compute();
        if (differentiated is not null) compute.RequireGradients(differentiated);
        return new ForwardPassOptions
        {
            Model = new ModelOptions
            {
                Precision = compute.Precision,
                Threads = compute.Threads,
                Deterministic = invocation.Get(deterministic),
                IsCausal = !invocation.Get(attention),
            },
            Pooling = CommonOptions.Pooling(invocation, pooling),
            Normalize = invocation.Get(normalize),
            Positions = invocation.Get(positions) == "tokens" ? PositionCount.Tokens : PositionCount.Columns,
        };
    }
}
