using System.CommandLine;
using Sirocco.Cli.Frame;
using Sirocco.Cli.Records;
using Sirocco.Formats;
using Sirocco.Models;

namespace Sirocco.Cli.Verbs;

/// <summary><c>sirocco forward</c>: one pass of a network over a padded batch, to compare its numbers with another implementation's.</summary>
internal sealed class ForwardVerb : Verb
{
    private readonly Argument<string> model = new("MODEL") { Description = "A model folder, a .gguf file or a hub id" };
    private readonly Argument<string> input = new("INPUT")
    {
        Description = "safetensors with input_ids [B,S] or inputs_embeds [B,S,H], and if wanted attention_mask, position_ids, labels [B,S]",
    };
    private readonly Argument<string> output = new("OUTPUT") { Description = "safetensors that receives the outputs, all f32" };

    private readonly Option<string?> outputs = new("--outputs")
    {
        Description = "Some of logits, hidden_states, last_hidden_state, embedding, score, loss, grads (default: what the model is for)",
        HelpName = "LIST",
    };

    private readonly NetworkOptions network = new();

    public ForwardVerb()
        : base("forward", "Runs a network on token ids and writes what it gives, for checking numbers against other implementations.",
            new Example("logits of a causal model in f32", "./sirocco forward ./llama input.safetensors output.safetensors --precision f32"),
            new Example(
                "pooled vectors and all hidden states",
                "./sirocco forward ./ministral input.safetensors output.safetensors --bidirectional --pooling avg --outputs embedding,hidden_states"),
            new Example("the loss of labels and its gradients", "./sirocco forward ./llama input.safetensors output.safetensors --outputs loss,grads"))
    {
        Add(model);
        Add(input);
        Add(output);
        Add(outputs);
        Add(CommonOptions.Adapter);
        network.AddTo(this);
    }

    public override int Run(Invocation invocation)
    {
        string place = DataFiles.RequirePlace("OUTPUT", invocation.Get(output), "file");
        string[] names = OutputNames(invocation.Get(outputs));
        string? differentiated = names.FirstOrDefault(name => name is "loss" or "grads");
        ForwardPassOptions options = network.Read(invocation, differentiated is null ? null : $"--outputs {differentiated}") with { Outputs = names };
        options = options with { Model = options.Model with { Adapter = invocation.Adapter() } };
        using TensorArchive tensors = SafetensorsFile.Open(invocation.Get(input));
        TensorOutput.Write(invocation, place, ForwardPass.Run(invocation.Model(invocation.Get(model)), tensors, options, invocation.Cancellation));
        return ExitStatus.Success;
    }

    private static string[] OutputNames(string? list)
    {
        if (list is null) return [];
        string[] names = list.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string known = string.Join(", ", ForwardPass.OutputNames);
        if (names.Length == 0) throw new UsageException($"--outputs names no output; there are {known}");
        if (names.FirstOrDefault(name => !ForwardPass.OutputNames.Contains(name)) is not { } unknown) return names;
        if (unknown == "image_features")
            throw new NotSupportedException("--outputs image_features needs a vision tower, which is not supported yet; leave it out");
        throw new UsageException($"there is no output '{unknown}'; "
            + $"{(NearestWord.Find(unknown, ForwardPass.OutputNames) is { } near ? $"did you mean {near}?" : $"there are {known}")}");
    }
}
