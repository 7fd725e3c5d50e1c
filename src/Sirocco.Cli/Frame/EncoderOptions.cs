using System.CommandLine;
using Sirocco.Models;

namespace Sirocco.Cli.Frame;

/// <summary>The options of verbs that embed texts: what is not given is as the model's folder says.</summary>
internal sealed class EncoderOptions
{
    private readonly (Option<bool> Yes, Option<bool> No) attention = CommonOptions.Switch("--bidirectional", "--causal",
        "Every token sees all others, whatever the model's folder says", "A token sees only those before it, whatever the model's folder says");

    private readonly Option<string> pooling = CommonOptions.Pooling("How token vectors become one");
    private readonly (Option<bool> Yes, Option<bool> No) normalize = CommonOptions.Switch(
        "--normalize", "--no-normalize", "Vectors of unit length", "Vectors as they come");
    private readonly Option<int?> dimensions = CommonOptions.Integer("--dimensions", "N", 1, 1 << 20, "Keep the first N features of each vector");
    private readonly Option<int?> maxLength = CommonOptions.Integer(
        "--max-length", "N", 1, 1 << 24, "Cut texts at N tokens, if the model does not cut them before");
    private readonly Option<int?> batchTokens = CommonOptions.Integer("--batch-tokens", "N", 1, 1 << 20, "Tokens computed together [2048]");
    private readonly Option<bool> deterministic = new("--deterministic")
    {
        Description = "Not one bit of a vector depends on what it was batched with (slower)",
    };

    /// <param name="verb">Takes the options.</param>
    /// <param name="variants">Whether the verb has --dimensions and --precision of its own, which take several values.</param>
    public void AddTo(Verb verb, bool variants = false)
    {
        Option[] options =
        [
            attention.Yes, attention.No, pooling, normalize.Yes, normalize.No, maxLength, batchTokens,
            deterministic, CommonOptions.Threads, CommonOptions.Device,
        ];
        foreach (Option option in options) verb.Add(option);
        if (variants) return;
        verb.Add(dimensions);
        verb.Add(CommonOptions.Precision);
    }

    public EmbedderOptions Read(Invocation invocation)
    {
        ComputeChoice compute = invocation.Compute();
        return new EmbedderOptions
        {
            Precision = compute.Precision,
            Threads = compute.Threads,
            Deterministic = invocation.Get(deterministic),
            IsCausal = !invocation.Get(attention),
            Pooling = CommonOptions.Pooling(invocation, pooling),
            Normalize = invocation.Get(normalize),
            Dimensions = invocation.Get(dimensions),
            MaxLength = invocation.Get(maxLength),
            BatchTokens = invocation.Get(batchTokens) ?? new EmbedderOptions().BatchTokens,
        };
    }
}
