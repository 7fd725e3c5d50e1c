using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco forward</c>: the network on tensors, for checking numbers against other implementations.</summary>
internal sealed class ForwardVerb : Verb
{
    private readonly Argument<string> model = new("MODEL") { Description = "A model folder, a .gguf file, or a hub id org/name[@revision]" };
    private readonly Argument<string> input = new("INPUT.safetensors") { Description = "input_ids i64 [B,S] or inputs_embeds [B,S,H]; optionally attention_mask, position_ids, labels (-100 = ignored)" };
    private readonly Argument<string> output = new("OUTPUT.safetensors") { Description = "Where the results go, all f32, rows of padding zero" };
    private readonly Option<string?> outputs = new("--outputs")
    {
        Description = "Comma-separated: logits, hidden_states, last_hidden_state, embedding, score, loss, grads (default: what suits the model)",
        HelpName = "LIST",
    };

    private readonly PassOptions pass = new();

    public ForwardVerb()
        : base("forward", "Runs a network once over a padded batch of token ids and writes what another implementation can be compared by.",
            new Example("logits of a causal model", "./sirocco forward ./ministral-3b batch.safetensors out.safetensors --precision f32"),
            new Example("every hidden state, the loss and its gradients", "./sirocco forward ./llama batch.safetensors out.safetensors --outputs hidden_states,loss,grads"),
            new Example("embeddings of unit length", "./sirocco forward ./ministral-3b batch.safetensors out.safetensors --bidirectional --pooling avg --normalize"))
    {
        Add(model);
        Add(input);
        Add(output);
        Add(outputs);
        foreach (Option option in pass.All) Add(option);
    }

    public override int Run(Invocation invocation)
    {
        string[] names = invocation.Get(outputs)?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
        ForwardPassOptions options = pass.Read(invocation, names, normalizeByDefault: false);
        string folder = ModelLocation.Resolve(invocation, invocation.Get(model));
        using SafetensorsFile batch = SafetensorsFile.Open(invocation.Get(input));
        IReadOnlyList<OutgoingTensor> results = ForwardPass.Run(folder, batch, options, invocation.Cancellation);
        SafetensorsWriter.Write(invocation.Get(output), results, cancellation: invocation.Cancellation);
        return ExitStatus.Success;
    }
}
