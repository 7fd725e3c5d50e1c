using System.CommandLine;
using System.Globalization;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco contrastive</c>: scores, loss and gradients of one contrastive step, without an update.</summary>
internal sealed class ContrastiveVerb : Verb
{
    private readonly Argument<string> model = new("MODEL") { Description = "A model folder, a .gguf file or a hub id" };
    private readonly Argument<string> input = new("INPUT")
    {
        Description = "safetensors with q_input_ids, q_mask [B,S] and p_input_ids, p_mask [B·N,S'], each query's positive first",
    };
    private readonly Argument<string> output = new("OUTPUT") { Description = "safetensors that receives scores, loss and grad.*" };
    private readonly Option<double?> temperature = CommonOptions.Number("--temperature", "T", "Scores are divided by it");
    private readonly Option<bool> inBatchNegatives = new("--in-batch-negatives") { Description = "Score each query against the passages of all queries" };
    private readonly NetworkOptions network = new();

    public ContrastiveVerb()
        : base("contrastive", "Computes one contrastive training step without updating the model: scores, loss and the gradient of every weight.",
            new Example("each query against its own passages", "./sirocco contrastive ./ministral batch.safetensors step.safetensors --temperature 0.02"),
            new Example(
                "against all passages of the batch, pooled from the last token",
                "./sirocco contrastive ./ministral batch.safetensors step.safetensors --temperature 0.05 --in-batch-negatives --pooling last"))
    {
        temperature.Required = true;
        Add(model);
        Add(input);
        Add(output);
        Add(temperature);
        Add(inBatchNegatives);
        network.AddTo(this);
    }

    public override int Run(Invocation invocation)
    {
        double given = invocation.Get(temperature)!.Value;
        float t = (float)given;
        if (!(t > 0) || !float.IsFinite(t) || !float.IsFinite(1 / t))
        {
            throw new UsageException(
                string.Create(CultureInfo.InvariantCulture, $"--temperature takes a number above 0 within the range of float32, not {given}"));
        }
        string place = DataFiles.RequirePlace("OUTPUT", invocation.Get(output), "file");
        ForwardPassOptions options = network.Read(invocation, "contrastive");
        using TensorArchive tensors = SafetensorsFile.Open(invocation.Get(input));
        IReadOnlyList<OutgoingTensor> results = ContrastiveStep.Run(
            invocation.Model(invocation.Get(model)), tensors, t, invocation.Get(inBatchNegatives), options, invocation.Cancellation);
        TensorOutput.Write(invocation, place, results);
        return ExitStatus.Success;
    }
}
