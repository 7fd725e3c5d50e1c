using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Formats;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco info PATH</c>: what a folder or file is, decided by its content.</summary>
internal sealed class InfoVerb : Verb
{
    private readonly Argument<string> path = new("PATH") { Description = "A model folder, a file of weights, a tokenizer, an index or a data file; or a hub id" };
    private readonly Option<bool> tensors = new("--tensors") { Description = "List every tensor with type, shape and size" };

    public InfoVerb()
        : base("info", "Says what a file or folder is, whatever its name: family, sizes, types, tokenizer, pooling, memory at each precision, and the kernels that this machine runs.",
            new Example("a model folder", "./sirocco info ./ministral-3b"),
            new Example("every tensor of one file", "./sirocco info ./ministral-3b/model.safetensors --tensors"),
            new Example("for a program", "./sirocco info ./demo-output --json"))
    {
        Add(path);
        Add(tensors);
    }

    public override int Run(Invocation invocation)
    {
        string place = invocation.Get(path);
        Facts facts = Describe(place, invocation.Get(tensors));
        if (invocation.Json) facts.WriteJson(invocation.Terminal.Output);
        else facts.WriteText(invocation.Terminal.OutputWriter);
        return ExitStatus.Success;
    }

    private static Facts Describe(string place, bool tensors)
    {
        using TensorArchive archive = TensorArchive.Open(place);
        return new Facts().Add("path", place).Add("weights", Weights(archive)).Add("tensors", tensors ? List(archive) : null);
    }

    private static Facts Weights(TensorArchive archive)
    {
        Facts types = new();
        foreach (IGrouping<StorageType, StoredTensor> group in archive.Tensors.GroupBy(tensor => tensor.Type).OrderBy(group => group.Key))
        {
            types.Add(group.Key.ToString(), $"{group.Count()} tensors, {Facts.Bytes(group.Sum(tensor => tensor.ByteCount))}");
        }

        return new Facts()
            .Add("files", archive.FilePaths.Count())
            .Add("tensors", archive.Tensors.Count)
            .Add("elements", archive.Tensors.Sum(tensor => tensor.ElementCount))
            .Add("bytes", archive.Tensors.Sum(tensor => tensor.ByteCount))
            .Add("types", types);
    }

    private static List<Facts> List(TensorArchive archive) =>
        [.. archive.Tensors.Select(tensor => new Facts()
            .Add("name", tensor.Name)
            .Add("type", tensor.Type.ToString())
            .Add("shape", tensor.Shape.ToArray())
            .Add("bytes", tensor.ByteCount))];
}
