using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Cli.Verbs.Info;
using Sirocco.Compute;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco info PATH</c>: what a folder or file is, decided by its content.</summary>
internal sealed class InfoVerb : Verb
{
    private readonly Argument<string> path = new("PATH")
    {
        Description = "A model folder, a file of weights, a tokenizer, an index or a data file; or a hub id",
    };
    private readonly Option<bool> tensors = new("--tensors") { Description = "List every tensor with type, shape and size" };

    private readonly Option<int?> rows = new("--rows") { Description = "Print the first N rows of a Parquet or Arrow file as JSON Lines instead" };

    public InfoVerb()
        : base("info", "Says what a file or folder is, whatever its name: family, sizes, types, tokenizer, pooling, memory at each precision, "
            + "and the kernels that this machine runs.",
            new Example("a model folder, with every tensor", "./sirocco info ./ministral-3b --tensors"),
            new Example("the columns and first rows of a data file", "./sirocco info ./data/train.parquet --rows 3"),
            new Example("for a program", "./sirocco info ./demo-output --json"))
    {
        Add(path);
        Add(tensors);
        Add(rows);
    }

    public override int Run(Invocation invocation)
    {
        if (invocation.Get(rows) is not null) invocation.Refuse("has no use with --rows, which prints rows; leave it out", tensors);
        string place = invocation.Model(invocation.Get(path));
        if (invocation.Get(rows) is { } count)
        {
            TableDescription.WriteRows(place, count, invocation.Terminal.Output);
            return ExitStatus.Success;
        }

        Facts facts = Directory.Exists(place) ? FolderDescription.Of(place, invocation.Get(tensors)) : FileDescription.Of(place, invocation.Get(tensors));
        using (ComputeContext context = new(new ComputeOptions { Threads = 1 })) facts.Add("kernels", context.KernelDescription);
        if (invocation.Json) facts.WriteJson(invocation.Terminal.Output);
        else facts.WriteText(invocation.Terminal.OutputWriter);
        return ExitStatus.Success;
    }
}
