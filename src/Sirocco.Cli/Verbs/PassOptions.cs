using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs;

/// <summary>The options that <c>forward</c> and <c>contrastive</c> share: how the network is run and its tokens pooled.</summary>
internal sealed class PassOptions
{
    private readonly (Option<bool> Yes, Option<bool> No) attention = CommonOptions.Switch("--bidirectional", "--causal",
        "Every token sees every token of its sequence", "A token sees only those before it (default: as the folder says)");

    private readonly (Option<bool> Yes, Option<bool> No) normalize = CommonOptions.Switch("--normalize", "--no-normalize",
        "Embeddings of unit length", "Embeddings as pooled");

    private readonly Option<string?> pooling = new("--pooling") { Description = "avg, cls, last, weighted_avg, or a mode of sentence-transformers (default: as the folder says)", HelpName = "P" };

    private readonly Option<string> positions = CommonOptions.Choice("--positions", "columns",
        "Whether positions count columns of the padded matrix, as the reference does, or real tokens", "columns", "tokens");

    public IEnumerable<Option> All =>
    [
        attention.Yes, attention.No, pooling, normalize.Yes, normalize.No, positions,
        CommonOptions.Precision, CommonOptions.Threads, CommonOptions.Device,
    ];

    /// <param name="invocation">The run.</param>
    /// <param name="outputs">Names of outputs; empty for the model's usual ones.</param>
    /// <param name="normalizeByDefault">What holds where neither switch is given.</param>
    public ForwardPassOptions Read(Invocation invocation, IReadOnlyList<string> outputs, bool normalizeByDefault)
    {
        ComputeChoice compute = invocation.Compute();
        return new ForwardPassOptions
        {
            Model = new ModelOptions { Precision = compute.Precision, Threads = compute.Threads, Causal = invocation.Get(attention) is { } bidirectional ? !bidirectional : null },
            Outputs = outputs,
            Pooling = invocation.Get(pooling),
            Normalize = invocation.Get(normalize) ?? normalizeByDefault,
            Positions = invocation.Get(positions) == "tokens" ? PositionCount.Tokens : PositionCount.Columns,
        };
    }
}
