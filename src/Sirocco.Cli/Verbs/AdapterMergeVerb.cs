using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco adapter merge</c>: a model's folder with an adapter in its weights.</summary>
internal sealed class AdapterMergeVerb : Verb
{
    private readonly Argument<string> model = new("MODEL") { Description = "The base model's folder or hub id" };
    private readonly Argument<string> adapter = new("ADAPTER") { Description = "The folder of a LoRA or DoRA adapter, as peft or NeMo AutoModel saves it" };
    private readonly Argument<string> output = new("OUT") { Description = "A new folder for the merged model" };

    public AdapterMergeVerb()
        : base("merge", "Writes a copy of a model with an adapter's update in its weights, in the model's own type, with its tokenizer and settings.",
            new Example("a model that every program loads, from an adapter", "./sirocco adapter merge ./ministral-3b ./run/epoch_0_step_100/model ./merged"),
            new Example("into a model of the hub", "./sirocco adapter merge nvidia/Nemotron-3-Embed-1B ./adapter ./merged --quiet"))
    {
        Add(model);
        Add(adapter);
        Add(output);
    }

    public override int Run(Invocation invocation)
    {
        string place = DataFiles.RequirePlace("OUT", invocation.Get(output), "folder");
        (string from, string update) = (invocation.Get(model), invocation.Get(adapter));
        Adapter.Merge(invocation.Model(from), invocation.Model(update), place, invocation.Cancellation);
        if (invocation.Json) new Facts().Add("model", from).Add("adapter", update).Add("output", place).WriteJson(invocation.Terminal.Output);
        return ExitStatus.Success;
    }
}
