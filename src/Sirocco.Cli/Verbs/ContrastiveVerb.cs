using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco contrastive</c>: one contrastive step without update, with its gradients.</summary>
internal sealed class ContrastiveVerb : Verb
{
    private readonly Argument<string> model = new("MODEL") { Description = "A model folder, a .gguf file, or a hub id org/name[@revision]" };
    private readonly Argument<string> input = new("INPUT.safetensors") { Description = "q_input_ids, q_mask i64 [B,S] and p_input_ids, p_mask [B·N,S'], each query's positive first" };
    private readonly Argument<string> output = new("OUTPUT.safetensors") { Description = "scores (divided by the temperature), loss, and grad.NAME of every weight" };
    private readonly Option<double?> temperature = CommonOptions.Number("--temperature", "T", "Scores are divided by it");
    private readonly Option<bool> inBatch = new("--in-batch-negatives") { Description = "Score each query against the passages of all queries" };
    private readonly PassOptions pass = new();

    public ContrastiveVerb()
        : base("contrastive", "Computes one contrastive training step without changing the model: scores, loss, gradients.",
            new Example("each query against its own passages", "./sirocco contrastive ./encoder batch.safetensors out.safetensors --temperature 0.02 --pooling avg"),
            new Example("against those of the whole batch", "./sirocco contrastive ./encoder batch.safetensors out.safetensors --temperature 0.05 --in-batch-negatives"))
    {
        temperature.Required = true;
        Add(model);
        Add(input);
        Add(output);
        Add(temperature);
        Add(inBatch);
        foreach (Option option in pass.All) Add(option);
    }

    public override int Run(Invocation invocation)
    {
        float degree = (float)invocation.Get(temperature)!.Value;
        ForwardPassOptions options = pass.Read(invocation, [], normalizeByDefault: true);
        string folder = ModelLocation.Resolve(invocation, invocation.Get(model));
        using SafetensorsFile batch = SafetensorsFile.Open(invocation.Get(input));
        IReadOnlyList<OutgoingTensor> results = ContrastiveStep.Run(folder, batch, degree, invocation.Get(inBatch), options, invocation.Cancellation);
        SafetensorsWriter.Write(invocation.Get(output), results, cancellation: invocation.Cancellation);
        return ExitStatus.Success;
    }
}
